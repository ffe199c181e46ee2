"""Responses to pulses: Hodgkin-Huxley values, a passive membrane, eFEL, missing values."""

import json
from pathlib import Path

import numpy as np
import pytest

from snnsurrogate import features
from snnsurrogate.features.pulse_response import RESPONSES, pulse_response
from snnsurrogate.features.waveform import spike_shapes, width_at

KNOWN = json.loads((Path(__file__).parents[1] / "reference/hodgkin_huxley.json").read_text())
LEVELS = {"threshold": -20.0, "reset": -40.0}
STEPS = [0.0, 2.0, 2.5, 5.0, 6.0, 7.0, 10.0, 15.0, 20.0, 50.0]


def value(name):
    known = KNOWN["values"][name]
    return known["value"]


def column(table, name):
    return {row["I"]: row[name] for row in KNOWN["tables"][table]["rows"]}


@pytest.fixture(scope="module")
def steps(sherman):
    return sherman(
        None, name="hodgkin-huxley", parameters={"I": STEPS}, duration=1000.0, transient=0.0,
        record=0.025, dt=0.025,
    )  # fmt: skip


@pytest.fixture(scope="module")
def table(steps):
    return features.responses(steps)


def at(table, current, name):
    return float(table[name].sel(sample=STEPS.index(current)))


def test_latency_and_intervals(table):
    latency, first = column("latency", "latency"), column("first_isi", "isi")
    rate = column("f_I_steady", "rate")
    for current in (2.5, 5.0, 7.0, 10.0, 20.0, 50.0):
        assert at(table, current, "latency") == pytest.approx(latency[current], abs=0.006)
    for current in (7.0, 10.0, 20.0, 50.0):
        assert at(table, current, "first_interval") == pytest.approx(first[current], abs=0.06)
        assert 1000 * at(table, current, "steady_rate") == pytest.approx(rate[current], rel=5e-3)


def test_trains_that_end(table):
    assert at(table, 2.5, "spikes") == 1
    assert at(table, 6.0, "spikes") == 2
    for current in (0.0, 2.0, 2.5, 5.0, 6.0):
        assert at(table, current, "tonic") == 0
        assert np.isnan(at(table, current, "steady_rate"))
    assert at(table, 7.0, "tonic") == 1
    # made of intervals 10, 20, 40: mean of 10/30 and 20/60
    made = spikes_at([10.0, 20.0, 40.0, 80.0])
    found = pulse_response(made, 0.05, onset=0.0, offset=100.0, **LEVELS)
    assert found["adaptation"] == pytest.approx(1 / 3, rel=1e-6)
    assert found["tonic"] == 1  # the last interval is 40: waiting 20 is not overdue


def spikes_at(times):
    t = np.arange(0.0, 100.0 + 0.025, 0.05)
    return -65.0 + 100.0 * sum(np.exp(-(((t - s) / 0.5) ** 2)) for s in times)


def test_shapes(table, steps):
    for which in ("first", "tonic"):
        for name, known in (("peak", "peak"), ("trough", "trough")):
            expected = value(f"{which}_spike_I10_{known}")
            assert at(table, 10.0, f"{name}_{which}") == pytest.approx(expected, abs=0.15)
        for name, known in (("upstroke", "max_dVdt"), ("downstroke", "min_dVdt")):
            expected = value(f"{which}_spike_I10_{known}")
            assert at(table, 10.0, f"{name}_{which}") == pytest.approx(expected, rel=0.02)
    v = steps["V"].values[STEPS.index(10.0)]
    for level, name in ((-20.0, "minus20"), (0.0, "0")):
        widths = width_at(v, 0.025, level, **LEVELS)
        for k, which in ((0, "first"), (-2, "tonic")):
            expected = value(f"{which}_spike_I10_width_at_{name}")
            assert widths[k] == pytest.approx(expected, abs=0.01)


def test_a_strong_step_hides_the_threshold(table):
    # the step itself drives dV/dt above 10 mV/ms, so that the first spike has no foot
    assert np.isnan(at(table, 20.0, "threshold_first"))
    assert np.isfinite(at(table, 20.0, "threshold_tonic"))


def test_efel_agrees(steps, table):
    efel = pytest.importorskip("efel")
    k = STEPS.index(10.0)
    efel.reset()
    efel.set_setting("interp_step", 0.01)
    trace = {
        "T": steps["time"].values, "V": steps["V"].values[k].astype(float),
        "stim_start": [0.0], "stim_end": [1000.0],
    }  # fmt: skip
    names = ["AP_duration_half_width", "AP_begin_voltage", "peak_voltage", "min_AHP_values"]
    found = efel.get_feature_values([trace], names)[0]
    assert at(table, 10.0, "half_width_tonic") == pytest.approx(
        found["AP_duration_half_width"][-2], abs=0.03
    )
    assert at(table, 10.0, "threshold_tonic") == pytest.approx(
        found["AP_begin_voltage"][-2], abs=0.5
    )
    assert at(table, 10.0, "peak_first") == pytest.approx(found["peak_voltage"][0], abs=0.1)


def test_silent_samples_have_no_spike_features(table):
    for name in ("latency", "first_interval", "steady_rate", "peak_first", "half_width_tonic"):
        assert np.isnan(at(table, 0.0, name))
    assert at(table, 0.0, "spikes") == 0  # a measurement, not a missing value
    assert at(table, 2.0, "steady") == pytest.approx(column("steady_V", "V")[2], abs=0.06)
    assert np.isnan(at(table, 10.0, "steady"))


