"""Delay vectors of known series; every kind of series that cannot be embedded."""

import numpy as np
import pytest

import snnsurrogate as sns
from snnsurrogate.surrogate import embedding

EVEN = np.arange(40.0)


def test_newest_sample_is_last():
    vectors = embedding.delay_vectors(EVEN, 3)
    np.testing.assert_array_equal(vectors[0], [0, 1, 2])
    assert vectors.shape == (38, 3)


def test_successive_samples_are_a_read_only_view():
    vectors = embedding.delay_vectors(EVEN, 5)
    assert np.shares_memory(vectors, EVEN)
    with pytest.raises(ValueError, match="read-only"):
        vectors[0, 0] = 1.0


def test_given_ages_in_any_order():
    vectors = embedding.delay_vectors(EVEN, (0, 4, 1))
    np.testing.assert_array_equal(vectors[0], [0, 3, 4])
    assert vectors.shape == (36, 3)
    with pytest.raises(ValueError, match="read-only"):
        vectors[0, 0] = 1.0


def test_float32_becomes_float64():
    assert embedding.delay_vectors(EVEN.astype(np.float32), 3).dtype == np.float64


def test_averages_go_before_the_window():
    piece = np.sin(0.1 * np.arange(400))
    [vectors] = embedding.pieces_vectors([piece], 3, averages=(10, 2.0))
    assert vectors.shape == (400 - 40, 5)
    np.testing.assert_array_equal(vectors[:, 4], piece[40:])
    # a weight exp(-age / tau) multiplies exp(i w t) by a known factor
    keep = np.exp(-1 / 2.0)
    factor = (1 - keep) / (1 - keep * np.exp(-0.1j))
    expected = np.imag(factor * np.exp(0.1j * np.arange(40, 400)))
    np.testing.assert_allclose(vectors[:, 1], expected, atol=1e-7)


def test_bad_averages():
    with pytest.raises(ValueError, match="above 0"):
        embedding.pieces_vectors([EVEN], 3, averages=(0.0,))


def test_pieces_are_never_bridged():
    pieces = [EVEN, 100 + EVEN[:2], 200 + EVEN[:4]]
    vectors = np.concatenate(embedding.pieces_vectors(pieces, 3))
    assert len(vectors) == 38 + 2
    assert np.ptp(vectors, axis=1).max() == 2


@pytest.mark.parametrize("window", [0, (1, 2), (0, -1), (0, 0, 1), ()])
def test_bad_windows(window):
    with pytest.raises(ValueError, match="0, the newest"):
        embedding.delay_vectors(EVEN, window)


def test_too_short_says_how_many():
    with pytest.raises(ValueError, match="at least 41 samples"):
        embedding.delay_vectors(EVEN, 41)
    with pytest.raises(ValueError, match="longest piece has 40 samples, the embedding spans 50"):
        embedding.pieces_vectors([EVEN], 50)


def test_constant():
    with pytest.raises(ValueError, match="constant"):
        embedding.Series(pieces=(np.full(100, -65.0),))


def test_not_finite():
    bad = EVEN.copy()
    bad[[7, 9]] = np.nan, np.inf
    with pytest.raises(ValueError, match="2 samples that are not finite, the first at index 7"):
        embedding.Series(pieces=(bad,))


def test_gap():
    time = np.delete(np.arange(100) * 0.5, [50, 51])
    with pytest.raises(ValueError, match="from t = 24.5 to 26"):
        embedding.even_step(time)
    assert embedding.even_step(np.arange(100) * 0.1) == pytest.approx(0.1)


@pytest.fixture(scope="module")
def bursting():
    return sns.simulate(
        "sherman",
        sns.Design.points({"V_S": [-40.0, -38.0]}),
        duration="20 s",
        transient="5 s",
        record_every="10 ms",
    )


def test_series_of_a_dataset(bursting):
    series = embedding.series_of(bursting)
    assert (series.name, series.unit, series.time_unit) == ("V", "mV", "s")
    assert series.time_step == pytest.approx(0.01)
    np.testing.assert_array_equal(series.parameters["V_S"], [-40, -38])
    np.testing.assert_array_equal(series.pieces[1], bursting.V.values[1])
    assert embedding.series_of(bursting, "S").unit == "1"


def test_unknown_variable(bursting):
    with pytest.raises(ValueError, match="it has"):
        embedding.series_of(bursting, "Vm")


def test_step_that_misses_the_spikes(bursting):
    with pytest.raises(ValueError, match="misses its spikes.*or finer"):
        embedding.series_of(bursting.isel(time=slice(None, None, 7)))


def test_step_of_twenty_ms_still_sees_them(bursting):
    series = embedding.series_of(bursting.isel(time=slice(None, None, 2)))
    assert series.time_step == pytest.approx(0.02)
