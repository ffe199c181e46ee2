"""Excitability: Hodgkin-Huxley's known values, and bars that cannot be passed by silence."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from snnsurrogate import systems
from snnsurrogate.evaluate.excitability import (
    BARS,
    GOALS,
    Battery,
    compare_excitability,
    excitability,
)
from snnsurrogate.kernels import integrate_driven
from snnsurrogate.surrogate import ExtrapolationWarning, NoRestError
from snnsurrogate.surrogate.baselines import FittedNeuron
from snnsurrogate.surrogate.baselines._driven import Neuron

KNOWN = json.loads((Path(__file__).parents[1] / "reference/hodgkin_huxley.json").read_text())
HH = systems.get("hodgkin-huxley")
SMALL = Battery(
    rates=(7.0, 20.0), latencies=(3.0, 10.0), steady=(-5.0, 2.0), noise=((6.0, 4.0, 2.0),),
    brief=(1.0, 5.0),
)  # fmt: skip
TINY = dataclasses.replace(
    SMALL, single=(1.0, 4.0), tonic=(4.0, 9.0), blocked=(), brief=(1.0,), released=(-2.0, -5.0)
)
LETTERS = set(BARS)


@pytest.fixture(scope="module")
def truth():
    return excitability("hodgkin-huxley", battery=SMALL)


class Equations(Neuron):
    """Hodgkin-Huxley with something wrong with it."""

    step, report = "0.05 ms", {}
    states = (("V", "mV"),)

    def __init__(self, shift, gain, after):
        self.shift, self.gain, self.after = shift, gain, after

    def run(self, start, stop, substeps):
        kernel = HH.kernel()
        x0 = np.tile([HH.initial[n] for n in kernel.states], (len(start), 1))
        settle = np.full((len(start), 2000), self.shift)
        first, last = (
            np.concatenate([settle, self.gain * u + self.shift], 1) for u in (start, stop)
        )
        x = integrate_driven(kernel, x0, input="I", start=first, stop=last, dt=0.05)
        return self.after(x[:, 2000:, 0], start)[..., None]


def cell(shift=0.0, gain=1.0, after=lambda v, current: v):
    """A source that is driven like a surrogate."""
    described = {
        p.name: {"value": p.value, "unit": p.unit, "low": p.low, "high": p.high}
        for p in HH.parameters
        if p.name != "I"
    }
    truth = {
        "system": HH.name, "title": "", "source": "", "equations": HH.equations,
        "equations_hash": HH.equations_hash, "parameters": described, "versions": {},
        "spike_rule": {"state": "V", "threshold": -20.0, "reset": -40.0},
    }  # fmt: skip
    card = {
        "model": {"name": "cell"}, "dt": "0.05 ms", "time_unit": "ms", "truth": truth,
        "input": {"name": "I", "unit": "uA/cm**2", "low": -20.0, "high": 60.0},
        "parameters": [], "states": [], "training": {"samples": 0},
        "fixed_parameters": {name: about["value"] for name, about in described.items()},
    }  # fmt: skip
    return FittedNeuron(Equations(shift, gain, after), card)


@pytest.fixture(scope="module")
def tiny_truth():
    return excitability(cell(), battery=TINY)


def passed(scores):
    return {letter for letter in BARS if int(scores[f"bar_{letter}"])}


def row(table, current):
    return next(r for r in KNOWN["tables"][table]["rows"] if r["I"] == current)


def test_known_values(truth):
    for current in (7.0, 20.0):
        expected = row("f_I_steady", current)["rate"]
        assert float(truth["rate"].sel(current=current)) == pytest.approx(expected, rel=5e-3)
    for current in (3.0, 10.0):
        expected = row("latency", current)["latency"]
        assert float(truth["latency"].sel(weak=current)) == pytest.approx(expected, abs=0.006)
    for current in (-5.0, 2.0):
        expected = row("steady_V", current)["V"]
        assert float(truth["steady"].sel(level=current)) == pytest.approx(expected, abs=0.06)
    assert float(truth["single"]) == pytest.approx(2.245, abs=0.01)
    low, high = KNOWN["values"]["rheobase_tonic"]["value"]
    assert low - 0.01 < float(truth["tonic"]) < high + 0.01
    assert truth["rebound_spikes"].values.tolist() == [0, 1, 1, 1]
    rebound = [row("rebound_latency_long_pulse", c)["latency"] for c in (-3, -5, -10)]
    np.testing.assert_allclose(truth["rebound_latency"][1:], rebound, atol=0.02)
    assert float(truth["rest"]) == pytest.approx(-64.9964, abs=1e-3)
    assert float(truth["spontaneous"]) == 0
    # the potential at the end of 50 ms, and thresholds of pulses of 1 and 5 ms
    np.testing.assert_allclose(truth["held"][1:], [-68.3, -72.0, -87.7], atol=0.05)
    low, high = np.array([6.5, 2.2]), np.array([7.0, 2.4])
    assert ((truth["brief_threshold"] > low) & (truth["brief_threshold"] < high)).all()
    assert 60 < float(truth["block"]) < 110  # spikes shrink below -20 mV before the Hopf point


def test_the_truth_passes_every_bar_and_goal(truth):
    scores = compare_excitability(truth, truth)
    assert int(scores["bars"]) == len(BARS) == 9
    assert float(scores["gamma_mean"]) == float(scores["recall_mean"]) == pytest.approx(1.0)
    for name, score in scores.items():
        if "error" in name or "rmse" in name:
            assert float(np.max(score)) == 0.0, name
    assert all(bar.passed(scores) for goals in GOALS.values() for bar in goals)


def test_a_source_that_is_driven_alike_is_measured_alike(truth, tiny_truth):
    """Brian2 at 0.01 ms against the package's own integrator at 0.05 ms."""
    for name in ("rate", "latency", "half_width", "peak", "steady", "rest"):
        np.testing.assert_allclose(truth[name], tiny_truth[name], rtol=3e-3, err_msg=name)


