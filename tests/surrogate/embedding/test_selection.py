"""The choice of a dimension: known errors, a sine, bad input."""

import json

import numpy as np
import pytest
import xarray as xr

from snnsurrogate.surrogate import embedding
from snnsurrogate.surrogate.embedding import selection
from snnsurrogate.surrogate.embedding.predictability import (
    ahead,
    neighbour_error,
    pairs,
    smooth_error,
)

RNG = np.random.default_rng(0)


def rotation(n, *, coordinates=2, angle=0.3):
    """States of a rotation of the plane at random phases, and their increments."""
    t = RNG.uniform(0, 2 * np.pi, n)
    now, later = (np.column_stack([np.cos(p), np.sin(p)]) for p in (t, t + angle))
    return now[:, :coordinates], (later - now)[:, :coordinates]


def test_a_linear_map_is_predictable():
    now, later = rotation(400), rotation(300)
    assert smooth_error(now, later) < 1e-4
    assert neighbour_error(now, later) < 0.03


def test_one_coordinate_of_a_rotation_is_not():
    now, later = rotation(400, coordinates=1), rotation(300, coordinates=1)
    assert smooth_error(now, later) == pytest.approx(1, abs=0.2)
    assert neighbour_error(now, later) > 0.5


def test_noise_is_not_predictable():
    now, later = (pairs([RNG.normal(size=(5000, 2))]) for _ in range(2))
    assert 0.7 < smooth_error(now, later) < 0.8  # sqrt(1/2): the state itself is known


def test_the_mean_of_what_comes_next():
    vectors = np.column_stack([np.zeros(6), np.arange(6.0)])
    states, means = ahead([np.arange(6.0)[:, None]], [vectors], 2)
    np.testing.assert_array_equal(states[:, 0], [0, 1, 2, 3])
    np.testing.assert_array_equal(means[:, 0], [1.5, 2.5, 3.5, 4.5])


def test_pieces_are_not_joined():
    states, increments = pairs([np.zeros((3, 1)), np.ones((4, 1))])
    assert len(states) == 2 + 3
    assert (increments == 0).all()


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([0.9, 0.3, 0.02, 0.02, 0.02], 3),
        ([0.9, 0.009, 0.001, 0.001, 0.001], 2),  # small enough
        ([0.5, 0.5, 0.5, 0.5, 0.5], 1),
        ([0.9, 0.3, 0.1, 0.03, 0.01], 5),  # still falling
    ],
)
def test_where_an_error_stops_falling(errors, expected):
    assert selection.plateau(np.array(errors)) == expected


@pytest.fixture(scope="module")
def wave():
    quick = embedding.Schedule(steps=100, batch=64, polish=40, points=300)
    series = embedding.Series(pieces=(-50 + 10 * np.sin(0.21 * np.arange(1200)),), unit="mV")
    return embedding.select_dimension(series, largest=3, repeats=1, schedule=quick)


def test_a_sine_has_two_dimensions(wave):
    assert wave.attrs["dimension"] == 2
    assert wave.attrs["warning"] == 0
    assert json.loads(wave.attrs["window"]) == 16
    assert set(json.loads(wave.attrs["votes"]).values()) == {2}
    assert wave.reconstruction[0] > 10 * wave.reconstruction[1]
    assert wave.training.isel(progress=-1)[1] < wave.training.isel(progress=0)[1]


def test_the_choice_can_be_stored(wave, tmp_path):
    wave.to_netcdf(tmp_path / "choice.nc")
    with xr.open_dataset(tmp_path / "choice.nc") as read:
        assert read.attrs["dimension"] == 2


def test_too_short_for_a_choice():
    series = embedding.Series(pieces=(np.sin(0.2 * np.arange(200)),))
    with pytest.raises(ValueError, match="has 609 samples.*record longer"):
        embedding.select_dimension(series, window=30)


def test_one_dimension_is_no_choice():
    series = embedding.Series(pieces=(np.sin(0.2 * np.arange(200)),))
    with pytest.raises(ValueError, match="at least 2"):
        embedding.select_dimension(series, largest=1)
