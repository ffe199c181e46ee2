"""Datasets on disk: round trip, atomic writes, and every kind of bad file named."""

import errno
import hashlib
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from snnsurrogate import _shipped, dataset, schema


def test_round_trip_is_exact(toy, tmp_path):
    ds = toy()
    path = dataset.save(ds, tmp_path / "a.nc")
    back = dataset.open(path)
    xr.testing.assert_identical(back.drop_attrs(deep=False), ds.drop_attrs(deep=False))
    assert back.attrs == ds.attrs
    assert {str(n): v.dtype for n, v in back.variables.items()} == {
        str(n): v.dtype for n, v in ds.variables.items()
    }
    assert dataset.check(path) == []
    dataset.save(back, path)  # over itself
    assert dataset.check(path) == []


def test_file_is_cf_and_compressed(toy, tmp_path):
    import netCDF4

    path = dataset.save(toy(V_S=np.linspace(-44, -33, 50), records=500), tmp_path / "a.nc")
    with netCDF4.Dataset(path) as file:
        assert file.Conventions.startswith("CF-")
        assert file["spike_count"].sample_dimension == "spike"
        assert file["status"].flag_meanings == "ok diverged non_finite interrupted runaway"
        assert file["V"].filters()["zlib"]
        assert file["V"].units == "mV"
    assert path.stat().st_size < 50 * 500 * 2 * 8


def test_empty_spikes_and_float32_survive(toy, tmp_path):
    ds = toy(V_S=[-44.0], n=np.zeros((1, 31), dtype=np.float32))
    back = dataset.open(dataset.save(ds, tmp_path / "a.nc"))
    assert schema.unpack_spikes(back)[0].size == 0
    assert back["n"].dtype == np.float32
    assert dataset.check(tmp_path / "a.nc") == []


def test_masked_failures_are_saved_unmasked_ones_refused(toy, tmp_path):
    V = np.zeros((3, 31))
    V[1, 5] = np.nan
    back = dataset.open(dataset.save(toy(V=V), tmp_path / "a.nc"))
    assert schema.ok(back).tolist() == [True, False, True]
    assert np.isnan(back["V"].values[1, 5])
    bad = toy(V=V)
    bad["status"].values[:] = 0
    with pytest.raises(schema.SchemaError, match="'V' is not finite in sample 1"):
        dataset.save(bad, tmp_path / "b.nc")
    assert not (tmp_path / "b.nc").exists()


def test_saving_renews_the_hash(toy, tmp_path):
    ds = toy()
    ds["V"].values[0] += 1.0
    assert dataset.check(dataset.save(ds, tmp_path / "a.nc")) == []


def test_a_failed_save_changes_nothing(toy, tmp_path, monkeypatch):
    path = dataset.save(toy(), tmp_path / "a.nc")
    before = path.read_bytes()
    write = xr.Dataset.to_netcdf

    def dies(self, target, **more):
        write(self, target, **more)
        with open(target, "rb+") as file:
            file.truncate(500)
        raise RuntimeError("NetCDF: HDF error")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", dies)
    with pytest.raises(OSError, match="nothing was changed"):
        dataset.save(toy(V_S=[-40.0]), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.nc"]


def test_a_refused_write_is_not_a_full_disk(toy, tmp_path, monkeypatch):
    def refused(self, target, **more):
        raise PermissionError(errno.EACCES, "Permission denied", str(target))

    monkeypatch.setattr(xr.Dataset, "to_netcdf", refused)
    with pytest.raises(OSError, match=r"Permission denied.*May you write to this folder") as stop:
        dataset.save(toy(), tmp_path / "a.nc")
    assert "disk" not in str(stop.value)


@pytest.mark.parametrize("length", [0, 4, 100, 2000, -1])
def test_truncated_files_are_named(toy, tmp_path, length):
    whole = dataset.save(toy(), tmp_path / "a.nc").read_bytes()
    path = tmp_path / "cut.nc"
    path.write_bytes(whole[:length])
    with pytest.raises(dataset.DatasetError, match=r"cut\.nc"):
        dataset.open(path)
    (found,) = dataset.check(path)
    assert "cut.nc" in found


def test_foreign_files_are_named(tmp_path):
    (tmp_path / "text.nc").write_text("hello, world, this is no netCDF")
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "foreign.nc")
    with pytest.raises(dataset.DatasetError, match=r"text\.nc is no netCDF file"):
        dataset.open(tmp_path / "text.nc")
    with pytest.raises(dataset.DatasetError, match=r"(?s)foreign\.nc is no data.*schema_version"):
        dataset.open(tmp_path / "foreign.nc")
    assert len(dataset.check(tmp_path / "foreign.nc")) > 5
    (tmp_path / "folder").mkdir()
    with pytest.raises(dataset.DatasetError, match="is no store"):
        dataset.open(tmp_path / "folder")