def test_units(table):
    assert table["latency"].attrs["units"] == "ms"
    assert table["upstroke_first"].attrs["units"] == "mV/ms"
    assert set(table.data_vars) == set(RESPONSES)


def passive(change, *, tau=5.0, sag=0.0, step=0.05):
    """Membrane of 2 units of resistance, current from 20 to 120; a slow return after `sag`."""
    t = np.arange(0.0, 200.0 + step / 2, step)
    s = np.clip(t - 20.0, 0.0, 100.0)
    v = -65.0 + 2.0 * change * (1 - np.exp(-s / tau)) * (1 - sag * (1 - np.exp(-s / 20.0)))
    after = t > 120.0
    end = v[np.flatnonzero(~after)[-1]]
    v[after] = -65.0 + (end + 65.0) * np.exp(-(t[after] - 120.0) / tau)
    return v, step


def test_a_passive_membrane():
    v, step = passive(-3.0)
    found = pulse_response(v, step, onset=20.0, offset=120.0, change=-3.0, **LEVELS)
    assert found["rest"] == pytest.approx(-65.0)
    assert found["steady"] == pytest.approx(-71.0, abs=1e-3)
    assert found["input_resistance"] == pytest.approx(2.0, rel=1e-3)
    # the fit ends at 95 % of the deflection, where its final value is not yet seen
    assert found["membrane_time_constant"] == pytest.approx(5.0, rel=1e-3)
    assert found["sag"] == pytest.approx(0.0, abs=1e-3)
    assert np.isnan(found["rebound_latency"])
    assert found["rebound_spikes"] == 0


def test_sag():
    v, step = passive(-3.0, tau=1.0, sag=0.3)
    found = pulse_response(v, step, onset=20.0, offset=120.0, **LEVELS)
    inside = v[(np.arange(v.size) * step >= 20) & (np.arange(v.size) * step <= 120)]
    least = inside.min()
    late = inside[-inside.size // 10 :].mean()
    assert found["sag"] == pytest.approx((late - least) / (-65.0 - least), rel=0.02)
    assert np.isnan(found["input_resistance"])  # the current is not known
    up, _ = passive(3.0)
    assert np.isnan(pulse_response(up, step, onset=20.0, offset=120.0, **LEVELS)["sag"])


def test_shape_of_a_made_spike():
    # triangle: 100 mV/ms up for 1 ms, 50 down for 2 ms, then a dip
    t = np.arange(0.0, 40.0, 0.01)
    v = np.interp(t, [0, 10, 11, 13.4, 20, 40], [-60, -60, 40, -80, -60, -60])
    found = spike_shapes(v, 0.01, **LEVELS)
    assert found.time == pytest.approx([10.4], abs=1e-6)
    assert found.threshold[0] == pytest.approx(-60.0, abs=0.6)
    assert found.peak[0] == pytest.approx(40.0, abs=0.6)
    assert found.half_width[0] == pytest.approx(0.5 + 1.0, abs=0.02)
    assert found.upstroke[0] == pytest.approx(100.0)
    assert found.downstroke[0] == pytest.approx(-50.0)
    assert found.trough[0] == pytest.approx(-80.0, abs=0.3)


def test_the_trough_after_the_last_spike_may_be_missing():
    t = np.arange(0.0, 12.0, 0.01)
    v = np.interp(t, [0, 10, 11, 12], [-60, -60, 40, -15])
    found = spike_shapes(v, 0.01, **LEVELS)
    assert np.isnan(found.trough[0])
    assert np.isnan(found.downstroke[0])
    assert np.isfinite(found.half_width[0])  # the record ends just below half height


@pytest.mark.parametrize("pulse", [(5.0, 5.0), (-1.0, 5.0), (5.0, 500.0)])
def test_a_pulse_outside_the_record(pulse):
    v, step = passive(1.0)
    with pytest.raises(ValueError, match="inside|expected"):
        pulse_response(v, step, onset=pulse[0], offset=pulse[1], **LEVELS)


def test_curve_over_current(table):
    found = features.rate_curve(STEPS, 1000 * table["steady_rate"].values, table["spikes"].values)
    assert found.single == (2.0, 2.5)
    assert found.onset == (6.0, 7.0)
    assert found.onset_rate == pytest.approx(58.3, rel=5e-3)
    assert np.isnan(found.block).all()  # not reached
    rates = np.array([np.nan, 50.0, 60.0, 70.0, np.nan])
    made = features.rate_curve([1, 2, 3, 4, 5], rates, [0, 9, 9, 9, 3])
    assert made.gain == pytest.approx(10.0)
    assert made.block == (4.0, 5.0)
    silent = features.rate_curve([1, 2], [np.nan, np.nan], [0, 0])
    assert silent.onset[0] == 2.0
    assert np.isnan(silent.onset[1])
    with pytest.raises(ValueError, match="shapes"):
        features.rate_curve([1, 1], [2, 2], [0, 0])


def test_strength_duration():
    d = np.array([0.2, 0.5, 1.0, 2.0, 5.0])
    found = features.strength_duration(d, 2.0 * (1 + 3.0 / d))
    assert (found.rheobase, found.chronaxie) == pytest.approx((2.0, 3.0))
    assert found.residual < 1e-12
    with pytest.raises(ValueError, match="two or more"):
        features.strength_duration([1.0, 2.0], [np.nan, 3.0])
