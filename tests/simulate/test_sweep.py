"""Sweeps on disk: the same data, killed and resumed, mismatched, on a full disk."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from snnsurrogate import dataset, schema
from snnsurrogate.dataset import files
from snnsurrogate.dataset import store as store_module
from snnsurrogate.simulate import _cells, brian2_engine
from snnsurrogate.simulate.designs import Design
from snnsurrogate.simulate.sweep import simulate

pytestmark = pytest.mark.brian

DESIGN = Design.sobol({"V_S": (-44, -33)}, n=200)
TIMES = {"duration": "1 s", "record_every": "10 ms", "transient": "100 ms"}


@pytest.fixture(scope="module")
def plain():
    return simulate("sherman", DESIGN, **TIMES)


@pytest.fixture
def small_shards(monkeypatch):
    """Shards of 64 samples x 30 records, so that a small sweep has many."""
    monkeypatch.setattr(_cells, "SHARD_BYTES", 64 * 3 * 8 * 30)


def same(a, b):
    drop = {"created", "encoding"}
    assert {k: v for k, v in a.attrs.items() if k not in drop} == {
        k: v for k, v in b.attrs.items() if k not in drop
    }
    xr.testing.assert_identical(a.drop_attrs(deep=False), b.drop_attrs(deep=False))


def shards(folder):
    return sorted(path.name for path in Path(folder).glob("shard-*.npz"))


def test_folder_and_file_hold_the_same_as_memory(plain, tmp_path, small_shards):
    to_folder = simulate("sherman", DESIGN, out=tmp_path / "store", **TIMES)
    to_file = simulate("sherman", DESIGN, out=tmp_path / "sweep.nc", **TIMES)
    for ds in (
        to_folder,
        to_file,
        dataset.open(tmp_path / "store"),
        dataset.open(tmp_path / "sweep.nc"),
    ):
        same(ds, plain)
    assert len(shards(tmp_path / "store")) == 4 * 4
    assert dataset.check(tmp_path / "store") == []
    assert dataset.check(tmp_path / "sweep.nc") == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store", "sweep.nc"]


def test_a_finished_sweep_is_not_run_again(plain, tmp_path, monkeypatch):
    simulate("sherman", DESIGN, out=tmp_path / "store", **TIMES)
    simulate("sherman", DESIGN, out=tmp_path / "sweep.nc", **TIMES)

    def refuse(*_, **__):
        raise AssertionError("simulated again")

    monkeypatch.setattr(brian2_engine.Program, "run", refuse)
    same(simulate("sherman", DESIGN, out=tmp_path / "store", **TIMES), plain)
    same(simulate("sherman", DESIGN, out=tmp_path / "sweep.nc", **TIMES), plain)


def test_missing_and_damaged_shards_are_made_again(plain, tmp_path, small_shards):
    folder = tmp_path / "store"
    simulate("sherman", DESIGN, out=folder, **TIMES)
    names = shards(folder)
    (folder / names[5]).unlink()
    damaged = folder / names[9]
    damaged.write_bytes(damaged.read_bytes()[:-100])
    flipped = bytearray((folder / names[12]).read_bytes())
    flipped[len(flipped) // 2] ^= 0xFF
    (folder / names[12]).write_bytes(flipped)
    before = {name: (folder / name).stat().st_mtime_ns for name in names if name != names[5]}
    partial = dataset.open(folder)
    # Samples of blocks 1, 2 and 3 lack a shard each; block 0 is whole.
    assert partial["status"].values.tolist() == [0] * 64 + [3] * 136
    same(simulate("sherman", DESIGN, out=folder, **TIMES), plain)
    remade = [n for n in before if (folder / n).stat().st_mtime_ns != before[n]]
    assert sorted(remade) == [names[9], names[12]]


RUN = """
import sys, time, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored if started in the background
from snnsurrogate.simulate import _cells, designs, sweep
from snnsurrogate.dataset import store
_cells.SHARD_BYTES = 64 * 3 * 8 * 30
write = store.Store.write
def slow(self, *a, **k):
    write(self, *a, **k)
    print("shard", flush=True)
    time.sleep(0.05)
