"""The shipped map of the network: rates, synchrony and labels that the exact engine has."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import snnsurrogate as sns
from snnsurrogate import _shipped

ROOT = Path(__file__).resolve().parent.parent
PRESETS = ("homogeneous", "regular", "synchronous")


@pytest.fixture(scope="module")
def surrogate():
    return sns.load("network-surrogate")


@pytest.fixture(scope="module")
def study():
    path = _shipped.folder("data") / "network-oscillations" / "study.json"
    return json.loads(path.read_text())


def test_it_covers_the_box(surrogate):
    box = {
        "tau_EE": (1.2, 4.0), "tau_IE": (0.9, 1.3), "S_EE": (4.25, 5.75), "S_IE": (1.7, 2.3),
        "S_EI": (4.1735, 5.6465), "S_II": (4.1735, 5.6465), "lambda_E": (5.0, 8.0),
        "lambda_I": (5.0, 8.0),
    }  # fmt: skip
    assert set(surrogate.box) == set(box)
    for name, (low, high) in box.items():
        assert surrogate.box[name][0] <= low, name
        assert surrogate.box[name][1] >= high, name


def test_presets_have_the_rates_and_synchrony_of_the_exact_engine(surrogate, study):
    """Values of the study network-oscillations, 60 s each, exact engine."""
    network = sns.systems.get("markov-if")
    given = {
        name: np.array([network.presets[p].get(name, network.defaults[name]) for p in PRESETS])
        for name in surrogate.parameters
    }
    run = surrogate.rollout(None, given, "60 s", seed=3, record=[])
    assert sns.regimes(run).values.tolist() == [1, 2, 3]
    counts = np.round(run["rate_E"].values[:, 1:].astype(float) * 0.3)
    index = np.square(counts).sum(1) / counts.sum(1) / 300
    for i, preset in enumerate(PRESETS):
        known = {k: study[f"gate.{preset}.{k}"]["value"] for k in ("rate_E", "rate_I", "ssi_1ms")}
        assert run["rate_E"].values[i].mean() == pytest.approx(known["rate_E"], rel=0.04)
        assert run["rate_I"].values[i].mean() == pytest.approx(known["rate_I"], rel=0.02)
        assert index[i] == pytest.approx(known["ssi_1ms"], rel=0.06)
    assert int(run["clipped"].sum()) < 20


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="pages are part of a checkout")
def test_page_says_what_the_shipped_scores_say(surrogate):
    script = ROOT / "docs" / "make_population_map.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    scores = surrogate.card["scores"]
    bounds = {"population_rate_error_E": 4, "population_rate_error_I": 1.2, "ssi_error": 6}
    for name, bound in bounds.items():
        assert scores[f"{name}_max"]["value"] < bound
