"""A cell that bursts or fires and then rests for good is quiescent: it must not pass as alive."""

import numpy as np
import pytest

from snnsurrogate.features.regimes import BURSTING, QUIESCENT, TONIC, classify


def bursts(period: float, count: int, until: float, offset: float = 1.0) -> np.ndarray:
    onsets = np.arange(offset, until, period)
    train = (onsets[:, None] + 0.2 * np.arange(count)).ravel()
    return train[train <= until]


@pytest.mark.parametrize("offset", [0.1, 1.0, 4.0, 7.0])
def test_a_burster_is_bursting_wherever_the_record_ends(offset):
    train = bursts(9.0, 10, 60.0, offset)
    assert classify(train, start=0.0, stop=60.0) == BURSTING


@pytest.mark.parametrize("death", [33.0, 40.0, 46.0])
def test_a_burster_that_dies_is_quiescent(death):
    train = bursts(9.0, 10, death)
    assert classify(train, start=0.0, stop=60.0) == QUIESCENT


@pytest.mark.parametrize("death", [31.0, 40.0, 44.0])
def test_a_tonic_cell_that_dies_is_quiescent(death):
    assert classify(np.arange(0.2, death, 0.5), start=0.0, stop=60.0) == QUIESCENT


def test_a_tonic_cell_stays_tonic():
    assert classify(np.arange(0.2, 60.0, 0.5), start=0.0, stop=60.0) == TONIC


def test_one_burst_after_a_long_silence_is_bursting():
    train = 12.0 + 0.2 * np.arange(10)
    assert classify(train, start=0.0, stop=20.0) == BURSTING
