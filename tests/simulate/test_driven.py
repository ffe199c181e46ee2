"""Driven neurons in Brian2: closed form, known responses, resuming, metadata, bad input."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from snnsurrogate import dataset, kernels, protocols, schema, systems
from snnsurrogate.simulate import _cache, _cells, brian2_engine
from snnsurrogate.simulate.designs import Design
from snnsurrogate.simulate.sweep import simulate
from tests.leaky import leaky, respond

pytestmark = pytest.mark.brian

KNOWN = json.loads((Path(__file__).parents[1] / "reference" / "hodgkin_huxley.json").read_text())
UNIT = "uA/cm**2"
NOISE = protocols.ou(mean=8, sd="spread", tau="5 ms", step="0.1 ms")
TIMES = {"duration": "40 ms", "record_every": "0.1 ms", "transient": "3 ms"}
SPREAD = Design.grid({"spread": np.linspace(0, 6, 70)})


@pytest.fixture(scope="module")
def axon():
    """Noise over a holding current, in two blocks."""
    return simulate("hodgkin-huxley", SPREAD, protocol=NOISE + protocols.constant(1), **TIMES)


@pytest.mark.parametrize(
    "method", ["rk4", pytest.param("exponential_euler", marks=pytest.mark.slow)]
)
def test_a_leaky_membrane_follows_its_closed_form(method):
    protocol = protocols.constant(2) + protocols.step("high", start="2 ms", duration="10 ms")
    protocol = protocol + protocols.ramp(0, -8, start="12 ms", duration="20 ms")
    ds = simulate(
        leaky(), Design.points({"high": [5, -3]}), protocol=protocol, method=method,
        duration="40 ms", record_every="0.5 ms", transient="10 ms",
    )  # fmt: skip
    t = ds["time"].values
    for v, high in zip(ds["v"].values, (5, -3), strict=True):
        # The holding current flows from the beginning of the transient on.
        at = [respond(10.0, 0.0, 2, 0)]
        exact = respond(t, at[0], 2, 0)
        for start, current, slope in ((2, 2 + high, 0), (12, 2, -0.4), (32, 2, 0)):
            exact = np.where(
                t > start, respond(t - start, exact[int(2 * start)], current, slope), exact
            )
        # Exponential Euler takes the input of a ramp at the beginning of each step.
        np.testing.assert_allclose(v, exact, atol=1e-6 if method == "rk4" else 0.05)
        flat = t <= 12
        np.testing.assert_allclose(v[flat], exact[flat], atol=1e-6)


def test_the_axon_responds_as_published():
    """Latencies after steps and releases, thresholds of pulses: one list, one call, no build."""
    tables = {name: table["rows"] for name, table in KNOWN["tables"].items()}
    steps = [protocols.step(row["I"], start="5 ms") for row in tables["latency"]]
    releases = [
        protocols.release(row["I"], start="5 ms", duration="50 ms")
        for row in tables["rebound_latency_long_pulse"]
    ]
    pulses = [
        protocols.step(row[end], start="5 ms", duration=f"{row['duration']} ms")
        for row in tables["brief_pulse_threshold"]
        for end in ("I_low", "I_high")
    ]
    every = [*steps, *releases, *pulses]
    ds = simulate(
        "hodgkin-huxley", Design.points({}, repeats=len(every)), protocol=every,
        duration="70 ms", record_every="0.025 ms",
    )  # fmt: skip
    first = np.array([train[0] if train.size else np.nan for train in schema.unpack_spikes(ds)])
    n = len(steps)
    np.testing.assert_allclose(
        first[:n] - 5, [row["latency"] for row in tables["latency"]], atol=0.01
    )
    rebound = first[n : n + len(releases)] - 55
    expected = [row["latency"] for row in tables["rebound_latency_long_pulse"]]
    # The table holds for pulses of 20 to 200 ms; at 50 ms a trace of the onset is left.
    np.testing.assert_allclose(rebound, expected, atol=0.1)
    assert np.isfinite(first[-len(pulses) :]).tolist() == [False, True] * (len(pulses) // 2)


def test_the_noise_is_integrated_as_the_kernel_does(axon):
    system = systems.get("hodgkin-huxley")
    start, stop = protocols.of(axon).segments("0.025 ms", 1600, unit=UNIT)
    x0 = np.stack([axon[name].values[:, 0] for name in system.state_names], axis=1)
    x = kernels.integrate_driven(
        system.kernel(), x0, input="I", start=start, stop=stop, dt=0.025, every=4
    )
    np.testing.assert_allclose(x[..., 0], axon["V"].values, atol=1e-6)
    np.testing.assert_allclose(axon["I"].values[:, :-1], start[:, ::4], atol=1e-12)


def test_the_dataset_says_what_drove_it(axon, tmp_path):
    assert schema.inputs_of(axon) == ["I"]
    assert axon["I"].attrs["units"] == UNIT
    assert axon["I"].attrs["rule"] == "linear"
    assert "I" not in schema.parameters_of(axon)
    assert schema.stimuli_of(axon) == ["spread"]
    assert axon["spread"].attrs["units"] == UNIT
    again = dataset.open(dataset.save(axon, tmp_path / "axon.nc"))
    for ds, rows in ((again, slice(None)), (schema.select(again, [3, 66]), [3, 66])):
        drive = protocols.of(ds)
        assert drive.protocol == NOISE + protocols.constant(1)
        values = drive.values("0.1 ms", 400, unit=UNIT)
        np.testing.assert_array_equal(values, axon["I"].values[rows])
    assert np.ptp(axon["I"].values[0]) < 1e-12
    assert axon["I"].values[-1].std() == pytest.approx(6, rel=0.5)


def test_samples_do_not_depend_on_their_company(axon):
    drive = protocols.of(axon).select([69, 2])
    two = simulate("hodgkin-huxley", Design.points({}, repeats=2), protocol=drive, **TIMES)
    for name in ("V", "n", "I", "seed"):
        np.testing.assert_array_equal(two[name].values, axon[name].values[[69, 2]])


def test_stores_hold_the_input_and_are_resumed(axon, tmp_path, monkeypatch):
    monkeypatch.setattr(_cells, "SHARD_BYTES", 64 * 5 * 8 * 150)
    protocol = NOISE + protocols.constant(1)
    folder = tmp_path / "store"
    simulate("hodgkin-huxley", SPREAD, protocol=protocol, out=folder, **TIMES)
    names = sorted(path.name for path in folder.glob("shard-*.npz"))
    assert len(names) == 2 * 3
    for name in (names[1], names[5]):
        (folder / name).unlink()
    assert dataset.open(folder)["status"].values.tolist() == [3] * 70
    again = simulate("hodgkin-huxley", SPREAD, protocol=protocol, out=folder, **TIMES)
    assert again.attrs["content_hash"] == axon.attrs["content_hash"]
    monkeypatch.setattr("snnsurrogate.dataset.files.IN_MEMORY", 0)
    lazy = dataset.open(folder)
    assert not lazy["I"].variable._in_memory
    np.testing.assert_array_equal(lazy["I"][60:, ::7], axon["I"][60:, ::7])
    other = NOISE + protocols.constant(1.5)
    with pytest.raises(dataset.StoreMismatch, match="protocol: stored"):
        simulate("hodgkin-huxley", SPREAD, protocol=other, out=folder, **TIMES)
    with pytest.raises(dataset.StoreMismatch, match="sample_seeds"):
        simulate("hodgkin-huxley", SPREAD, protocol=protocol, out=folder, seed=1, **TIMES)


def test_small_pieces_of_input_change_nothing(axon, monkeypatch):
    monkeypatch.setattr(_cells, "INPUT_BYTES", 64 * 24 * 70)
    again = simulate("hodgkin-huxley", SPREAD, protocol=NOISE + protocols.constant(1), **TIMES)
    assert again.attrs["content_hash"] == axon.attrs["content_hash"]


def test_one_program_serves_all_protocols(axon):
    assert not brian2_engine.prepare(systems.get("hodgkin-huxley"), driven=True).built


def test_an_undriven_program_is_the_one_it_was(axon):
    """A step over the whole record is the constant parameter."""
    times = {"duration": "40 ms", "record_every": "0.1 ms"}
    driven = simulate("hodgkin-huxley", Design.points({}), protocol=protocols.step(10), **times)
    constant = simulate("hodgkin-huxley", Design.points({"I": [10]}), **times)
    np.testing.assert_allclose(driven["V"].values, constant["V"].values, atol=1e-8)
    assert constant.attrs["protocol"] == ""
    assert "I" in schema.parameters_of(constant)
    with pytest.raises(ValueError, match="was not driven by a protocol"):
        protocols.of(constant)


def test_the_numpy_target_gives_the_same(monkeypatch):
    protocol = protocols.step([4, -3], start="1 ms") + protocols.ramp(0, 3, duration="4 ms")
    arguments = {"duration": "6 ms", "record_every": "0.5 ms", "transient": "1 ms"}
    design = Design.points({}, repeats=2)
    compiled = simulate(leaky(), design, protocol=protocol, **arguments)
    monkeypatch.setattr(_cache, "compiler", lambda: None)
    with pytest.warns(UserWarning, match="no C"):
        interpreted = simulate(leaky(), design, protocol=protocol, **arguments)
    np.testing.assert_allclose(interpreted["v"].values, compiled["v"].values, atol=1e-10)
    np.testing.assert_array_equal(interpreted["I"].values, compiled["I"].values)


STEP = protocols.step(10, start="5 ms")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"system": "sherman"}, "'sherman' has no input .* systems with one are: .*hodgkin-huxley"),
        ({"system": "markov-if"}, "'markov-if' has no input"),
        ({"design": Design.points({"I": [3]})}, "the design gives I, which the protocol drives"),
        ({"protocol": protocols.step("amp")}, "column 'amp', which the design lacks; it has: g_L"),
        ({"protocol": protocols.step("g_L")}, "reads the column 'g_L', a name that"),
        ({"protocol": [STEP, STEP]}, r"values for \[2\] samples; expected 1"),
        ({"protocol": protocols.step(10, start="5.01 ms")}, "no multiple of the step 0.025 ms"),
        ({"protocol": protocols.step("10 mV")}, "dimension of 'uA/cm"),
        ({"protocol": protocols.array(np.ones(9), "1 ms", rule="hold")},
         "recorded current ends at 9 ms, before the record of 20 ms"),
        ({"protocol": protocols.step(1, start="30 ms")}, "begins at 30 ms, but the record lasts"),
    ],
)  # fmt: skip
def test_bad_input_is_said_plainly(change, message):
    given = {"system": "hodgkin-huxley", "design": Design.points({"g_L": [0.3]}), "protocol": STEP}
    given |= change
    with pytest.raises(ValueError, match=message):
        simulate(given.pop("system"), given.pop("design"), duration="20 ms", record_every="1 ms",
                 **given)  # fmt: skip


def test_a_current_outside_the_declared_range_warns(axon):
    strong = protocols.step(300, start="1 ms", duration="0.1 ms")
    with pytest.warns(
        UserWarning, match=r"drives I over \[0, 300\] uA/cm\*\*2, outside .*\[-20, 2"
    ):
        simulate("hodgkin-huxley", Design.points({}), protocol=strong, duration="3 ms",
                 record_every="0.1 ms")  # fmt: skip


def test_parameters_and_protocols_cross_in_one_call(axon):
    """An f-I sweep at two temperatures; columns with units of their own."""
    design = Design.grid({"celsius": [6.3, 16.3], "amplitude": ["2 uA/cm**2", "0.1 A/m**2"]})
    ds = simulate(
        "hodgkin-huxley", design, protocol=protocols.step("amplitude", start="2 ms"),
        duration="30 ms", record_every="0.1 ms",
    )  # fmt: skip
    assert ds["amplitude"].values.tolist() == [2, 10, 2, 10]
    assert schema.swept_of(ds) == ["celsius"]
    grid = dataset.to_grid(ds)
    assert dict(grid.sizes) | {"time": 301} == dict(grid.sizes)
    expected = itertools.product([6.3, 16.3], [2, 10])
    for celsius, amplitude in expected:
        one = grid.sel(celsius=celsius, amplitude=amplitude)
        assert float(one["I"].values[-1]) == amplitude


def test_splits_keep_stimuli_whole(axon):
    parts = dataset.split(axon, {"train": 0.7, "test": 0.3}, seed=1)
    spreads = [set(part["spread"].values) for part in parts.values()]
    assert [len(values) for values in spreads] == [49, 21]
    assert not spreads[0] & spreads[1]
    held = protocols.of(parts["test"]).values("0.1 ms", 400, unit=UNIT)
    np.testing.assert_array_equal(held, parts["test"]["I"].values)
