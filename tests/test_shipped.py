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
    assert {"bursting-map", "bursting-map-wide"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_surrogate_is_of_the_equations_of_today(name):
    surrogate = sns.load(name)
    system = sns.systems.get(surrogate.system)
    assert surrogate.card["truth"]["equations_hash"] == system.equations_hash
    assert surrogate.card["scores"]["agreement"]["value"] > 0.98


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


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="pages are part of a checkout")
def test_pages_say_what_the_shipped_scores_say():
    script = ROOT / "docs" / "make_results.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    study = json.loads((ROOT / "data" / "bursting-map" / "study.json").read_text())
    assert study["agreement"]["seeds"] >= 5
