"""Driven integration: closed form, fourth order, and the published responses of the axon."""

import json
from pathlib import Path

import numpy as np
import pytest

from snnsurrogate import kernels, protocols, systems
from snnsurrogate.features.spikes import detect
from tests.leaky import leaky, respond

UNIT = "uA/cm**2"
KNOWN = json.loads((Path(__file__).parent / "reference" / "hodgkin_huxley.json").read_text())
LATENCY, REBOUND, PULSES = (
    KNOWN["tables"][name]["rows"]
    for name in ("latency", "rebound_latency_long_pulse", "brief_pulse_threshold")
)


def run(system, protocol, duration, dt):
    drive = protocol.drive()
    steps = round(duration / dt)
    start, stop = drive.segments(f"{dt} ms", steps, unit=UNIT)
    x0 = np.tile([system.initial[name] for name in system.state_names], (drive.samples, 1))
    return kernels.integrate_driven(
        system.kernel(), x0, input="I", start=start, stop=stop, dt=dt
    )[..., 0]  # fmt: skip


def spikes(v, dt):
    return [detect(trace, dt, threshold=-20.0, reset=-40.0) for trace in v]


def test_a_leaky_membrane_follows_its_closed_form():
    protocol = protocols.step(5, start="2 ms") + protocols.ramp(
        0, -8, start="10 ms", duration="20 ms"
    )
    v = run(leaky(), protocol, 40, 0.1)[0]
    t = np.arange(401) * 0.1
    at = np.array([2.0, 10.0, 30.0])
    exact = np.where(t > at[0], respond(t - at[0], 0.0, 5, 0), 0.0)
    rise = respond(t - at[1], respond(8.0, 0.0, 5, 0), 5, -0.4)
    exact = np.where(t > at[1], rise, exact)
    exact = np.where(t > at[2], respond(t - at[2], rise[300], 5, 0), exact)
    np.testing.assert_allclose(v, exact, atol=1e-8)


def test_the_order_is_four_between_edges():
    protocol = protocols.step(8, start="2 ms") + protocols.ramp(
        0, 10, start="2 ms", duration="8 ms"
    )
    fine = run(leaky(), protocol, 20, 0.125)[0]
    errors = [np.abs(run(leaky(), protocol, 20, dt)[0, -1] - fine[-1]) for dt in (2, 1)]
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.35)


@pytest.fixture(scope="module")
def axon():
    return systems.get("hodgkin-huxley")


def test_latency_after_a_step(axon):
    step = protocols.step([row["I"] for row in LATENCY], start="5 ms")
    first = [train[0] - 5 for train in spikes(run(axon, step, 20, 0.01), 0.01)]
    np.testing.assert_allclose(first, [row["latency"] for row in LATENCY], atol=0.006)


def test_rebound_after_release(axon):
    current = [row["I"] for row in REBOUND]
    release = protocols.release(current, duration="100 ms", start="5 ms")
    trains = spikes(run(axon, release, 135, 0.01), 0.01)
    assert [train.size for train in trains] == [1] * len(REBOUND)
    found = [train[0] - 105 for train in trains]
    np.testing.assert_allclose(found, [row["latency"] for row in REBOUND], atol=0.012)
    weak = protocols.release(-2.5, duration="100 ms", start="5 ms")
    assert spikes(run(axon, weak, 135, 0.01), 0.01)[0].size == 0


def test_thresholds_of_brief_pulses(axon):
    for row in PULSES:
        width, pair = row["duration"], [row["I_low"], row["I_high"]]
        pulse = protocols.step(pair, start="5 ms", duration=f"{width} ms")
        counts = [train.size for train in spikes(run(axon, pulse, 30, 0.01), 0.01)]
        assert counts == [0, 1], width


def test_records_and_bad_input():
    kernel = leaky().kernel()
    start = np.linspace(0, 3, 40)
    every = kernels.integrate_driven(
        kernel, [0.0], input="I", start=start, stop=start, dt=0.5, every=4
    )
    each = kernels.integrate_driven(kernel, [0.0], input="I", start=start, stop=start, dt=0.5)
    np.testing.assert_array_equal(every, each[::4])
    blown = kernels.integrate_driven(
        kernel, [0.0], input="I", start=start, stop=np.where(start > 2, np.nan, start), dt=0.5
    )
    assert np.isfinite(blown[:27]).all()
    assert np.isnan(blown[28:]).all()
    with pytest.raises(ValueError, match="no parameter 'i'.*Did you mean 'I'"):
        kernels.integrate_driven(kernel, [0.0], input="i", start=start, stop=start, dt=0.5)
    with pytest.raises(ValueError, match="a multiple of every=3 steps"):
        kernels.integrate_driven(kernel, [0.0], input="I", start=start, stop=start, dt=0.5, every=3)
