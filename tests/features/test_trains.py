"""Coincidences and distances of spike trains: closed forms, and Elephant's values."""

import numpy as np
import pytest

from snnsurrogate.features.trains import (
    coincidence_factor,
    coincidences,
    van_rossum,
    victor_purpura,
)

pytestmark = pytest.mark.filterwarnings("ignore:The 'copy' argument in Quantity")
REGULAR = np.arange(5.0, 1000.0, 20.0)  # 50 spikes


def test_gamma_of_equal_trains_is_one():
    assert coincidence_factor(REGULAR, REGULAR, duration=1000.0) == pytest.approx(1.0)


def test_gamma_of_a_train_without_partners():
    # nothing coincides: minus chance over one minus chance, chance 2 * 2 * 50 / 1000 = .2
    found = coincidence_factor(REGULAR, REGULAR + 10.0, duration=1010.0)
    chance = 4 * 50 / 1010
    assert found == pytest.approx(-chance / (1 - chance))


def test_gamma_of_independent_poisson_trains_is_zero():
    rng = np.random.default_rng(0)
    values = []
    for _ in range(200):
        a, b = (np.sort(rng.uniform(0, 1e4, rng.poisson(200))) for _ in range(2))
        values.append(coincidence_factor(a, b, duration=1e4))
    # spikes that crowd share partners, so that Gamma lies a little below zero
    assert abs(np.mean(values)) < 0.02


def test_gamma_uses_a_spike_once():
    burst = np.array([99.0, 100.0, 101.0])
    once = coincidence_factor([100.0], burst, duration=1e6)
    assert once == pytest.approx(1 / 2, rel=1e-3)
    assert coincidences([100.0], burst) == 1
    assert coincidences(REGULAR, REGULAR[::2] + 1.9) == 25
    assert coincidences(REGULAR, REGULAR + 2.1) == coincidences([], REGULAR) == 0


def test_gamma_does_not_exist():
    assert np.isnan(coincidence_factor([], [], duration=100.0))
    assert np.isnan(coincidence_factor(np.arange(1.0, 100, 3), [5.0], duration=100.0))
    assert coincidence_factor([], [5.0], duration=100.0) == 0.0


def test_distances_in_closed_form():
    assert van_rossum([5.0], [], tau=4.0) == pytest.approx(1.0)
    assert van_rossum([5.0], [1005.0], tau=4.0) == pytest.approx(np.sqrt(2))
    assert van_rossum([5.0], [7.0], tau=4.0) == pytest.approx(np.sqrt(2 - 2 * np.exp(-0.5)))
    assert van_rossum(REGULAR, REGULAR, tau=4.0) == 0.0
    assert victor_purpura([5.0], [], cost=0.25) == 1.0
    assert victor_purpura([5.0], [7.0], cost=0.25) == pytest.approx(0.5)
    assert victor_purpura([5.0], [50.0], cost=0.25) == 2.0
    assert victor_purpura(REGULAR, REGULAR[:-7], cost=0.0) == 7.0


def test_distances_agree_with_elephant():
    elephant = pytest.importorskip("elephant.spike_train_dissimilarity")
    neo = pytest.importorskip("neo")
    pq = pytest.importorskip("quantities")
    rng = np.random.default_rng(1)
    a, b = (np.sort(rng.uniform(0, 500, n)) for n in (30, 24))
    pair = [neo.SpikeTrain(t, units=pq.ms, t_stop=500.0) for t in (a, b)]
    vp = elephant.victor_purpura_distance(pair, 1 / (4 * pq.ms))[0, 1]
    assert victor_purpura(a, b, cost=0.25) == pytest.approx(vp)
    vr = elephant.van_rossum_distance(pair, 6 * pq.ms)[0, 1]
    assert van_rossum(a, b, tau=6.0) == pytest.approx(vr)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: coincidences([3.0], [1.0], window=0.0), "window is 0"),
        (lambda: coincidence_factor([3.0, 1.0], [], duration=9.0), "increasing"),
        (lambda: coincidence_factor([3.0], [11.0], duration=9.0), "outside the record"),
        (lambda: coincidence_factor([3.0], [], duration=9.0, window=0.0), "window"),
        (lambda: van_rossum([np.nan], [], tau=1.0), "finite"),
        (lambda: van_rossum([1.0], [], tau=-1.0), "tau"),
        (lambda: victor_purpura([1.0], [], cost=-1.0), "cost"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(ValueError, match=said):
        call()
