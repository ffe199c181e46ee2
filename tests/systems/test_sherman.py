"""The bursting neuron: facts of its orbits, read off the compiled right-hand side."""

import json
from pathlib import Path

import numpy as np
import pytest

from snnsurrogate import systems
from snnsurrogate.features.spikes import detect
from snnsurrogate.kernels import integrate

KNOWN = json.loads((Path(__file__).parents[1] / "reference" / "sherman.json").read_text())


def orbit(V_S, *, name="sherman", start="0 s", length=40.0, transient=40.0, dt=1e-3):
    system = systems.get(name)
    kernel = system.kernel()
    x0 = np.array([system.initial[state] for state in kernel.states])
    n = int((transient + length) / dt)
    return integrate(kernel, x0, {"V_S": [V_S]}, n_steps=n, dt=dt)[int(transient / dt) :]


def spike_times(trace, dt=1e-3):
    rule = systems.get("sherman").spikes
    return detect(trace[:, 0], dt, threshold=rule.threshold, reset=rule.reset)


def test_parameters_equal_the_reference_file():
    defaults = systems.get("sherman").defaults
    bistable = systems.get("sherman-bistable").defaults
    known = {k: v["value"] for k, v in KNOWN["parameters"].items() if np.isscalar(v["value"])}
    assert known.items() <= defaults.items()
    extra = {k: v["value"] for k, v in KNOWN["parameters_bistable"].items() if k in bistable}
    assert len(extra) == 3
    assert extra.items() <= bistable.items()


@pytest.mark.parametrize("row", KNOWN["original"]["tables"]["tonic_isi"]["rows"])
def test_tonic_interval(row):
    intervals = np.diff(spike_times(orbit(row["V_S"], length=10.0, transient=80.0)))
    assert intervals == pytest.approx(row["isi"], rel=0.01)


@pytest.mark.parametrize("row", KNOWN["original"]["tables"]["bursting"]["rows"][:-1])
def test_burst_period_and_spikes(row):
    times = spike_times(orbit(row["V_S"], length=60.0))
    gap = 2.0
    first = np.nonzero(np.diff(times) > gap)[0] + 1  # first spike of each burst but the first
    assert np.diff(times[first]).mean() == pytest.approx(row["period"], abs=0.2)
    assert np.diff(first).mean() == pytest.approx(row["spikes_per_burst"], abs=1.5)


def test_rearm_level_lies_between_trough_and_threshold():
    rule = systems.get("sherman").spikes
    for V_S in (-44.5, -40.0, -36.0, -33.9, -33.0, -30.0, -28.0):
        v = orbit(V_S, length=20.0, transient=20.0)[:, 0]
        times = spike_times(v[:, None])
        index = (times * 1000).astype(int)
        troughs = [v[a:b].min() for a, b in zip(index[:-1], index[1:], strict=True)]
        assert max(troughs) < rule.reset - 10.0


def test_coarsest_recording_step_sees_every_spike():
    from snnsurrogate import units

    coarse = int(units.magnitude(systems.get("sherman").spikes.max_step, "ms", what="max_step"))
    for V_S in (-42.0, -36.0, -33.0):
        trace = orbit(V_S, length=40.0)
        fine = spike_times(trace)
        for offset in range(0, coarse, 5):
            assert abs(len(spike_times(trace[offset::coarse], coarse * 1e-3)) - len(fine)) <= 1


def test_ranges_on_the_attractor():
    low, high = KNOWN["original"]["S_range"]["value"]
    trace = orbit(-44.0)
    assert trace[:, 2].max() == pytest.approx(high, abs=2e-4)
    trace = orbit(-34.0)
    assert trace[:, 2].min() == pytest.approx(low, abs=2e-4)
    spread = orbit(-36.0, length=90.0).std(axis=0)
    assert spread == pytest.approx(KNOWN["original"]["sd_at_V_S_minus36"]["value"], rel=0.03)


def test_bistability_rest_and_bursting():
    system = systems.get("sherman-bistable")
    assert np.ptp(orbit(-36.0, name="sherman-bistable")[:, 0]) > 40.0
    rest = np.array([-50.636, 0.00206, 0.18792])
    trace = integrate(system.kernel(), rest + [0.3, 0, 0], n_steps=100_000, dt=1e-3)
    assert np.ptp(trace[50_000:, 0]) < 1e-3


@pytest.mark.slow
def test_boundary_moves_little_with_the_step():
    """Bursting -> spiking by the amplitude of S, at the default step and at a quarter of it."""

    def boundary(dt):
        low, high = -33.9, -33.7
        while high - low > 2e-4:
            middle = (low + high) / 2
            amplitude = np.ptp(orbit(middle, length=60.0, dt=dt)[:, 2])
            low, high = (middle, high) if amplitude > 0.007 else (low, middle)
        return low

    default, fine = boundary(1e-3), boundary(2.5e-4)
    assert default == pytest.approx(-33.775, abs=0.005)
    assert default == pytest.approx(fine, abs=1e-3)
