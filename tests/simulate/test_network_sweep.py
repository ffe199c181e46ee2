"""Sweeps of networks: memory, file and store alike, killed and resumed, runaway, bad input."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from snnsurrogate import dataset, schema, systems
from snnsurrogate.dataset.store import StoreMismatch
from snnsurrogate.simulate import _networks, exact
from snnsurrogate.simulate.designs import Design
from snnsurrogate.simulate.sweep import simulate

# Small cells fire at the same rates; tau_EE chooses the regime.
SMALL = systems.get("markov-if:small-regular")
DESIGN = Design.sobol({"tau_EE": (1.4, 4.0), "S_EI": (18.0, 22.0)}, n=6)
TIMES = {"duration": "300 ms", "record_every": "1 ms", "transient": "50 ms"}


def run(**changes):
    return simulate(SMALL, changes.pop("design", DESIGN), **(TIMES | {"engine": "exact"} | changes))


@pytest.fixture(scope="module")
def plain():
    return run()


@pytest.fixture
def short_pieces(monkeypatch):
    monkeypatch.setattr(_networks, "PIECE", 60.0)


def same(a, b):
    xr.testing.assert_identical(a.drop_attrs(deep=False), b.drop_attrs(deep=False))
    assert a.attrs["content_hash"] == b.attrs["content_hash"]


def test_dataset_of_a_network(plain):
    assert schema.violations(plain, content=True) == []
    assert schema.series_of(plain) == [
        "rate_E", "rate_I", "H_EE", "H_IE", "H_EI", "H_II", "R_E", "R_I",
    ]  # fmt: skip
    assert schema.histograms_of(plain) == ["V_E", "V_I"]
    assert schema.populations_of(plain) == {"E": "N_E", "I": "N_I"}
    assert plain.attrs["dt"] == "0 ms"
    assert plain.attrs["method"] == "direct method"
    assert plain["rate_E"].attrs["units"] == "Hz"
    assert plain["tau_EE"].attrs["units"] == "ms"


def test_rates_are_the_spikes_and_histograms_the_cells(plain):
    for sample in range(plain.sizes["sample"]):
        table = schema.spike_table(plain, sample)
        for number, (name, cells) in enumerate((("E", 75), ("I", 25))):
            mine = table["population"] == number
            counts, _ = np.histogram(table["time"][mine], bins=np.arange(301.0))
            rates = plain[f"rate_{name}"][sample, 1:].values
            np.testing.assert_allclose(rates, counts / cells * 1e3, rtol=1e-6)
            assert table["neuron"][mine].max(initial=0) < cells
            awake = plain[f"V_{name}"][sample].values.sum(axis=1)
            np.testing.assert_array_equal(awake + plain[f"R_{name}"][sample].values, cells)


def test_file_store_and_memory_hold_the_same(plain, tmp_path):
    for path in (tmp_path / "store", tmp_path / "sweep.nc"):
        same(run(out=path), plain)
        same(dataset.open(path), plain)
        same(dataset.open(path, load=False), plain)
        assert dataset.check(path) == []
    lazy = dataset.open(tmp_path / "store", load=False)
    assert not lazy["spike_time"].variable._in_memory
    np.testing.assert_array_equal(lazy["V_E"][3, 10:20, 5].values, plain["V_E"][3, 10:20, 5].values)
    np.testing.assert_array_equal(schema.spikes_of(lazy, 4), schema.spikes_of(plain, 4))
    lazy_file = dataset.open(tmp_path / "sweep.nc", load=False)
    assert not lazy_file["V_E"].variable._in_memory


def test_numbers_do_not_depend_on_processes_or_pieces_made_before(plain, tmp_path, short_pieces):
    assert run(processes=1).equals(run(processes=2))
    whole = run(out=tmp_path / "a")
    run(out=tmp_path / "b")
    for path in sorted((tmp_path / "b").glob("shard-*"))[::2]:
        path.unlink()
    half = dataset.open(tmp_path / "b")
    assert (half["status"] == schema.FLAGS["interrupted"]).all()
    same(run(out=tmp_path / "b"), whole)


def test_select_and_concat_keep_labels(plain):
    part = schema.select(plain, [4, 1])
    both = schema.concat([part, schema.select(plain, [0])])
    for position, sample in enumerate((4, 1, 0)):
        expected, got = schema.spike_table(plain, sample), schema.spike_table(both, position)
        assert expected.keys() == got.keys() == {"time", "neuron", "population", "cause"}
        for name in expected:
            np.testing.assert_array_equal(got[name], expected[name])
    assert schema.violations(both) == []


def test_record_chooses_what_is_kept():
    bare = run(record=[])
    assert "spike_time" not in bare
    assert not schema.histograms_of(bare)
    assert schema.series_of(bare)
    spikes = run(record=["spikes"])
    assert "spike_time" in spikes
    assert bare["rate_E"].equals(spikes["rate_E"])


def test_another_seed_is_another_run(plain):
    other = run(seed=1)
    assert (other["spike_count"] != plain["spike_count"]).any()
    np.testing.assert_array_equal(other["tau_EE"].values, plain["tau_EE"].values)


def test_a_runaway_is_stopped_and_marked():
    """Without inhibition and with strong excitation the cells fire at their ceiling."""
    loud = {"S_EI": 0.0, "S_II": 0.0, "P_EE": 0.8, "S_EE": 40.0, "tau_EE": 1.0}
    design = Design.points(loud) + Design.points({"S_EI": 20.0})
    ds = run(design=design, duration="2 s", transient="0 s")
    assert ds["status"].values.tolist() == [schema.FLAGS["runaway"], schema.FLAGS["ok"]]
    rates = ds["rate_E"].values
    stop = np.flatnonzero(np.isnan(rates[0]))[0]
    assert np.isnan(rates[0, stop:]).all()
    assert 0 < stop <= 100, "stopped soon, not left to run"
    assert stop - 1 < schema.spikes_of(ds, 0).max() <= 100
    assert np.isfinite(rates[1]).all()
    assert schema.violations(ds) == []


def test_sizes_are_parameters(tmp_path):
    design = Design.points({"N_E": [75, 150], "N_I": [25, 50], "S_EE": [20, 10]})
    ds = run(design=design)
    assert ds["N_E"].values.tolist() == [75, 150]
    awake = (ds["V_E"].sum("voltage") + ds["R_E"])[:, 0].values
    assert awake.tolist() == [75, 150]


RUN = """
import sys, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored if started in the background
import snnsurrogate as sns
from snnsurrogate.simulate import _networks
_networks.PIECE = 100.0
net = sns.systems.get("markov-if:small-regular")
design = sns.Design.grid({"tau_EE": [1.5, 2.0, 3.0]})
sns.simulate(net, design, duration="3 s", record_every="1 ms", engine="exact", out=sys.argv[1],
             processes=1)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_sweep_resumes(tmp_path, number):
    whole = tmp_path / "whole"
    subprocess.run([sys.executable, "-c", RUN, str(whole)], check=True)
    folder = tmp_path / "store"
    with subprocess.Popen([sys.executable, "-c", RUN, str(folder)]) as process:
        for _ in range(6000):
            if len(list(folder.glob("shard-*"))) >= 10 or process.poll() is not None:
                break
            time.sleep(0.005)
        process.send_signal(number)
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("shard-*")}
    assert 10 <= len(kept) < 80
    subprocess.run([sys.executable, "-c", RUN, str(folder)], check=True)
    assert not list(tmp_path.rglob(".*")), "what a kill left half written is taken away"
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("shard-*")}
    assert len(after) == 3 * 31
    assert {name: after[name] for name in kept} == kept, "finished shards are not made again"
    same(dataset.open(folder), dataset.open(whole))


