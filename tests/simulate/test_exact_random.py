"""Random numbers of the exact engine: published outputs, and the exponential law."""

import math

import numba
import numpy as np
import pytest
from scipy import stats

from snnsurrogate.simulate.exact import _random
from snnsurrogate.simulate.exact._markov_if_kernel import _pick, _recruit, recruit_scale

# Outputs of xoshiro256++ from the state (1, 2, 3, 4), as the authors' C code gives them.
XOSHIRO = (
    41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205,
    9973669472204895162, 14011001112246962877, 12406186145184390807, 15849039046786891736,
    10450023813501588000,
)  # fmt: skip


@numba.njit
def words(state, n):
    a, b, c, d = state[0], state[1], state[2], state[3]
    out = np.empty(n, np.uint64)
    for i in range(n):
        out[i], a, b, c, d = _random.next_word(a, b, c, d)
    return out


@numba.njit
def exponentials(state, n):
    a, b, c, d = state[0], state[1], state[2], state[3]
    out = np.empty(n)
    for i in range(n):
        out[i], a, b, c, d = _random.exponential(a, b, c, d)
    return out


def test_generator_gives_the_published_words():
    state = np.arange(1, 5).astype(np.uint64)
    assert tuple(int(word) for word in words(state, 10)) == XOSHIRO


def test_every_piece_has_its_own_stream():
    streams = {
        tuple(_random.seed_words(seed, chunk)) for seed in range(-20, 20) for chunk in range(20)
    }
    assert len(streams) == 800
    assert tuple(_random.seed_words(7, 3)) == tuple(_random.seed_words(7, 3))


def test_layers_of_the_ziggurat_have_equal_area():
    edge, height = _random.EDGE, _random.HEIGHT
    areas = edge[1:-1] * (height[2:] - height[1:-1])
    np.testing.assert_allclose(areas, areas[0], rtol=1e-9)
    base = edge[1] * height[1] + height[1]  # rectangle and tail
    np.testing.assert_allclose(base, areas[0], rtol=1e-9)
    assert edge[-1] == 0.0


def test_exponential_law():
    n = 4_000_000
    x = exponentials(_random.seed_words(1, 0), n)
    assert stats.kstest(x, "expon").pvalue > 1e-4
    for k in range(1, 5):  # moments: k!, with variance (2k)! - k!^2
        sd = math.sqrt((math.factorial(2 * k) - math.factorial(k) ** 2) / n)
        assert abs(np.mean(x**k) - math.factorial(k)) < 4.5 * sd
    tail = np.mean(x > _random._TAIL)  # drawn by another path
    assert abs(tail - math.exp(-_random._TAIL)) < 4.5 * math.sqrt(math.exp(-_random._TAIL) / n)
    assert stats.kstest(x[x > 7.0] - 7.0, "expon").pvalue > 1e-4


@numba.njit
def recruits(state, trials, size, p, scale, counted):
    a, b, c, d = state[0], state[1], state[2], state[3]
    listed = np.empty(size + 6, np.int32)
    of_cell = np.zeros(size, np.int64)
    of_trial = np.zeros(trials, np.int64)
    pairs = 0
    for i in range(trials):
        listed[:] = 0
        n, most, a, b, c, d = _recruit(listed, 0, counted, 5, size, p, scale, a, b, c, d)
        of_trial[i] = n
        if counted:
            for k in range(size):
                of_cell[k] += listed[5 + k]
                pairs += k > 0 and listed[5 + k] * listed[4 + k] == 1
        else:
            for k in range(n):
                of_cell[listed[k] - 5] += 1
                pairs += k > 0 and listed[k] == listed[k - 1] + 1
    return of_cell, of_trial, pairs


@numba.njit
def picks(state, counts, most, first, size, trials):
    a, b, c, d = state[0], state[1], state[2], state[3]
    of_cell = np.zeros(counts.size, np.int64)
    left = np.empty(trials)
    for i in range(trials):
        j, left[i], most, a, b, c, d = _pick(counts, most, first, size, a, b, c, d)
        counts[j] += 1  # put back
        of_cell[j] += 1
    return of_cell, left, most


@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize("p", [0.003, 0.15, 0.34, 0.36, 0.5, 0.97])
def test_every_target_is_an_independent_coin(p, counted):
    trials, size = 100_000, 40
    words = _random.seed_words(2, 0)
    cells, counts, pairs = recruits(words, trials, size, p, recruit_scale(p), counted)
    sd = math.sqrt(p * (1 - p) * trials)
    assert np.abs(cells - p * trials).max() < 4.5 * sd
    expected = stats.binom.pmf(np.arange(size + 1), size, p) * trials
    seen = np.bincount(counts, minlength=size + 1)
    often = expected > 20
    chi2 = np.sum((seen - expected)[often] ** 2 / expected[often])
    assert stats.chi2.sf(chi2, often.sum()) > 1e-4
    n_pairs = (size - 1) * trials
    # Neighbouring targets are independent, too (pairs overlap: variance up to 3 p^2).
    assert abs(pairs - p * p * n_pairs) < 4.5 * math.sqrt(3 * p * p * n_pairs)


@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize("p", [0.0, 1e-310, 1e-17, 1.0])
def test_certain_and_impossible_coins(p, counted):
    cells, counts, _ = recruits(_random.seed_words(3, 0), 100, 40, p, recruit_scale(p), counted)
    assert (counts == (40 if p == 1.0 else 0)).all()
    assert cells.sum() == counts.sum()


@pytest.mark.parametrize("most", [7, 1000])
def test_cells_are_picked_in_proportion_to_their_kicks(most):
    """Even with a bound that is far too high, which is tightened on the way."""
    counts = np.array([50, 0, 1, 7, 0, 3, 3, 90], np.int32)
    trials = 400_000
    cells, left, bound = picks(_random.seed_words(4, 0), counts, most, 1, 6, trials)
    share = np.array([0, 0, 1, 7, 0, 3, 3, 0]) / 14
    sd = np.sqrt(share * (1 - share) * trials)
    assert (np.abs(cells - share * trials) <= 4.5 * sd).all()
    assert bound == 7
    assert stats.kstest(left, "uniform").pvalue > 1e-4
    assert counts.tolist() == [50, 0, 1, 7, 0, 3, 3, 90]
