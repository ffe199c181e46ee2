"""Excitability: Hodgkin-Huxley's known values, and bars that cannot be passed by silence."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from snnsurrogate.evaluate.excitability import (
    BARS,
    Battery,
    compare_excitability,
    excitability,
)

KNOWN = json.loads((Path(__file__).parents[1] / "reference/hodgkin_huxley.json").read_text())
SMALL = Battery(
    rates=(7.0, 20.0), latencies=(3.0, 10.0), steady=(-5.0, 2.0), noise=((6.0, 4.0, 2.0),)
)


@pytest.fixture(scope="module")
def truth():
    return excitability("hodgkin-huxley", battery=SMALL)


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
    assert low - 0.005 < float(truth["tonic"]) < high + 0.005
    assert truth["rebound_spikes"].values.tolist() == [0, 1, 1, 1]
    rebound = [row("rebound_latency_long_pulse", c)["latency"] for c in (-3, -5, -10)]
    np.testing.assert_allclose(truth["rebound_latency"][1:], rebound, atol=0.02)
    assert float(truth["rest"]) == pytest.approx(-64.9964, abs=1e-3)
    assert float(truth["spontaneous"]) == 0


def test_the_truth_passes_every_bar(truth):
    scores = compare_excitability(truth, truth)
    assert int(scores["bars"]) == len(BARS) == 9
    assert float(scores["gamma_mean"]) == pytest.approx(1.0)
    assert float(scores["rate_error_max"]) == 0.0


def silent(truth):
    """A model that rests at the right potential and never fires."""
    made = truth.copy(deep=True)
    for name in ("rate", "latency", "half_width", "peak", "trough", "rebound_latency", "train"):
        made[name] = xr.full_like(truth[name], np.nan)
    made["rebound_spikes"] = xr.zeros_like(truth["rebound_spikes"])
    made["single"] = made["tonic"] = xr.full_like(truth["single"], np.nan)
    return made


def test_a_silent_model_passes_what_rest_passes(truth):
    scores = compare_excitability(truth, silent(truth))
    passed = {letter for letter in BARS if int(scores[f"bar_{letter}"])}
    assert passed == {"Q", "S"}
    assert float(scores["latency_rmse"]) == np.inf
    assert float(scores["gamma_mean"]) < 0.1


def test_errors_are_those_of_the_definition(truth):
    made = truth.copy(deep=True)
    made["rate"] = truth["rate"] * 1.02
    made["latency"] = truth["latency"] + 0.1
    made["half_width"] = truth["half_width"] * np.array([1.05, 0.88])
    made["rest"] = truth["rest"] - 0.6
    scores = compare_excitability(truth, made)
    assert float(scores["rate_error_mean"]) == pytest.approx(2.0)
    assert float(scores["latency_rmse"]) == pytest.approx(0.1)
    assert float(scores["half_width_tonic_error"]) == pytest.approx(12.0)
    assert int(scores["bar_F"]) == int(scores["bar_L"]) == 1
    assert int(scores["bar_W"]) == int(scores["bar_Q"]) == 0


def test_two_batteries(truth):
    other = truth.assign_coords(current=[7.0, 21.0])
    with pytest.raises(ValueError, match="one battery"):
        compare_excitability(truth, other)


def test_a_system_without_input():
    with pytest.raises(ValueError, match="declares no input"):
        excitability("sherman")
