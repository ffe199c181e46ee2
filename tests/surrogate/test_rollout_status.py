"""Status of stochastic rollouts: runaway by the simulator's rule, not finite, diverged."""

import types

import numpy as np
import pytest

from snnsurrogate import schema, systems
from snnsurrogate.surrogate import _stochastic

FLAGS = schema.FLAGS
BOUND = systems.get("markov-if").runaway  # Hz, over 100 ms


def surrogate(**changes):
    """What `_status` reads of a surrogate with two rates and one more state."""
    states = [{"kind": "rate"}, {"kind": "rate"}, {"kind": "cosine"}]
    card = {"states": states, "visited": {"low": [0, 0, 0], "high": [1, 1, 1]}, "time_unit": "ms"}
    made = {"card": card, "system": "markov-if", "dt": "1 ms"}
    return types.SimpleNamespace(**(made | changes))


def records(n=4, steps=350):
    return np.full((n, 3, steps + 1), 10.0, dtype=np.float32)


def status(out, clipped=None, **changes):
    clipped = np.zeros((len(out), 3), dtype=np.int64) if clipped is None else clipped
    return _stochastic._status(surrogate(**changes), out, clipped, out.shape[2] - 1).tolist()


def test_quiet_runs_are_ok():
    out = records()
    assert status(out) == [FLAGS["ok"]] * 4
    assert (out == 10.0).all()


@pytest.mark.parametrize("population", [0, 1])
def test_a_runaway_is_marked_and_nan_from_where_the_simulator_stops(population):
    out = records()
    out[1, population, 101:] = 3 * BOUND  # the second window holds three times the bound
    assert status(out) == [FLAGS["ok"], FLAGS["runaway"], FLAGS["ok"], FLAGS["ok"]]
    stop = 100 + 100 // 3 + 1  # steps until a third of the window has filled it
    assert np.isfinite(out[1, :, : stop + 1]).all()
    assert np.isnan(out[1, :, stop + 1 :]).all()


def test_a_rate_at_the_bound_is_no_runaway():
    out = records()
    out[0, 0] = BOUND
    out[1, 0, 150:170] = 4 * BOUND  # an event of 20 ms
    out[2, 0, 350] = 101 * BOUND  # the last window is shorter, and its spikes count as well
    assert status(out) == [FLAGS["ok"], FLAGS["ok"], FLAGS["runaway"], FLAGS["ok"]]


def test_steps_of_another_length_have_the_same_window():
    out = records()
    out[0, 0, 11:] = 3 * BOUND  # 10 ms steps: a window is ten of them
    assert status(out, dt="10 ms")[0] == FLAGS["runaway"]


def test_what_is_not_finite_is_marked():
    out = records()
    out[2, 2, 200:] = np.nan
    out[3, 0, 17:] = np.inf
    assert status(out)[2:] == [FLAGS["non_finite"]] * 2


def test_a_state_clipped_in_most_steps_has_diverged():
    clipped = np.zeros((4, 3), dtype=np.int64)
    clipped[0, 2], clipped[1, 2] = 174, 176  # of 350
    clipped[2] = [120, 120, 120]  # no state in more than half of all steps
    assert status(records(), clipped) == [FLAGS["ok"], FLAGS["diverged"]] + [FLAGS["ok"]] * 2


def test_a_state_that_never_varied_does_not_diverge():
    card = surrogate().card | {"visited": {"low": [0, 0, 1], "high": [1, 1, 1]}}
    clipped = np.full((4, 3), [0, 0, 350])
    assert status(records(), clipped, card=card) == [FLAGS["ok"]] * 4


def test_a_system_that_is_not_registered_has_no_bound():
    out = records()
    out[0, 0] = 10 * BOUND
    assert status(out, system="gone") == [FLAGS["ok"]] * 4