def test_altered_values_are_found_by_check(toy, tmp_path):
    import netCDF4

    path = dataset.save(toy(), tmp_path / "a.nc")
    with netCDF4.Dataset(path, "a") as file:
        file["V"][1, 3] = -12.0
    assert "content_hash differs" in dataset.check(path)[0]
    with netCDF4.Dataset(path, "a") as file:
        file["V"].units = "V"
        file["status"][0] = 7
    found = dataset.check(path)
    assert any("flags outside" in line for line in found)


def test_damage_inside_a_file_is_named_when_it_is_read_lazily(toy, tmp_path):
    rng = np.random.default_rng(0)
    path = dataset.save(toy(records=3000, n=rng.normal(size=(3, 3000))), tmp_path / "a.nc")
    whole = bytearray(path.read_bytes())
    middle = len(whole) // 2  # inside the compressed states
    whole[middle : middle + 3000] = bytes(3000)
    path.write_bytes(whole)
    for load in (True, False):
        with pytest.raises(dataset.DatasetError, match=r"a\.nc is truncated or damaged"):
            dataset.open(path, load=load)
    assert "a.nc is truncated or damaged" in dataset.check(path)[0]


def test_absent_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*absent\.nc"):
        dataset.open(tmp_path / "absent.nc")
    assert "absent.nc" in dataset.check(tmp_path / "absent.nc")[0]
    with pytest.raises(FileNotFoundError, match="no shipped data 'no-such-name'"):
        dataset.open("no-such-name")


def test_shipped_names_are_verified(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(_shipped, "folder", lambda name: tmp_path)
    dataset.save(toy(), tmp_path / "mini.nc")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "card.json").write_text("{}")
    entries = {}
    for name in ("mini.nc", "model/card.json"):
        entries[name] = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    lines = "".join(f"{value}  {name}\n" for name, value in entries.items())
    (tmp_path / "checksums.txt").write_text("# made by hand\n" + lines)
    assert dataset.open("mini").attrs["system"] == "toy"
    assert dataset.shipped("model") == tmp_path / "model"
    with pytest.raises(FileNotFoundError, match="shipped are: mini, model. Did you mean 'mini'"):
        dataset.shipped("minii")
    (tmp_path / "model" / "card.json").write_text("{ }")
    with pytest.raises(dataset.DatasetError, match=r"card\.json was altered"):
        dataset.shipped("model")
    (tmp_path / "model" / "card.json").unlink()
    with pytest.raises(dataset.DatasetError, match="is missing"):
        dataset.shipped("model")


def test_writer_killed_in_the_middle_leaves_the_old_file(toy, tmp_path):
    path = dataset.save(toy(), tmp_path / "a.nc")
    before = path.read_bytes()
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from snnsurrogate.dataset.store import atomic\n"
        "with atomic(Path(sys.argv[1])) as private:\n"
        "    private.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2
    dataset.save(toy(), path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.nc"]