store.Store.write = slow
design = designs.Design.sobol({"V_S": (-44, -33)}, n=200)
print("begin", flush=True)
times = dict(duration="1 s", record_every="10 ms", transient="100 ms")
sweep.simulate("sherman", design, out=sys.argv[1], processes=1, **times)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_killed_sweep_resumes(plain, tmp_path, number, small_shards):
    folder = tmp_path / "sweep.nc" if number == signal.SIGINT else tmp_path / "store"
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        seen = 0
        for line in process.stdout:
            seen += line == "shard\n"
            if seen == 5:
                process.send_signal(number)
                break
        process.wait(timeout=30)
        words = process.stderr.read()
    home = tmp_path / ".sweep.nc.shards" if number == signal.SIGINT else folder
    if number == signal.SIGINT:
        assert "the same call goes on" in words
        assert not folder.exists()
    kept = shards(home)
    assert 5 <= len(kept) < 16
    before = {name: (home / name).stat().st_mtime_ns for name in kept}
    written = []
    original = store_module.Store.write

    def counted(self, block, chunk, **arrays):
        written.append(self.path(block, chunk).name)
        original(self, block, chunk, **arrays)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module.Store, "write", counted)
        same(simulate("sherman", DESIGN, out=folder, **TIMES), plain)
    assert len(written) == 16 - len(before)
    assert not set(written) & set(before)
    leftovers = [p for p in tmp_path.rglob(".*.part")]
    assert leftovers == []


