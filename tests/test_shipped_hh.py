"""The shipped surrogates of Hodgkin and Huxley's neuron fire, wait and rest as it does."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import snnsurrogate as sns

ROOT = Path(__file__).resolve().parent.parent
KNOWN = json.loads((ROOT / "tests/reference/hodgkin_huxley.json").read_text())["tables"]
NAMES = ("hh-gru-2", "hh-gru-3")


@pytest.fixture(scope="module", params=NAMES)
def surrogate(request):
    return sns.load(request.param)


def test_steady_rates(surrogate):
    """Currents of which none was trained on; 3 % is the bar of the f-I curve."""
    rows = [r for r in KNOWN["f_I_steady"]["rows"] if r["I"] in (7, 20, 40, 50)]
    protocol = sns.protocols.step("amplitude", start="5 ms")
    run = surrogate.rollout(
        None, {"amplitude": [float(r["I"]) for r in rows]}, "505 ms", protocol=protocol
    )
    table = sns.features.responses(run, onset=5.0)
    rates = 1000.0 * table["steady_rate"].values
    np.testing.assert_allclose(rates, [r["rate"] for r in rows], rtol=0.03)


def test_one_spike_of_10_is_where_the_neuron_has_it(surrogate):
    expected = next(r["latency"] for r in KNOWN["latency"]["rows"] if r["I"] == 10)
    protocol = sns.protocols.step("amplitude", start="5 ms")
    run = surrogate.rollout(None, {"amplitude": [2.0, 2.6, 10.0]}, "60 ms", protocol=protocol)
    table = sns.features.responses(run, onset=5.0)
    assert table["spikes"].values[:2].tolist() == [0, 1]  # rheobase 2.245
    assert float(table["latency"][2]) == pytest.approx(expected, abs=0.2)


def test_rest_rebound_and_cycles(surrogate):
    release = sns.protocols.release("amplitude", start="5 ms", duration="50 ms")
    run = surrogate.rollout(None, {"amplitude": [-2.0, -5.0]}, "120 ms", protocol=release)
    table = sns.features.responses(run, onset=5.0, offset=55.0)
    assert table["rebound_spikes"].values.tolist() == [0, 1]
    assert float(table["rebound_latency"][1]) == pytest.approx(4.69, abs=0.5)
    assert float(run["V"][0, 0]) == pytest.approx(-65.0, abs=0.5)
    kernel, matrix, shift = sns.dynamics.observed_coordinates(surrogate)
    start = matrix @ surrogate.card["rest"] + shift
    found = sns.dynamics.rest_and_firing(kernel, "I", -5.0, 50.0, at=20.0, start=start)
    assert found.onset == pytest.approx(6.26, rel=0.1)  # fold of cycles of the equations
    assert found.resting[1] > found.onset  # two attractors, as the equations have


def test_scores_in_the_card(surrogate):
    scores = surrogate.card["scores"]
    assert scores["bars"]["value"] >= (8 if surrogate.model.units == 2 else 9)


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="pages are part of a checkout")
def test_page_says_what_the_shipped_scores_say():
    script = ROOT / "docs" / "make_hh_gru.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
