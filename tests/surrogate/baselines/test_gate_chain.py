"""GateChain: constants of the notes, closed forms of its parts, its own master equation."""

import itertools

import numpy as np
import pytest

import snnsurrogate as sns
from snnsurrogate import schema
from snnsurrogate.surrogate.baselines._gate_kernel import EVENTS, simulate
from snnsurrogate.surrogate.baselines.gate_chain import constants, transitions
from tests import network_runs

NETWORK = sns.systems.get("markov-if")


def preset(name):
    return {p.name: p.value for p in NETWORK.parameters} | NETWORK.presets[name]


@pytest.mark.parametrize(
    ("name", "a_ee"), [("homogeneous", 0.72), ("regular", 0.53), ("synchronous", 0.50)]
)
def test_constants_are_near_those_of_the_authors(name, a_ee):
    rates, kicks, (share_e, share_i) = constants(preset(f"small-{name}"))
    assert share_e == pytest.approx(a_ee, abs=0.035)
    assert share_i == pytest.approx(0.79, abs=0.005)
    assert kicks.tolist() == [24, 48]
    assert rates[2] + rates[3] == pytest.approx(share_e / preset(f"small-{name}")["tau_EE"]
        + (1 - share_e) / 1.2)  # fmt: skip


def test_shares_of_pending_kicks_are_those_of_the_network():
    truth = network_runs.presets()
    for i, name in enumerate(network_runs.PRESETS):
        _, _, (a_ee, a_ei) = constants(preset(name))
        mean = {h: float(truth[h][i].mean()) for h in ("H_EE", "H_IE", "H_EI", "H_II")}
        assert mean["H_EE"] / (mean["H_EE"] + mean["H_IE"]) == pytest.approx(a_ee, abs=0.005)
        assert mean["H_EI"] / (mean["H_EI"] + mean["H_II"]) == pytest.approx(a_ei, abs=0.005)


def test_no_kicks_at_all():
    p = preset("regular") | dict.fromkeys(("P_EE", "P_IE", "P_EI", "P_II"), 0.0)
    _, kicks, shares = constants(p)
    assert kicks.tolist() == [0, 0]
    assert shares == (0.0, 0.0)


# --- what a kick does ---


def test_transitions_of_an_even_distribution():
    """Cells evenly between 0 and 100, gate at 40: 60 of 100 are gate cells."""
    edges = np.arange(0.0, 101.0, 5.0)
    table = transitions(
        np.full((30, 20), 0.05), edges, gate=41.0, cells=100, excitation=5.0, inhibition=10.0,
        threshold=100.0, reversal=66.0,
    )  # fmt: skip
    assert table.shape == (EVENTS, 101)
    slope = 10 / 166
    down = (40 + slope * 66) / (1 - slope) - 40  # v - slope (v + 66) = 40
    expected = [1 / 40, 1 / 60, 5 / 40, 5 / 60, down / 60]
    np.testing.assert_allclose(table[:, 60], expected, rtol=1e-12)
    np.testing.assert_allclose(table[:, 3], expected)  # never seen: as the seen ones


def test_transitions_depend_on_the_gate_cells_and_count_refractory_cells_as_base():
    low, high = np.zeros((2, 20))
    low[:8], high[8:] = (
        0.1,
        0.05,
    )  # 80 % evenly in the base, the others refractory; 60 % in the gate
    rows = np.concatenate([np.tile(low, (25, 1)), np.tile(high, (25, 1))])
    table = transitions(
        rows, np.arange(0.0, 101.0, 5.0), gate=40.0, cells=10, excitation=5.0, inhibition=1.0,
        threshold=100.0, reversal=66.0,
    )  # fmt: skip
    np.testing.assert_allclose(table[0, [0, 6]], [0.02 / 1.0, 0.0])
    np.testing.assert_allclose(table[1, 6], 0.01 / 0.6)
    np.testing.assert_allclose(table[0, 3], 0.01)  # between the two


def test_kicks_larger_than_gate_and_threshold_stay_probabilities():
    table = transitions(
        np.full((30, 20), 0.05), np.arange(0.0, 101.0, 5.0), gate=40.0, cells=50,
        excitation=90.0, inhibition=200.0, threshold=100.0, reversal=66.0,
    )  # fmt: skip
    np.testing.assert_allclose(table[2:, 30], 1.0)
    assert ((table >= 0) & (table <= 1)).all()


# --- the chain ---


def even(cells, *probabilities):
    return np.tile(np.array(probabilities)[:, None], (1, cells + 1))


def test_without_kicks_gate_cells_are_binomial():
    """Base to gate at rate a, gate to spike at rate b: N a b / (a + b) spikes per ms."""
    e, i = even(30, 0.2, 0.1, 0, 0, 0), even(10, 0.3, 0.05, 0, 0, 0)
    rates = np.array([2.0, 1.0, 0, 0, 0, 0])
    none = np.zeros(2, np.int64)
    cells = np.array([30, 10])
    found = simulate(e, i, cells, rates, none, 100_000, 1.0, np.random.default_rng(0))
    spikes = found[100:, :2].mean(axis=0)
    a, b = np.array([0.4, 0.3]), np.array([0.2, 0.05])
    np.testing.assert_allclose(spikes, cells * a * b / (a + b), rtol=0.015)
    assert (found[:, 2:] == 0).all()


