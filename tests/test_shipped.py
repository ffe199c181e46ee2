"""What ships: surrogates that load, are of today's equations, and behave as their page says."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import snnsurrogate as sns
from snnsurrogate import _shipped
from snnsurrogate.surrogate import artefact

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(p.parent.name for p in _shipped.folder("data").glob(f"*/{artefact.CARD}"))


def test_the_promised_names_ship():
    assert {"bursting-map", "bursting-map-wide", "network-surrogate"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_surrogate_is_of_the_equations_of_today(name):
    surrogate = sns.load(name)
    system = sns.systems.get(surrogate.system)
    assert surrogate.card["truth"]["equations_hash"] == system.equations_hash
    scores = surrogate.card["scores"]
    if surrogate.driven:  # no regimes: see test_shipped_hh
        assert scores["bars"]["value"] >= 8
    elif surrogate.card.get("view") == "series":  # one parameter value: see test_shipped_scalar
        assert scores["starts"]["value"] == 1
    else:
        assert scores["agreement"]["value"] > 0.98


def test_bursting_map_bursts_spikes_and_has_the_fixed_point():
    surrogate = sns.load("bursting-map")
    start = {"V": -30.0, "n": 0.0206, "S": 0.178}
    before = surrogate.rollout(start, {"V_S": [-44, -40, -36, -33.5, -33]}, "20 s")
    state = {name: before[name].values[:, -1] for name in start}
    after = surrogate.rollout(state, {"V_S": before.V_S.values}, "60 s")
    assert sns.regimes(after).values.tolist() == [2, 2, 2, 1, 1]
    # known values: period 13.0, 8.7, 9.0 s and 8, 12, 20 spikes per burst
    table = sns.features.summary(after)
    np.testing.assert_allclose(table.burst_period[:3], [13.0, 8.7, 9.0], rtol=0.01)
    np.testing.assert_allclose(table.spikes_per_burst[:3], [8, 12, 20], atol=0.1)
    points = sns.dynamics.fixed_points(surrogate, {"V_S": [-40.0, -36.0]})
    np.testing.assert_allclose(points.V.values[:, 0], [-54.99813, -49.89704], atol=0.005)


def test_wide_map_rests_where_the_neuron_rests():
    surrogate = sns.load("bursting-map-wide")
    start = {"V": -30.0, "n": 0.0206, "S": 0.178}
    before = surrogate.rollout(start, {"V_S": [-46, -45, -44.5, -30]}, "40 s")
    state = {name: before[name].values[:, -1] for name in start}
    after = surrogate.rollout(state, {"V_S": before.V_S.values}, "60 s")
    assert sns.regimes(after).values.tolist() == [0, 0, 2, 1]
    found = sns.dynamics.hopf(surrogate, "V_S", -45.5, -44.0)
    assert float(found["V_S"].values.flat[0]) == pytest.approx(-44.7216, abs=0.01)


def test_mini_network_is_small_whole_and_of_the_equations_of_today():
    ds = sns.open("markov-if-mini")
    path = _shipped.folder("data") / "markov-if-mini.nc"
    assert path.stat().st_size < 5e6
    assert sns.check(path) == []
    system = sns.systems.get("markov-if")
    assert ds.attrs["equations_hash"] == system.equations_hash
    assert ds.sizes["sample"] == 24
    assert (ds["status"].values == 0).all()
    assert set(json.loads(ds.attrs["swept"])) == {
        "tau_EE", "tau_IE", "S_EE", "S_IE", "S_EI", "S_II", "lambda_E", "lambda_I"
    }  # fmt: skip
    assert {"V_E", "V_I", "H_EE", "R_I", "spike_neuron", "spike_cause"} <= set(ds.variables)


def test_mini_network_has_the_reference_rates_and_consistent_spikes():
    ds = sns.open("markov-if-mini")
    for sample, name in enumerate(("homogeneous", "regular", "synchronous"), 21):
        preset = sns.systems.get("markov-if").presets[name]
        assert all(float(ds[k][sample]) == v for k, v in preset.items())
    # independent exact simulation; 2 s vary by some percent
    rates = {p: ds[f"rate_{p}"].values[21:, 1:].mean(axis=1) for p in "EI"}
    np.testing.assert_allclose(rates["E"], [23.2, 25.5, 33.2], rtol=0.05)
    np.testing.assert_allclose(rates["I"], [54.5, 56.7, 61.6], rtol=0.03)
    assert (np.diff(sns.features.summary(ds)["chi"].values[21:]) > 0.2).all()
    # the rounding of spike times moved none into another bin, and none was lost
    times, owner = ds["spike_time"].values, ds["spike_population"].values
    edges = np.cumsum(ds["spike_count"].values)
    mine = slice(edges[-2], edges[-1])
    assert (np.diff(times[mine]) >= 0).all()
    for code, (p, size) in enumerate((("E", 300), ("I", 100))):
        index = np.ceil(times[mine][owner[mine] == code]).astype(int)
        counts = np.bincount(index, minlength=ds.sizes["time"])
        expected = ds[f"rate_{p}"].values[-1] * size * 1e-3
        np.testing.assert_allclose(counts[1:], expected[1:], atol=1e-3)
    # cells in the histograms and refractory cells are all cells
    awake = ds["V_E"].values[-1].sum(axis=1)
    np.testing.assert_array_equal(awake + ds["R_E"].values[-1], 300)


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="pages are part of a checkout")
def test_networks_page_says_what_the_shipped_scores_say():
    script = ROOT / "docs" / "make_networks.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    study = json.loads((ROOT / "data" / "network-oscillations" / "study.json").read_text())
    for name in ("homogeneous", "regular", "synchronous"):
        for key, bound in (("rate_E", 0.02), ("rate_I", 0.02), ("ssi_1ms", 0.05)):
            entry = study[f"gate.{name}.{key}"]
            assert entry["value"] == pytest.approx(entry["reference"], rel=bound)
        assert abs(study[f"brian2.bias.{name}.rate_E"]["value"]) < 2
    # the ceiling of any surrogate: clear labels do not depend on the seed
    clear = study["plane.labels_differing_clear"]
    assert clear["value"] == clear["floor"] == 0


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="pages are part of a checkout")
def test_pages_say_what_the_shipped_scores_say():
    script = ROOT / "docs" / "make_results.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    study = json.loads((ROOT / "data" / "bursting-map" / "study.json").read_text())
    assert study["agreement"]["seeds"] >= 5


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="pages are part of a checkout")
def test_generalisation_page_says_what_the_shipped_scores_say():
    script = ROOT / "docs" / "make_generalisation.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    path = ROOT / "data" / "parameter-generalisation" / "study.json"
    study = {key: entry["value"] for key, entry in json.loads(path.read_text()).items()}
    few = study["bursting.points-10.map.interpolation.agreement"]
    for method in ("lookup", "linear", "spline"):  # of 300 points
        assert few > study[f"bursting.interpolation.{method}.interpolation.agreement"]
        assert study[f"bursting.regime.{method}.regime.agreement"] == 0  # never shown
    # what the page says against the map
    assert study["network.regime.map.regime.agreement"] < 0.5
    chi = "network.interpolation.{}.interpolation.chi_error_median"
    assert study[chi.format("spline")] < study[chi.format("map")]
