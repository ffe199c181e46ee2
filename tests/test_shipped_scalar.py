"""The shipped map of one voltage series bursts as the neuron does; its page says what it says."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import snnsurrogate as sns
from snnsurrogate import _shipped

ROOT = Path(__file__).resolve().parent.parent
FOLDER = _shipped.folder("data") / "scalar-reconstruction"


def test_map_of_one_series_bursts_as_the_neuron_does():
    surrogate = sns.load("scalar-reconstruction")
    assert surrogate.card["acceptance"]["accepted"]
    assert surrogate.observed == ("V",)
    run = surrogate.rollout(None, {"control": [1.0]}, "120 s")
    table = sns.families.regime_table(run, "control", transient="60 s")
    assert table["regime"].values.tolist() == [2]
    # known values of the equations at V_S = -36: 9.03 s, 20 spikes, V from -65 to -23 mV
    np.testing.assert_allclose(table["period"], 9.03, rtol=0.01)
    np.testing.assert_allclose(table["spikes_per_burst"], 20, rtol=0.05)
    np.testing.assert_allclose(table["lowest"], -65, atol=1.0)
    np.testing.assert_allclose(table["highest"], -23, atol=1.5)


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="pages are part of a checkout")
def test_page_says_what_the_shipped_scores_say():
    script = ROOT / "docs" / "make_scalar_reconstruction.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_seed_and_both_controls_are_in_the_scores():
    study = json.loads((FOLDER / "study.json").read_text())
    seeds = study["one.bursts"]["seeds"]
    assert seeds >= 20
    assert len(study["one.bursts"]["every"]) == seeds
    for kind in ("input", "bias", "output"):
        assert len(study[f"one.{kind}.in_order"]["every"]) >= 20