def test_a_shifted_current_fails_what_it_must(tiny_truth):
    """1 uA/cm**2 more: 16 % of the onset of firing; rest is the potential of that current."""
    scores = compare_excitability(tiny_truth, excitability(cell(shift=1.0), battery=TINY))
    assert float(scores["tonic_error"]) == pytest.approx(100 / 6.26, abs=0.4)
    slope = (row("steady_V", 2)["V"] - row("steady_V", 0)["V"]) / 2
    assert float(scores["rest_error"]) == pytest.approx(slope, abs=0.06)
    assert not passed(scores) & {"T", "Q", "F"}


def test_a_gain_of_the_current_scales_every_threshold(tiny_truth):
    scores = compare_excitability(tiny_truth, excitability(cell(gain=1.12), battery=TINY))
    for name in ("single_error", "tonic_error", "threshold_error_max"):
        assert float(scores[name]) == pytest.approx(100 * (1 - 1 / 1.12), abs=0.2), name
    expected = row("f_I_steady", 8)["rate"] / row("f_I_steady", 7)["rate"]  # at 7.84, about
    assert float(scores["rate_error_max"]) == pytest.approx(100 * (expected - 1), abs=1.5)
    assert passed(scores) >= {"Q", "W"}
    assert not passed(scores) & {"T", "R", "F"}


def test_a_slow_record_of_the_truth_shifts_latencies_alone(tiny_truth):
    """Spikes 0.3 ms late: latency by 0.3 ms, the same rates, widths and thresholds."""

    def late(v, current):
        return np.concatenate([np.repeat(v[:, :1], 6, axis=1), v[:, :-6]], axis=1)

    scores = compare_excitability(tiny_truth, excitability(cell(after=late), battery=TINY))
    assert float(scores["latency_rmse"]) == pytest.approx(0.3, abs=0.01)
    assert float(scores["rebound_latency_error"]) == pytest.approx(0.3, abs=0.01)
    assert LETTERS - passed(scores) == {"L"}


def flat(v, current):
    return np.full_like(v, -64.9964)


def broken(v, current):
    """Not finite from 10 ms on, wherever current flows."""
    v = v.copy()
    v[np.abs(current).max(axis=1) > 0, 200:] = np.nan
    return v


def restless(v, current):
    return np.zeros_like(v) - 64.9964 + 90.0 * (np.arange(v.shape[1]) % 200 > 180)


@pytest.mark.parametrize(
    ("after", "expected"),
    [(flat, {"Q"}), (broken, {"Q"}), (restless, set())],
    ids=["flat", "broken", "restless"],
)
def test_what_is_no_neuron_passes_no_more_than_rest(tiny_truth, after, expected):
    scores = compare_excitability(tiny_truth, excitability(cell(after=after), battery=TINY))
    assert passed(scores) == expected
    assert not float(scores["gamma_mean"]) > 0.2
    assert float(scores["rate_error_mean"]) == np.inf or after is restless
    assert float(scores["rebound_wrong"]) > 0


def test_a_run_that_diverges_has_no_values(tiny_truth):
    made = excitability(cell(after=broken), battery=TINY)
    for name in (
        "rate",
        "latency",
        "rebound_spikes",
        "rebound_latency",
        "train",
        "single",
        "tonic",
    ):
        assert np.isnan(made[name]).all(), name
    assert made["ran"].values.tolist() == [0]
    assert np.isnan(compare_excitability(tiny_truth, made)["gamma_mean"])
    assert float(made["rest"]) == pytest.approx(-64.9964, abs=1e-3)


