"""The Brian2 engine: right numbers, one build, the same numbers wherever a sample runs."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest

from snnsurrogate import systems
from snnsurrogate.simulate import EngineError, _cache, _cells, _programs, brian2_engine
from snnsurrogate.simulate.designs import Design
from snnsurrogate.simulate.sweep import simulate

pytestmark = pytest.mark.brian


def rk4(system, x, p, h, steps):
    for _ in range(steps):
        a = system.rhs(x, p)
        b = system.rhs(x + h / 2 * a, p)
        c = system.rhs(x + h / 2 * b, p)
        d = system.rhs(x + h * c, p)
        x = x + h / 6 * (a + 2 * b + 2 * c + d)
    return x


@pytest.mark.slow
@pytest.mark.parametrize("name", systems.names("neuron"))
def test_agrees_with_the_derived_right_hand_side(name):
    system = systems.get(name)
    rng = np.random.default_rng(0)
    n, steps = 5, 40
    spread = {
        p.name: np.clip(p.value * rng.uniform(0.95, 1.05, n), p.low, p.high)
        for p in system.parameters
    }
    box = {
        s.name: (s.low + 0.2 * (s.high - s.low), s.high - 0.2 * (s.high - s.low))
        for s in system.states
    }
    design = Design.points(spread, initial=box)
    program = brian2_engine.prepare(system)
    parameters, initial = design.resolve(system)
    start = np.stack([initial[k] * f for k, f in program.states.items()])
    seconds = {"s": 1.0, "ms": 1e-3}[system.time_unit]
    h = systems_step(system)
    with program.worker() as worker:
        got = program.run(worker, start, parameters, dt=h * seconds, every=steps, records=1)
    expected = rk4(system, np.stack(list(initial.values()), -1), parameters, h, steps)
    factors = np.array(list(program.states.values()))
    scale = np.array([s.scale for s in system.states])
    np.testing.assert_allclose(got[1].T / factors / scale, expected / scale, rtol=1e-9, atol=1e-9)


def systems_step(system):
    from snnsurrogate import units

    return units.magnitude(system.dt, system.time_unit, what="dt")


def test_closed_form(toy_system):
    ds = simulate(
        toy_system,
        Design.grid({"k": [0.5, 2.0, 8.0]}, initial={"x": [1.0, -3.0]}),
        duration="1 s",
        record_every="10 ms",
    )
    decay = ds["initial_x"].values[:, None] * np.exp(-ds["k"].values[:, None] * ds["time"].values)
    np.testing.assert_allclose(ds["x"].values, decay, rtol=5e-10)
    assert ds.sizes == {"sample": 6, "time": 101, "spike": 0}
    assert ds["status"].values.tolist() == [0] * 6


def test_one_build_whatever_the_parameters(toy_system, tmp_path, monkeypatch):
    monkeypatch.setenv("SNNSURROGATE_CACHE", str(tmp_path))
    builds = []
    compile_once = _programs.compile_program
    monkeypatch.setattr(
        _programs,
        "compile_program",
        lambda builder, job, cxx: (builds.append(job), compile_once(builder, job, cxx)),
    )
    simulate(toy_system, Design.points({"k": [1.0]}), duration="50 ms", record_every="10 ms")
    assert len(builds) == 1
    assert brian2_engine.prepare(toy_system).built is False
    others = (
        (Design.points({"k": [3.0]}), {"duration": "50 ms"}),
        (Design.sobol({"r": (-1, 1)}, n=200), {"duration": "50 ms"}),
        (Design.points({"k": [1.0]}), {"duration": "2 s", "transient": "1 s"}),
        (Design.points({"k": [1.0]}), {"duration": "50 ms", "dt": "0.5 ms"}),
    )
    for design, arguments in others:
        simulate(toy_system, design, record_every="10 ms", **arguments)
    other = toy_system.with_parameters(k=5.0)
    simulate(other, Design.points({"r": [0.1]}), duration="50 ms", record_every="5 ms")
    assert len(builds) == 1
    assert len(list((tmp_path / "brian2").iterdir())) == 1
    # Another process finds the program too.
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from conftest import toy\n"
        "from snnsurrogate.simulate import brian2_engine as e\n"
        "print(e.prepare(toy()).built)"
    )
    here = os.path.dirname(__file__)
    run = subprocess.run([sys.executable, "-c", code, here], capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stderr


def test_numbers_do_not_depend_on_the_place_in_a_block():
    design = Design.points({"V_S": np.linspace(-44, -33, 150)})
    arguments = {"duration": "2 s", "record_every": "10 ms", "progress": False}
    whole = simulate("sherman", design, **arguments)
    for places in (slice(0, 1), slice(70, 75), slice(11, 141)):
        part = simulate(
            "sherman", Design.points({"V_S": design.parameters["V_S"][places]}), **arguments
        )
        for name in ("V", "n", "S"):
            np.testing.assert_array_equal(part[name].values, whole[name].values[places])


def test_numbers_do_not_depend_on_processes_or_chunks(monkeypatch):
    design = Design.sobol({"V_S": (-44, -33)}, n=130)
    arguments = {"duration": "1 s", "record_every": "10 ms", "transient": "200 ms"}
    hashes = {
        simulate("sherman", design, processes=k, **arguments).attrs["content_hash"] for k in (1, 3)
    }
    monkeypatch.setattr(_cells, "SHARD_BYTES", 64 * 3 * 8 * 7)
    hashes.add(simulate("sherman", design, **arguments).attrs["content_hash"])
    assert len(hashes) == 1


def test_transient_is_simulated_and_not_recorded():
    design = Design.points({"V_S": [-40.0, -36.0]})
    long = simulate("sherman", design, duration="3 s", record_every="10 ms")
    late = simulate("sherman", design, duration="1 s", record_every="10 ms", transient="2 s")
    np.testing.assert_array_equal(late["V"].values, long["V"].values[:, 200:])
    assert late["time"].values[0] == 0.0
    assert late["initial_V"].values.tolist() == long["initial_V"].values.tolist()
    assert late.attrs["transient"] == "2 s"


def test_failed_runs_stay_and_are_marked(toy_system):
    design = Design.points(
        {"r": [0.0, 30.0, 0.0], "c": [0.0, 0.0, 10.0]}, initial={"y": [0.5, 0.5, 0.5]}
    )
    ds = simulate(toy_system, design, duration="1 s", record_every="10 ms")
    assert ds["status"].values.tolist() == [0, 1, 2]  # ok, diverged, non_finite
    assert np.isfinite(ds["y"].values[1]).all()
    assert not np.isfinite(ds["y"].values[2]).all()
    np.testing.assert_allclose(ds["y"].values[0], 0.5)


def test_without_compiler_numpy_gives_the_same(toy_system, monkeypatch):
    design = Design.grid({"k": [0.5, 2.0], "r": [-1.0, 0.5]})
    arguments = {"duration": "300 ms", "record_every": "20 ms", "transient": "100 ms"}
    compiled = simulate(toy_system, design, **arguments)
    monkeypatch.setattr(_cache, "compiler", lambda: None)
    with pytest.warns(UserWarning, match=r"no C\+\+ compiler.*Install g\+\+"):
        plain = simulate(toy_system, design, **arguments)
    assert plain.attrs["engine"] == "brian2 (numpy)"
    assert compiled.attrs["engine"] == "brian2 (C++ standalone)"
    for name in ("x", "y"):
        np.testing.assert_allclose(plain[name].values, compiled[name].values, rtol=1e-12)


def test_compiler_is_looked_for_on_the_path(monkeypatch, tmp_path):
    assert _cache.compiler() is not None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _cache.compiler() is None


def test_compiler_errors_are_shown(toy_system, tmp_path, monkeypatch):
    monkeypatch.setenv("SNNSURROGATE_CACHE", str(tmp_path))
    monkeypatch.setattr(_cache, "compiler", lambda: shutil.which("false"))
    with pytest.raises(EngineError, match="building the Brian2 program failed.*false"):
        brian2_engine.prepare(toy_system)
    assert list((tmp_path / "brian2").iterdir()) == []


def test_unwritable_cache_is_named(toy_system, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SNNSURROGATE_CACHE", str(tmp_path / "file"))
    with pytest.raises(EngineError, match="SNNSURROGATE_CACHE"):
        brian2_engine.prepare(toy_system)


def test_a_program_that_dies_is_an_error(toy_system):
    program = brian2_engine.prepare(toy_system)
    broken = dataclasses.replace(
        program, command=(sys.executable, "-c", "raise SystemExit('out of coffee')")
    )
    values = {name: np.full(3, value) for name, value in toy_system.defaults.items()}
    with broken.worker() as worker, pytest.raises(EngineError, match="status 1.*out of coffee"):
        broken.run(worker, np.zeros((2, 3)), values, dt=1e-3, every=1, records=5)


def test_brian2_is_not_imported_here(tmp_path):
    code = (
        "import sys\n"
        "from snnsurrogate.simulate import simulate, Design\n"
        "simulate('sherman', Design.points({'V_S': [-40]}), duration='1 s', record_every='10 ms')\n"
        "sys.exit('brian2' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_provenance_is_complete(toy_system):
    design = Design.lhs({"k": (1, 2)}, n=3, seed=4)
    ds = simulate(toy_system, design, duration="50 ms", record_every="10 ms", seed=11)
    assert Design.from_json(ds.attrs["design"]) == design
    assert json.loads(ds.attrs["versions"])["brian2"]
    assert ds.attrs["seed"] == 11
    assert ds.attrs["method"] == "rk4"
    assert ds.attrs["duration"] == "0.05 s"
    assert len(set(ds["seed"].values.tolist())) == 3
    again = simulate(toy_system, design, duration="50 ms", record_every="10 ms", seed=11)
    assert again.attrs["content_hash"] == ds.attrs["content_hash"]
    assert ds["k"].attrs["units"] == "1/s"
    assert ds["x"].attrs["long_name"] == "decays"


BAD = {
    "bare time": ({"duration": 60}, 'duration=60 has no unit; write "60 ms"'),
    "wrong dimension": ({"duration": "60 mV"}, "duration"),
    "no multiple": ({"record_every": "1.5 ms"}, "record_every is 1.5 ms.*no multiple of dt = 1 ms"),
    "duration": ({"duration": "55 ms"}, "duration is 55 ms.*no multiple of record_every"),
    "transient": ({"transient": "0.2 ms"}, "transient is 0.2 ms.*no multiple of dt"),
    "negative": ({"duration": "-1 s"}, "duration is '-1 s'; expected a positive"),
    "too short": ({"record_every": "0.1 ms"}, "record_every"),
    "zero dt": ({"dt": "0 ms"}, "dt is '0 ms'"),
    "method": ({"method": "rk5"}, "method is 'rk5'; expected one of rk4"),
    "engine": ({"engine": "nest"}, "engine is 'nest'"),
    "protocol": ({"protocol": "step"}, "has no input that a protocol could drive"),
    "processes": ({"processes": 0}, "processes is 0"),
    "system": ({"system": "shermann"}, "Did you mean 'sherman'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case, toy_system):
    changes, message = BAD[case]
    arguments = {"system": toy_system, "duration": "100 ms", "record_every": "10 ms"} | changes
    with pytest.raises(ValueError, match=message):
        simulate(arguments.pop("system"), Design.points({"k": [1.0]}), **arguments)


def test_design_must_be_one(toy_system):
    with pytest.raises(TypeError, match="expected a Design"):
        simulate(toy_system, {"k": [1.0]}, duration="1 s", record_every="10 ms")


def test_coarse_records_warn(toy_system):
    with pytest.warns(UserWarning, match="coarser than 20 ms"):
        simulate(toy_system, Design.points({"k": [1]}), duration="1 s", record_every="25 ms")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate(toy_system, Design.points({"k": [1]}), duration="1 s", record_every="20 ms")
