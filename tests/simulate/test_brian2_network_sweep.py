"""Sweeps by the Brian2 engine: one build for a plane, killed and resumed to the last bit."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr

from snnsurrogate import dataset, schema, systems
from snnsurrogate.simulate import _networks, _programs
from snnsurrogate.simulate.designs import Design
from snnsurrogate.simulate.sweep import simulate

pytestmark = pytest.mark.brian

# Fixed synapses, delays over the ends of pieces, refractory cells: all that has to be carried.
CODE = """
import snnsurrogate as sns
from snnsurrogate.simulate import _networks
_networks.PIECE = 20.0
net = sns.systems.get("brunel", N_E=400, N_I=100, C_E=100, C_I=25, J=0.5, D_spread=1.0)
design = sns.Design.grid({"g": [3.5, 5.0], "D": [1.5, 3.0]})
sns.simulate(net, design, duration="1 s", record_every="1 ms", transient="50 ms",
             out=sys.argv[1], processes=1)
"""
TIMES = {"duration": "100 ms", "record_every": "1 ms", "transient": "20 ms"}


def small(**parameters):
    sizes = {"N_E": 400, "N_I": 100, "C_E": 100, "C_I": 25, "J": 0.5, "D_spread": 1.0}
    return systems.get("brunel", **(sizes | parameters))


def test_one_build_for_all_parameters(monkeypatch):
    builds = []
    compile_once = _programs.compile_program
    monkeypatch.setattr(
        _programs,
        "compile_program",
        lambda builder, job, cxx: (builds.append(job), compile_once(builder, job, cxx)),
    )
    design = Design.sobol(
        {"g": (3.5, 6.0), "eta": (1.0, 3.0), "J": (0.3, 0.6), "D": (1.2, 3.0), "C_E": (50, 60)}, n=4
    )
    design = Design.points(design.parameters | {"C_E": np.array([50.0, 55.0, 60.0, 100.0])})
    first = simulate(small(), design, seed=1, processes=2, **TIMES)
    assert len(builds) <= 1  # none where another test made it
    builds.clear()
    again = simulate(small(), design, seed=1, processes=1, dt="0.1 ms", **TIMES)
    other = simulate(small(), design, seed=2, record=(), dt="0.05 ms", **TIMES)
    assert builds == []
    xr.testing.assert_identical(first.drop_attrs(deep=False), again.drop_attrs(deep=False))
    assert "spike_time" not in other
    assert (schema.ok(first)).all()
    assert len(set(first["rate_E"].mean("time").values.tolist())) == 4


def test_pieces_do_not_change_what_is_drawn_before_them(monkeypatch):
    design = Design.points({"g": [4.5]})
    whole = simulate(small(), design, seed=1, **TIMES)
    monkeypatch.setattr(_networks, "PIECE", 40.0)
    parts = simulate(small(), design, seed=1, **TIMES)
    np.testing.assert_array_equal(whole["rate_E"][0, :40], parts["rate_E"][0, :40])
    assert not np.array_equal(whole["rate_E"][0, 60:], parts["rate_E"][0, 60:])


@pytest.mark.slow
def test_a_killed_sweep_resumes(tmp_path):
    run = "import sys" + CODE
    whole, folder = tmp_path / "whole", tmp_path / "store"
    subprocess.run([sys.executable, "-c", run, str(whole)], check=True)
    with subprocess.Popen([sys.executable, "-c", run, str(folder)]) as process:
        for _ in range(6000):
            if len(list(folder.glob("shard-*"))) >= 70 or process.poll() is not None:
                break
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("shard-*")}
    assert 70 <= len(kept) < 200
    subprocess.run([sys.executable, "-c", run, str(folder)], check=True)
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("shard-*")}
    assert {name: after[name] for name in kept} == kept, "finished shards are not made again"
    a, b = dataset.open(folder), dataset.open(whole)
    xr.testing.assert_identical(a.drop_attrs(deep=False), b.drop_attrs(deep=False))
    assert a.attrs["content_hash"] == b.attrs["content_hash"]
