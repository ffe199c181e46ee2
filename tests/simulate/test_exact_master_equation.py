"""The exact engine against the master equation of a network of two cells.

One E and one I cell with three levels below threshold: few enough states that the stationary
distribution follows from the generator, written down here on its own.
"""

import dataclasses
import functools
import itertools
import math

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve

from snnsurrogate import systems
from snnsurrogate.simulate.exact import markov_if
from tests.exact_runs import run

MOST = 4  # pending kicks per class; more are practically never there
REFRACTORY = "R"
VALUES = {
    "N_E": 1.0, "N_I": 1.0, "M": 3.0, "M_r": 1.0, "lambda_E": 0.5, "lambda_I": 0.3,
    "P_EE": 0.6, "P_IE": 0.9, "P_EI": 0.6, "P_II": 0.0,
    "S_EE": 2.6, "S_IE": 1.7, "S_EI": 2.7, "S_II": 0.0,
    "tau_EE": 1.9, "tau_IE": 1.3, "tau_I": 1.1,
}  # fmt: skip


def outcomes(v, jump, M):
    """(probability, new potential or "spike") after a jump of fractional size."""
    whole = math.floor(jump)
    for probability, step in ((1 - (jump - whole), whole), (jump - whole, whole + 1)):
        if probability > 0:
            yield probability, "spike" if v + step >= M else v + step


def transitions(state, p):
    """(rate, new state, which cell spikes, cause) out of a state (V_E, V_I, H_EE, H_IE, H_EI)."""
    v = {"E": state[0], "I": state[1]}
    h = dict(zip(("EE", "IE", "EI"), state[2:], strict=True))

    def arrive(rate, cell, jump, h, cause):
        if v[cell] == REFRACTORY:
            yield rate, (v["E"], v["I"], *h.values()), None, cause
            return
        for q, new in outcomes(v[cell], jump, p["M"]):
            if new != "spike":
                changed = v | {cell: new}
                yield rate * q, (changed["E"], changed["I"], *h.values()), None, cause
                continue
            changed = v | {cell: REFRACTORY if p["tau_R"] > 0 else 0}
            targets = ("EE", "IE") if cell == "E" else ("EI",)
            for coins in itertools.product((0, 1), repeat=len(targets)):
                more, weight = dict(h), rate * q
                for name, coin in zip(targets, coins, strict=True):
                    more[name] = min(more[name] + coin, MOST)
                    weight *= p[f"P_{name}"] if coin else 1 - p[f"P_{name}"]
                yield weight, (changed["E"], changed["I"], *more.values()), cell, cause

    for cell in "EI":
        yield from arrive(p[f"lambda_{cell}"], cell, 1, h, 0)
        if v[cell] == REFRACTORY:
            awake = v | {cell: 0}
            yield 1 / p["tau_R"], (awake["E"], awake["I"], *h.values()), None, 0
    for name in h:
        if h[name]:
            tau = p["tau_I"] if name == "EI" else p[f"tau_{name}"]
            less = h | {name: h[name] - 1}
            cell = name[0]
            if name == "EI" and v[cell] != REFRACTORY:
                jump = -p["S_EI"] * (v[cell] + p["M_r"]) / (p["M"] + p["M_r"])
                # Of x = -jump the whole part is certain and the rest a coin.
                x = -jump
                for q, fall in ((1 - x % 1, math.floor(x)), (x % 1, math.floor(x) + 1)):
                    if q > 0:
                        low = max(v[cell] - fall, -p["M_r"])
                        yield h[name] / tau * q, (int(low), v["I"], *less.values()), None, 0
            else:
                yield from arrive(h[name] / tau, cell, p[f"S_{name}"], less, 1)


@functools.cache
def _stationary(items):
    """Stationary means: rates, shares of recurrent spikes, H, refractory cells, potentials."""
    p = dict(items)
    levels = [*range(-int(p["M_r"]), int(p["M"]))] + [REFRACTORY] * (p["tau_R"] > 0)
    states = list(itertools.product(levels, levels, *[range(MOST + 1)] * 3))
    index = {state: i for i, state in enumerate(states)}
    rows, columns, entries = [], [], []
    spiking = {("E", 0): [], ("E", 1): [], ("I", 0): [], ("I", 1): []}
    for state, i in index.items():
        for rate, new, spike, cause in transitions(state, p):
            rows += [index[new], i]
            columns += [i, i]
            entries += [rate, -rate]
            if spike:
                spiking[spike, cause].append((i, rate))
    n = len(states)
    generator = sparse.csc_matrix((entries, (rows, columns)), shape=(n, n)).tolil()
    generator[0] = 1.0  # the sum of probabilities replaces one redundant row
    pi = spsolve(generator.tocsc(), np.eye(n, 1).ravel())
    flow = {key: sum(rate * pi[i] for i, rate in pairs) for key, pairs in spiking.items()}
    found = {f"rate_{q}": 1e3 * (flow[q, 0] + flow[q, 1]) for q in "EI"}
    found |= {f"cause_{q}": flow[q, 1] / (flow[q, 0] + flow[q, 1]) for q in "EI"}
    for k, name in enumerate(("H_EE", "H_IE", "H_EI")):
        found[name] = sum(pi[i] * state[2 + k] for state, i in index.items())
    for k, q in enumerate("EI"):
        found[f"V_{q}"] = np.array(
            [sum(pi[i] for state, i in index.items() if state[k] == level) for level in levels]
        )
    top = sum(pi[i] for state, i in index.items() if MOST in state[2:])
    assert top < 1e-3  # what the truncation leaves out
    return found


@pytest.mark.parametrize("tau_R", [1.5, 0.0])
@pytest.mark.parametrize("kept", ["lists", "counts"])
def test_stationary_distribution(tau_R, kept, monkeypatch):
    if kept == "counts":
        monkeypatch.setattr(markov_if, "COUNTED_FROM", 0)
    p = VALUES | {"tau_R": tau_R}
    known = _stationary(tuple(p.items()))
    model = systems.get("markov-if")
    fine = tuple(dataclasses.replace(h, width=1.0) for h in model.histograms)
    piece = run(
        parameters=p, changes={"runaway": 1e4, "histograms": fine}, duration=4e6, step=4.0,
        transient=100.0,
    )  # fmt: skip
    means = piece.series[:, 1:].mean(axis=1)
    for k, q in enumerate("EI"):
        own = piece.spike_population == k
        assert means[k] == pytest.approx(known[f"rate_{q}"], rel=0.005)
        assert piece.spike_cause[own].mean() == pytest.approx(known[f"cause_{q}"], abs=0.004)
        levels = [*piece.histograms[f"V_{q}"][1:].mean(axis=0), means[6 + k]][
            : len(known[f"V_{q}"])
        ]
        np.testing.assert_allclose(levels, known[f"V_{q}"], atol=0.004)
    for k, name in enumerate(("H_EE", "H_IE", "H_EI")):
        assert means[2 + k] == pytest.approx(known[name], rel=0.015)
    assert means[5] == 0