def test_workers_end_with_their_parent(tmp_path):
    """A simulator whose reader was killed must not go on computing."""
    code = RUN.replace('duration="1 s"', 'duration="3000 s"').replace("processes=1", "processes=2")
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "store")], stdout=subprocess.PIPE, text=True
    )
    with process:
        for line in process.stdout:
            if line == "shard\n":
                break
        children = _children(process.pid)
        assert children
        process.kill()
        process.wait(timeout=30)
    deadline = time.monotonic() + 20
    while any(_running(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [child for child in children if _running(child)]


def _children(parent):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def _running(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("name", ["store", "sweep.nc"])
def test_another_sweep_is_refused_and_named(plain, tmp_path, name):
    out = tmp_path / name
    simulate("sherman", DESIGN, out=out, **TIMES)
    content = dataset.open(out).attrs["content_hash"]
    changes = (
        ({"duration": "2 s"}, 'duration: stored "1 s", asked "2 s"'),
        ({"dt": "0.5 ms"}, "dt"),
        ({"seed": 1}, "seed: stored 0, asked 1"),
    )
    for change, message in changes:
        with pytest.raises(dataset.StoreMismatch, match=message):
            simulate("sherman", DESIGN, out=out, **(TIMES | change))
    with pytest.raises(dataset.StoreMismatch, match=r"(?s)nothing was over.*parameters: stored"):
        simulate("sherman", Design.sobol({"V_S": (-44, -33)}, n=200, seed=1), out=out, **TIMES)
    with pytest.raises(dataset.StoreMismatch, match="system"):
        simulate("sherman-bistable", DESIGN, out=out, **TIMES)
    assert dataset.open(out).attrs["content_hash"] == content


def test_a_sweep_changed_by_hand_is_not_taken_for_the_whole(plain, tmp_path):
    import netCDF4

    out = dataset.save(plain, tmp_path / "sweep.nc")
    same(simulate("sherman", DESIGN, out=out, **TIMES), plain)
    dataset.save(schema.select(plain, np.arange(50)), out)
    with pytest.raises(dataset.DatasetError, match=r"sweep\.nc was changed after"):
        simulate("sherman", DESIGN, out=out, **TIMES)
    assert dataset.open(out).sizes["sample"] == 50
    dataset.save(plain, out)
    with netCDF4.Dataset(out, "a") as file:
        file["V"][1, 3] = -12.0
    with pytest.raises(dataset.DatasetError, match=r"sweep\.nc was changed after"):
        simulate("sherman", DESIGN, out=out, **TIMES)


def test_foreign_targets_are_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("do not touch")
    (tmp_path / "other.nc").write_text("not netCDF")
    for name in ("mine", "other.nc", "mine/thesis.txt"):
        with pytest.raises(dataset.DatasetError, match=Path(name).stem):
            simulate("sherman", DESIGN, out=tmp_path / name, **TIMES)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "do not touch"
    assert (tmp_path / "other.nc").read_text() == "not netCDF"


def test_a_full_disk_is_a_clean_error_and_resumes(plain, tmp_path, monkeypatch, small_shards):
    folder = tmp_path / "store"
    savez = np.savez
    room = [7]  # files that still fit

    def full(file, **arrays):
        room[0] -= 1
        if room[0] < 0:
            file.write(b"half a shard")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        savez(file, **arrays)

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(OSError, match="No space left.*Finished shards are kept") as caught:
            simulate("sherman", DESIGN, out=folder, **TIMES)
        assert caught.value.errno == errno.ENOSPC
    kept = shards(folder)
    assert len(kept) == 6  # and the header
    assert not list(folder.glob(".*"))
    same(simulate("sherman", DESIGN, out=folder, **TIMES), plain)


def test_a_full_disk_at_the_end_keeps_the_shards(plain, tmp_path, monkeypatch):
    def full(self, path, **_):
        Path(path).write_bytes(b"half a file")
        raise RuntimeError("NetCDF: HDF error")

    with monkeypatch.context() as patch:
        patch.setattr(xr.Dataset, "to_netcdf", full)
        with pytest.raises(OSError, match="Is the disk full"):
            simulate("sherman", DESIGN, out=tmp_path / "sweep.nc", **TIMES)
    assert [p.name for p in tmp_path.iterdir()] == [".sweep.nc.shards"]
    same(simulate("sherman", DESIGN, out=tmp_path / "sweep.nc", **TIMES), plain)
    assert [p.name for p in tmp_path.iterdir()] == ["sweep.nc"]


def test_damaged_store_files_are_named(tmp_path):
    folder = tmp_path / "store"
    simulate("sherman", Design.points({"V_S": [-40]}), out=folder, **TIMES)
    (folder / "header.npz").write_bytes(b"x")
    with pytest.raises(dataset.DatasetError, match=r"header\.npz is damaged"):
        dataset.open(folder)
    simulate("sherman", Design.points({"V_S": [-40]}), out=folder, **TIMES)  # mends it
    assert dataset.check(folder) == []
    (folder / "header.npz").unlink()
    assert "header.npz is missing" in dataset.check(folder)[0]
    (folder / "manifest.json").write_text("{")
    with pytest.raises(dataset.DatasetError, match=r"manifest\.json is damaged"):
        dataset.open(folder)
    (folder / "manifest.json").write_text(json.dumps({"format": "other"}))
    with pytest.raises(dataset.DatasetError, match="expected format"):
        dataset.open(folder)


def test_progress_goes_to_stderr(tmp_path, capsys):
    simulate("sherman", DESIGN, progress=True, **TIMES)
    shown = capsys.readouterr()
    assert "simulate" in shown.err
    assert "100 %" in shown.err
    assert shown.out == ""
    simulate("sherman", DESIGN, progress=False, **TIMES)
    assert capsys.readouterr().err == ""


def test_spikes_are_those_of_the_shared_detector(plain):
    from snnsurrogate.features.spikes import detect

    assert plain["spike_count"].values.sum() > 100
    for i in (0, 64, 199):
        expected = detect(plain["V"].values[i], 0.01, threshold=-35.0, reset=-40.0)
        np.testing.assert_array_equal(schema.spikes_of(plain, i), expected)


def test_large_sweeps_stay_on_disk(plain, tmp_path, monkeypatch, small_shards):
    monkeypatch.setattr(files, "IN_MEMORY", 0)
    for out in (tmp_path / "store", tmp_path / "sweep.nc"):
        ds = simulate("sherman", DESIGN, out=out, **TIMES)
        for lazy in (ds, dataset.open(out)):
            assert not lazy["V"].variable._in_memory
            assert lazy.attrs["content_hash"] == plain.attrs["content_hash"]
            np.testing.assert_array_equal(lazy["V"][100:140, 20:70], plain["V"][100:140, 20:70])
            np.testing.assert_array_equal(lazy["S"][7], plain["S"][7])
            np.testing.assert_array_equal(lazy["n"][:, -1], plain["n"][:, -1])
            np.testing.assert_array_equal(lazy["V"][[3, 150], ::7], plain["V"][[3, 150], ::7])
            assert not lazy["V"].variable._in_memory
            part = schema.select(lazy, [5, 199])
            np.testing.assert_array_equal(part["V"].values, plain["V"].values[[5, 199]])
            same(lazy, plain)
        assert dataset.check(out) == []
        lazy.close()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_sweep(tmp_path):
    code = (
        "import resource, sys\n"
        "from snnsurrogate.dataset import files\n"
        "files.IN_MEMORY = 0\n"
        "from snnsurrogate.simulate import Design, simulate\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "def run(n, name):\n"
        "    simulate('sherman', Design.sobol({'V_S': (-44, -33)}, n=n), duration='100 s',\n"
        "             record_every='10 ms', out=sys.argv[1] + name)\n"
        "    return peak()\n"
        "run(128, 'a.nc')\n"
        "first, second = run(128, 'b.nc'), run(1024, 'c.nc')\n"
        "print(second - first)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, f"{tmp_path}/"], capture_output=True, text=True, check=True
    )
    assert float(run.stdout) < 60  # MiB, for 215 MiB more of data


def test_shards_left_by_a_kill_after_the_file_are_removed(tmp_path):
    design, home = Design.points({"V_S": [-40]}), tmp_path / ".sweep.nc.shards"
    simulate("sherman", design, out=home, **TIMES)
    simulate("sherman", design, out=tmp_path / "plain.nc", **TIMES).close()
    (tmp_path / "plain.nc").rename(tmp_path / "sweep.nc")
    simulate("sherman", design, out=tmp_path / "sweep.nc", **TIMES)
    assert [p.name for p in tmp_path.iterdir()] == ["sweep.nc"]
    simulate("sherman", Design.points({"V_S": [-36]}), out=home, **TIMES)
    simulate("sherman", design, out=tmp_path / "sweep.nc", **TIMES)
    assert home.exists(), "the shards of another sweep are kept"


def test_two_processes_make_one_file(tmp_path):
    code = (
        "import sys; from snnsurrogate.simulate.sweep import simulate, Design\n"
        "ds = simulate('sherman', Design.sobol({'V_S': (-44, -33)}, n=40), duration='20 s', "
        "record_every='10 ms', out=sys.argv[1], progress=False)\n"
        "print(ds.attrs['content_hash'])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "sweep.nc")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    hashes = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert hashes[0] == hashes[1] != ""
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.nc"]


def test_one_at_a_time(tmp_path, capsys):
    order, first = [], threading.Event()

    def work(name):
        with store_module.exclusive(tmp_path / "a.nc"):
            order.append(name)
            first.set()
            time.sleep(0.2)
            order.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    threads[0].start()
    first.wait()
    threads[1].start()
    for thread in threads:
        thread.join()
    assert order == ["a", "a", "b", "b"]
    assert "another process" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
