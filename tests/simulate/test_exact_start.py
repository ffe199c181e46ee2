"""The exact engine from given cells, and from numbers of the populations."""

import numpy as np
import pytest
from scipy import stats

from snnsurrogate import systems
from snnsurrogate.simulate import exact
from tests.exact_runs import pieces, run, state, task

SERIES = ("H_EE", "H_IE", "H_EI", "H_II", "R_E", "R_I")
LARGE = {"N_E": 2400.0, "N_I": 800.0, "P_EE": 0.02, "P_IE": 0.06, "P_EI": 0.06, "P_II": 0.05}


@pytest.fixture(scope="module")
def before():
    """Some state of the life of a network."""
    return pieces(n=1, duration=1.0, transient=100.0, seed=3)


def started(begin, *, seed, duration=6.0, name="markov-if", parameters=None):
    model = systems.get(name, **(parameters or {}))
    engine = exact.prepare(model, model.sizes(model.defaults), ("histograms",))
    with engine.worker() as worker:
        todo = task(model, duration=duration, seed=seed)
        return engine.run(worker, todo, progress=lambda share: None, start=begin)


def coarse(piece, at=-1):
    """Numbers of the populations at a record."""
    series = dict(zip(systems.get("markov-if").series_names, piece.series, strict=True))
    return {n: series[n][at] for n in SERIES} | {n: h[at] for n, h in piece.histograms.items()}


def arrays(piece):
    return {k: v for k, v in state(piece).items() if k != "steps"}


def later(piece):
    """E and I rates of the six ms after the start, and kicks at their end."""
    return [*piece.series[:2, -6:].mean(axis=1), *piece.series[2:6, -1]]


@pytest.fixture(scope="module")
def continued(before):
    """What runs do that go on from there, each with its own random numbers."""
    n = range(1, 301)
    return np.array([later(run(duration=6.0, carry=before.carry, chunk=i)) for i in n])


def test_a_run_from_given_cells_goes_on_like_the_run_that_had_them(before, continued):
    begin = arrays(before)
    got = np.array([later(started(begin, seed=1000 + i)) for i in range(300)])
    for a, b in zip(got.T, continued.T, strict=True):
        assert stats.ks_2samp(a, b).pvalue > 1e-3


def test_a_run_from_numbers_of_the_populations_goes_on_like_it(before, continued):
    begin = coarse(before)
    got = np.array([later(started(begin, seed=2000 + i)) for i in range(300)])
    error = np.sqrt((got.var(axis=0) + continued.var(axis=0)) / 300)
    # which cells have kicks pending is drawn anew, potentials inside a bin too: not the same law
    assert (abs(got.mean(0) - continued.mean(0)) < 4 * error + 0.15 * continued.mean(0)).all()


@pytest.mark.parametrize("parameters", [{}, LARGE])
def test_drawn_cells_have_the_numbers_asked_for(parameters):
    made = pieces(n=1, duration=1.0, transient=30.0, parameters=parameters)
    again = started(coarse(made), seed=4, parameters=parameters)
    for name, value in coarse(again, 0).items():
        np.testing.assert_allclose(value, coarse(made)[name], err_msg=name)


def test_shares_are_drawn_to_the_nearest_cell(before):
    begin = coarse(before)
    begin["V_E"] = np.ones(34)  # any positive multiple
    begin["R_E"] = 0.4
    drawn = coarse(started(begin, seed=4), 0)
    assert drawn["R_E"] == 0
    assert drawn["V_E"].sum() == 300
    assert set(drawn["V_E"][:-1]) <= {8, 9}
    assert drawn["V_E"][-1] in (8, 9)  # the last bin holds -1 ... 99 like the others, up to 99


def test_until_onset_stops_where_three_records_reach_the_level(before):
    model = systems.get("markov-if")
    engine = exact.prepare(model, {"E": 300, "I": 100}, ("histograms",))
    simulation = engine.law.begin(model, task(model, duration=1.0), arrays(before), ())
    found = simulation.until_onset(1.0, 300, level=60.0)
    sums = np.convolve(found.series[0], np.ones(3), "valid")
    assert sums[-1] >= 60
    assert (sums[:-1] < 60).all()
    never = simulation.until_onset(1.0, 20, level=1e9)
    assert never.series.shape == (8, 20)
    same = engine.law.begin(model, task(model, duration=1.0), arrays(before), ())
    for _ in same.advance(1.0, found.series.shape[1], spikes=False):
        pass
    again = engine.law.begin(model, task(model, duration=1.0), arrays(before), ())
    np.testing.assert_array_equal(
        same.taken().series, again.until_onset(1.0, 300, level=60.0).series
    )


def test_impossible_states_are_refused(before):
    begin = coarse(before)
    for wrong in ({"H_EE": -1.0}, {"R_I": 101.0}, {"V_E": np.zeros(34)}):
        with pytest.raises(ValueError, match="cells cannot be drawn"):
            started(begin | wrong, seed=0)
    model = systems.get("markov-if")
    engine = exact.prepare(model, {"E": 300, "I": 100}, ())
    todo = task(model, duration=1.0, carry=before.carry)
    with pytest.raises(ValueError, match="goes on from another"):
        engine.run(engine.worker(), todo, progress=lambda share: None, start=begin)