def test_nothing_happens_without_rates():
    nothing = even(3, 0, 0, 0, 0, 0)
    found = simulate(
        nothing, nothing, np.array([3, 3]), np.zeros(6), np.ones(2, np.int64), 50, 1.0,
        np.random.default_rng(0),
    )  # fmt: skip
    assert found.shape == (50, 4)
    assert (found == 0).all()


def generator(cells, e, i, rates, kicks, most):
    """Rates between all states (n_E, n_I, H_E, H_I) with at most ``most`` pending kicks."""
    states = list(itertools.product(
        range(cells[0] + 1), range(cells[1] + 1), range(most + 1), range(most + 1)
    ))  # fmt: skip
    index = {s: k for k, s in enumerate(states)}
    q = np.zeros((len(states), len(states)))
    fires = np.zeros((len(states), 2))
    for s in states:
        n, h = s[:2], s[2:]
        per_kick = ((rates[2], rates[3]), (rates[4], rates[5]))
        for who, table in enumerate((e, i)):
            gate, base = n[who], cells[who] - n[who]
            p = table[:, gate]
            up, fire = [*n], [*n]
            up[who] += 1
            fire[who] -= 1
            after = [*h]
            after[who] = min(h[who] + kicks[who], most)
            moves = [
                (rates[who] * base * p[0], (*up, *h), False),
                (rates[who] * gate * p[1], (*fire, *after), True),
            ]
            excited = per_kick[0][who] * h[0]
            spent = (h[0] - 1, h[1])
            after = [*spent]
            after[who] = min(spent[who] + kicks[who], most)
            share = gate / cells[who]
            moves += [
                (excited * (1 - share) * p[2], (*up, *spent), False),
                (excited * share * p[3], (*fire, *after), True),
                (excited * (1 - (1 - share) * p[2] - share * p[3]), (*n, *spent), False),
            ]
            inhibited = per_kick[1][who] * h[1]
            spent = (h[0], h[1] - 1)
            moves += [
                (inhibited * share * p[4], (*fire, *spent), False),
                (inhibited * (1 - share * p[4]), (*n, *spent), False),
            ]
            for rate, target, fired in moves:
                if rate > 0:
                    q[index[s], index[target]] += rate
                    fires[index[s], who] += rate * fired
    np.fill_diagonal(q, q.diagonal() - q.sum(axis=1))
    return states, q, fires


def test_the_chain_has_the_stationary_law_of_its_master_equation():
    cells, kicks = np.array([2, 1]), np.array([2, 1])
    e = np.array(
        [[0.5, 0.3, 0.2], [0.1, 0.1, 0.2], [0.6, 0.4, 0.2], [0.1, 0.3, 0.5], [0.4, 0.6, 0.8]]
    )
    i = np.array([[0.4, 0.2], [0.1, 0.2], [0.3, 0.5], [0.2, 0.4], [0.3, 0.7]])
    rates = np.array([0.8, 1.0, 0.6, 0.9, 0.5, 0.7])
    states, q, fires = generator(cells, e, i, rates, kicks, 11)
    p = np.linalg.lstsq(
        np.vstack([q.T, np.ones(len(states))]), np.r_[np.zeros(len(states)), 1.0], rcond=None
    )[0]
    assert p[[max(s[2:]) == 11 for s in states]].sum() < 1e-4  # the cut does not matter
    found = simulate(e, i, cells, rates, kicks, 400_000, 1.0, np.random.default_rng(3))[100:]
    np.testing.assert_allclose(found[:, :2].mean(axis=0), p @ fires, rtol=0.01)
    pending = np.array(states)[:, 2:]
    np.testing.assert_allclose(found[:, 2:].mean(axis=0), p @ pending, rtol=0.015)
    np.testing.assert_allclose((found[:, 2] ** 2).mean(), p @ pending[:, 0] ** 2, rtol=0.03)


def test_it_tells_the_regimes_of_the_small_network_apart():
    """The set that the authors made the chain for; rates come out a quarter too high at most."""
    truth = sns.simulate(
        "markov-if", network_runs.design(), duration="4 s", record_every="1 ms",
        transient="500 ms", engine="exact", record=["histograms"], seed=1, progress=False,
    )  # fmt: skip
    found = []
    for i in range(3):
        fitted = sns.baselines.GateChain().fit(schema.select(truth, [i]))
        found.append(sns.features.summary(fitted.rollout(None, {}, "10 s", seed=1)))
    table = sns.features.summary(truth)
    for name, most in (("rate_E", 0.3), ("rate_I", 0.2)):
        made = np.array([float(f[name][0]) for f in found])
        np.testing.assert_allclose(made, table[name], rtol=most)
    chi = [float(f["chi"][0]) for f in found]
    assert chi[0] < 0.8 < chi[1] < chi[2]


def test_bad_input(network):
    with pytest.raises(ValueError, match="gate is 120; expected a potential between -66 and 100"):
        sns.baselines.GateChain(gate=120.0).fit(network)
    with pytest.raises(ValueError, match="gate of gate-chain is nan"):
        sns.baselines.GateChain(gate=float("nan"))
