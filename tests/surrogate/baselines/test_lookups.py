"""Lookups: what they return is in the data, in the order that the data allow."""

import numpy as np
import pytest

import snnsurrogate as sns
from snnsurrogate import schema
from snnsurrogate.surrogate.baselines._runs import Runs
from snnsurrogate.surrogate.baselines.analogues import successors
from snnsurrogate.surrogate.baselines.event_resampling import play
from tests import network_runs


def point_of(network, i):
    return {n: float(network[n].values[i]) for n in ("tau_EE", "lambda_E", "lambda_I")}


def test_distance_counts_equal_parameters_once(network):
    runs = Runs.of(network, view="series")
    assert runs.names == ("tau_EE", "lambda_E")
    q = runs.q
    np.testing.assert_allclose([q.min(axis=0), q.max(axis=0)], [[-1, -1], [1, 1]])
    order, apart = runs.nearest(point_of(network, 5))
    assert order[0] == 5
    assert apart[0] == pytest.approx(0, abs=1e-12)
    assert (np.diff(apart) >= 0).all()
    np.testing.assert_allclose(apart[1], np.linalg.norm(q[order[1]] - q[5]))


# --- nearest run ---


def test_nearest_run_plays_the_record_round_and_round(network):
    run = sns.baselines.NearestRun().fit(network).rollout(None, point_of(network, 5), "3 s", seed=2)
    record = network["rate_E"].values[5, 1:]
    played = run["rate_E"].values[0]
    (shift,) = [k for k in range(1000) if np.array_equal(np.roll(record, -k), played[:1000])]
    np.testing.assert_array_equal(played, record[(shift + np.arange(3001)) % 1000])


def test_nearest_run_draws_among_runs_at_the_same_point(network):
    twice = schema.select(network, [3, 3])
    twice["H_EE"].values[1] += 10_000
    twice["tau_EE"].values[:] = 2.0
    fitted = sns.baselines.NearestRun().fit(twice)
    seen = {float(fitted.rollout(None, {}, "1 ms", seed=s)["H_EE"].max()) > 9999 for s in range(8)}
    assert seen == {True, False}


# --- events ---


def test_play_takes_events_and_intervals_in_turn():
    begin, stop, following = np.array([10, 40, 70]), np.array([14, 47, 72]), np.array([30, 65, 90])
    rng = np.random.default_rng(0)
    played = play(begin, stop, following, 20_000, rng)
    assert played.size == 20_000
    breaks = np.flatnonzero(np.diff(played) != 1) + 1
    pieces = np.split(played, breaks)
    events, intervals = set(zip(begin, stop, strict=True)), set(zip(stop, following, strict=True))
    joined = {(a, c) for a, b in events for d, c in intervals if b == d}
    for piece in pieces[:-1]:
        ends = piece[0], piece[-1] + 1
        assert ends in events | intervals | joined, ends  # its own interval may follow an event
    # each of the three events with the same probability: mean time in events, mean in intervals
    inside = np.zeros(100, dtype=bool)
    for a, b in events:
        inside[a:b] = True
    expected = (stop - begin).mean() / (following - begin).mean()
    assert inside[played].mean() == pytest.approx(expected, rel=0.05)


def test_empty_intervals_are_no_obstacle():
    begin, stop, following = np.array([0, 5]), np.array([5, 9]), np.array([5, 20])
    assert play(begin, stop, following, 1000, np.random.default_rng(1)).size == 1000


def test_resampling_keeps_rates_and_events_of_one_run():
    truth = network_runs.presets()
    table = sns.features.summary(truth)
    for i in (1, 2):
        fitted = sns.baselines.EventResampling().fit(schema.select(truth, [i]))
        made = sns.features.summary(fitted.rollout(None, {}, "40 s", seed=1))
        for name, tolerance in (("rate_E", 0.04), ("rate_I", 0.03)):
            assert float(made[name][0]) == pytest.approx(float(table[name][i]), rel=tolerance)
        for name in ("event_size", "event_rate"):
            assert float(made[name][0]) == pytest.approx(float(table[name][i]), rel=0.12)


def test_resampling_needs_events(network):
    still = network.copy(deep=True)
    for name in schema.series_of(still):
        still[name].values[:] = 0
    with pytest.raises(ValueError, match="two events.*PopulationMap"):
        sns.baselines.EventResampling().fit(still)


def test_resampling_passes_over_runs_without_events(network):
    mixed = network.copy(deep=True)
    mixed["rate_E"].values[5] = 0
    fitted = sns.baselines.EventResampling(neighbours=1).fit(mixed)
    run = fitted.rollout(None, point_of(network, 5), "1 s")
    assert float(run["rate_E"].mean()) > 1


# --- analogues ---


def test_analogues_return_states_of_the_data_only(network):
    fitted = sns.baselines.Analogues(runs=3).fit(network)
    run = fitted.rollout(None, point_of(network, 5), "2 s", seed=1)
    names = [n for n in schema.series_of(network) if n in run]

    def rows(ds):
        return np.stack([ds[n].values for n in names], -1).reshape(-1, len(names)).round(2)

    stored = {tuple(row) for row in rows(network)}
    assert all(tuple(row) in stored for row in rows(run))


def test_one_analogue_of_a_stored_state_is_itself(network):
    """With one neighbour from one run the walk follows the record; each step leads one on."""
    fitted = sns.baselines.Analogues(neighbours=1, runs=1).fit(network)
    run = fitted.rollout(None, point_of(network, 5), "0.9 s", seed=1)
    stored, seen = (np.rint(a) for a in (network["H_EI"].values[5], run["H_EI"].values[0]))
    at = [np.flatnonzero(stored == v) for v in seen]
    onward = [np.isin(b, a + 1).any() for a, b in zip(at[:-1], at[1:], strict=True)]
    assert np.mean(onward) > 0.99  # but for the jump from the last record


def test_successors_are_those_of_the_nearest_by_brute_force():
    rng = np.random.default_rng(0)
    x, apart = rng.normal(size=(3, 40, 4)), np.array([0.0, 0.7, 1.1, 5.0])
    table = successors(x, apart, 4)
    for j in (0, 39, 57, 119):
        here = x.reshape(-1, 4)[j]
        distance = ((x - here) ** 2).sum(2) + (apart[:3] ** 2)[:, None]
        distance[:, [0, -1]] = np.inf
        nearest = np.argsort(distance.ravel())[:4]
        assert set(table[j]) == set(nearest + 1)


def test_more_neighbours_than_states_are_all_of_them():
    assert successors(np.random.default_rng(0).normal(size=(1, 6, 2)), np.zeros(1), 50).shape == (
        6,
        4,
    )
