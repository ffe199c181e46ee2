"""Scores on disk: damaged and foreign files named, a full disk changes nothing."""

import numpy as np
import pytest
import xarray as xr

import snnsurrogate as sns
from snnsurrogate.dataset import DatasetError


@pytest.fixture
def path(tmp_path):
    noise = np.random.default_rng(0).normal(size=(3, 40, 100))
    scores = xr.Dataset(
        {
            "regime": (("source", "sample"), np.zeros((3, 40), dtype=np.int8)),
            "confusion": (("label", "label_predicted"), np.zeros((3, 4), dtype=np.int64)),
            "trace_V": (("source", "sample", "time"), noise),
        }
    )
    return sns.save_scores(scores, tmp_path / "scores.nc")


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_truncated_scores_are_named(path, keep):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(DatasetError, match=r"scores\.nc is truncated, damaged or no netCDF"):
        sns.open_scores(path)


def test_damaged_scores_are_named(path):
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 2000] = bytes(2000)
    path.write_bytes(whole)
    with pytest.raises(DatasetError, match=r"scores\.nc is truncated, damaged or no netCDF"):
        sns.open_scores(path)


def test_foreign_files_are_named(tmp_path):
    (tmp_path / "text.nc").write_text("hello")
    with pytest.raises(DatasetError, match=r"text\.nc is truncated, damaged or no netCDF"):
        sns.open_scores(tmp_path / "text.nc")
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "other.nc")
    with pytest.raises(DatasetError, match="holds no scores"):
        sns.open_scores(tmp_path / "other.nc")


def test_a_full_disk_changes_nothing(path, monkeypatch):
    scores, before = sns.open_scores(path), path.read_bytes()

    def full(self, target, **_):
        target.write_bytes(b"half a file")
        raise RuntimeError("NetCDF: HDF error")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", full)
    with pytest.raises(OSError, match="nothing was changed. Is the disk full"):
        sns.save_scores(scores, path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["scores.nc"]