def test_without_rest_everything_is_missing(tiny_truth):
    class Restless:
        def rollout(self, *_, **__):
            msg = "no stable state without input"
            raise NoRestError(msg)

    made = excitability(Restless(), battery=TINY)
    assert "no stable state" in made.attrs["note"]
    assert all(np.isnan(v).all() for name, v in made.items() if name != "ran")
    scores = compare_excitability(tiny_truth, made)
    assert passed(scores) == set()
    assert int(scores["bars"]) == 0


def test_a_system_that_fires_without_input_is_measured_as_it_is():
    battery = dataclasses.replace(TINY, latencies=(3.0,), steady=(2.0,), rates=(7.0,))
    made = excitability("hodgkin-huxley", {"E_K": -60.0}, battery=battery)
    assert float(made["spontaneous"]) > 10
    assert np.isnan(made["rest"])


def silent(truth):
    """A model that rests at the right potential and never fires."""
    made = truth.copy(deep=True)
    for name in (
        "rate", "latency", "half_width", "peak", "trough", "rebound_latency", "train", "single",
        "tonic", "block", "brief_threshold",
    ):  # fmt: skip
        made[name] = xr.full_like(truth[name], np.nan)
    made["rebound_spikes"] = xr.zeros_like(truth["rebound_spikes"])
    return made


def test_a_silent_model_passes_what_rest_passes(truth):
    scores = compare_excitability(truth, silent(truth))
    assert passed(scores) == {"Q", "S"}
    assert float(scores["latency_rmse"]) == float(scores["threshold_error_max"]) == np.inf
    assert float(scores["gamma_mean"]) < 0.1
    assert float(scores["recall_mean"]) == float(scores["precision_mean"]) == 0.0


def test_what_the_truth_lacks_passes_nothing(truth):
    """Above about 11 uA/cm**2 the first spike has no foot, hence no half width."""
    lacking = truth.copy(deep=True)
    lacking["half_width"][0] = np.nan
    scores = compare_excitability(lacking, lacking)
    assert np.isnan(scores["half_width_first_error"])
    assert LETTERS - passed(scores) == {"W"}


def test_errors_are_those_of_the_definition(truth):
    made = truth.copy(deep=True)
    made["rate"] = truth["rate"] * 1.02
    made["latency"] = truth["latency"] + 0.1
    made["half_width"] = truth["half_width"] * np.array([1.05, 0.88])
    made["peak"] = truth["peak"] + np.array([1.0, -2.0])
    made["rest"] = truth["rest"] - 0.6
    made["rebound_latency"] = truth["rebound_latency"] + np.array([0, 0, 0.2, 0.6])
    made["brief_threshold"] = truth["brief_threshold"] * np.array([1.0, 0.9])
    made["block"] = truth["block"] * 1.25
    made["sag"] = truth["sag"] + 0.1
    scores = compare_excitability(truth, made)
    expected = {
        "rate_error_mean": 2.0, "latency_rmse": 0.1, "half_width_tonic_error": 12.0,
        "peak_first_error": 1.0, "peak_tonic_error": 2.0, "rebound_latency_error": 0.6,
        "threshold_error_max": 10.0, "block_error": 25.0, "sag_error": 0.1,
    }  # fmt: skip
    for name, value in expected.items():
        assert float(scores[name]) == pytest.approx(value), name
    np.testing.assert_allclose(scores["rebound_latency_errors"], [0, 0, 0.2, 0.6], atol=1e-9)
    assert passed(scores) == {"F", "T", "R", "L", "S", "G"}


def test_two_batteries(truth):
    other = truth.assign_coords(current=[7.0, 21.0])
    with pytest.raises(ValueError, match="one battery"):
        compare_excitability(truth, other)
    with pytest.raises(ValueError, match="seed differs: 999 and 5"):
        compare_excitability(truth, truth.assign_attrs(seed=5))


def test_a_system_that_nothing_can_drive_or_see():
    with pytest.raises(ValueError, match="declares no input"):
        excitability("sherman")
    with pytest.raises(ValueError, match="declares no spike rule"):
        excitability("bonhoeffer-van-der-pol")


def test_currents_outside_the_trained_range_are_said():
    battery = dataclasses.replace(TINY, rates=(7.0, 80.0))
    with pytest.warns(ExtrapolationWarning, match=r"outside the trained range \[-20, 60\]"):
        excitability(cell(after=flat), battery=battery)