MEMORY = """
import resource
import sys
import numpy as np
import snnsurrogate as sns
from snnsurrogate.dataset import files
files.IN_MEMORY = 0  # what is returned is read when used
net = sns.systems.get("markov-if:small-regular")
design = sns.Design.grid({"tau_EE": np.linspace(1.5, 4, int(sys.argv[2]))})
sns.simulate(net, design, duration="2 s", record_every="1 ms", engine="exact", out=sys.argv[1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_sweep(tmp_path):
    def peak(n):
        out = [sys.executable, "-c", MEMORY, str(tmp_path / f"{n}.nc"), str(n)]
        done = subprocess.run(out, check=True, capture_output=True, text=True)
        return int(done.stdout)

    assert peak(100) - peak(10) < 25  # MiB; 100 samples hold 50 MB of records


def test_a_store_of_other_values_is_not_touched(tmp_path):
    run(out=tmp_path / "store")
    with pytest.raises(StoreMismatch, match="network"):
        run(out=tmp_path / "store", record=["spikes"])
    with pytest.raises(StoreMismatch, match="seed"):
        run(out=tmp_path / "store", seed=3)
    bounded = dataclasses.replace(SMALL, runaway=1.0)
    with pytest.raises(StoreMismatch, match="network"):
        simulate(bounded, DESIGN, out=tmp_path / "store", engine="exact", **TIMES)


def test_another_revision_of_the_law_is_another_sweep(tmp_path, monkeypatch):
    run(out=tmp_path / "store")
    monkeypatch.setattr(exact, "REVISION", 2)
    with pytest.raises(StoreMismatch, match='program: stored "markov-if 1"'):
        run(out=tmp_path / "store")


def one(**values):
    return Design.points(values)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"design": one(P_EE=1.2)}, r"P_EE reaches 1.2; expected values in \[0, 1\]"),
        ({"design": one(tau_EE=-1.0)}, r"tau_EE reaches -1 ms"),
        ({"design": one(N_I=0)}, r"N_I reaches 0"),
        ({"design": one(N_E=75.5)}, r"N_E is 75.5; expected a whole number"),
        ({"engine": "exakt"}, "engine is 'exakt'; expected one of brian2, exact"),
        ({"dt": "0.1 ms"}, "the exact engine has no step"),
        ({"record": ["spike"]}, "record names 'spike'; expected some of"),
        ({"record": "spikes"}, "expected a list of names"),
        ({"method": "rk4"}, "a network states the methods"),
        ({"record_every": "7 ms"}, "duration is 300 ms, which is no multiple"),
        ({"design": Design.points({}, initial={"v": [0.0]})}, "is a network and starts"),
        ({"design": one(M=[100, 120])}, "share no axis"),
    ],
)
def test_bad_input_is_refused_with_words(changes, words):
    with pytest.raises(ValueError, match=words):
        run(**changes)


def test_the_exact_engine_takes_any_recording_step():
    ds = run(record_every="0.25 ms", transient="0.55 ms", duration="5 ms")
    assert ds["time"].values[1] == 0.25
    with pytest.raises(ValueError, match="seed is -1"):
        run(seed=-1)
    with pytest.raises(ValueError, match="duration is '0 ms'; expected a positive time"):
        run(duration="0 ms")


def test_a_step_too_long_for_a_time_constant_warns():
    slow = one(tau_IE=0.3)
    with pytest.warns(UserWarning, match=r"dt = 0.1 ms is above 0.25 of .* \(tau_IE = 0.3 ms\)"):
        run(engine="brian2", design=slow, duration="2 ms", transient="0 ms")
    run(engine="exact", design=slow, duration="2 ms")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"runaway": -5.0}, "runaway -5; expected a rate above 0 Hz"),
        ({"resolve": ("tau_X",)}, "'tau_X' is no parameter"),
        ({"histograms": (dataclasses.replace(SMALL.histograms[0], width=0.0),)}, "has width 0"),
        ({"histograms": (dataclasses.replace(SMALL.histograms[0], low="zero"),)}, "'zero' and 'M'"),
    ],
)
def test_declarations_are_checked(changes, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(SMALL, **changes)


def test_an_unknown_regime_rule_is_named_before_the_run():
    with pytest.raises(ValueError, match="names the regime rule 'synchronie'.*Did you mean"):
        simulate(dataclasses.replace(SMALL, regimes="synchronie"), DESIGN, engine="exact", **TIMES)


def test_neurons_have_no_exact_engine():
    with pytest.raises(ValueError, match="neuron without an exact engine"):
        simulate("sherman", one(V_S=-40), engine="exact", **TIMES)
    with pytest.raises(ValueError, match="it is for networks"):
        simulate("sherman", one(V_S=-40), record=["spikes"], **TIMES)


def test_unknown_preset_and_network_without_law():
    with pytest.raises(ValueError, match="no preset 'synchronus'.*Did you mean 'synchronous'"):
        systems.get("markov-if:synchronus")
    with pytest.raises(ValueError, match="has no presets"):
        systems.get("sherman:regular")
    assert "markov-if" in exact.LAWS


def test_files_stay_apart_from_the_process_that_died(tmp_path):
    """A half-written shard of a process that is gone is removed, not read."""
    run(out=tmp_path / "store")
    left = Path(tmp_path / "store" / f".shard-000000-000000.npz.{2**22 - 7}.part")
    left.write_bytes(b"half")
    assert not os.path.exists(f"/proc/{2**22 - 7}")
    run(out=tmp_path / "store")
    assert not left.exists()
