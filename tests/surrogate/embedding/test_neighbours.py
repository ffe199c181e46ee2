"""False neighbours and window rule of series with a known answer."""

import numpy as np
import pytest

from snnsurrogate.surrogate import embedding
from snnsurrogate.surrogate.embedding.neighbours import nearest


@pytest.fixture(scope="module")
def lorenz():
    """x(t) of the Lorenz flow (10, 28, 8/3) every 0.02, by RK4 at half that step."""

    def rhs(u):
        return np.array([10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]])

    u, h, x = np.array([1.0, 1.0, 20.0]), 0.01, []
    for _ in range(11_000):
        a = rhs(u)
        b = rhs(u + h / 2 * a)
        c = rhs(u + h / 2 * b)
        u = u + h / 6 * (a + 2 * b + 2 * c + rhs(u + h * c))
        x.append(u[0])
    return np.array(x[1000::2])


def test_a_lorenz_orbit_unfolds_in_three_coordinates(lorenz):
    share = embedding.false_neighbours(lorenz, lag=8)["false"]
    assert share[0] > 0.5
    assert share[1] > 0.05
    assert (share[2:] < 0.05).all()


def test_a_sine_unfolds_in_two():
    wave = np.sin(0.2137 * np.arange(3000))
    result = embedding.false_neighbours(wave, lag=8)
    assert result["false"][0] > 0.5
    assert (result["false"][1:] == 0).all()
    np.testing.assert_allclose(result["e1"][1:], 1, atol=0.1)


def test_noise_never_unfolds():
    noise = np.random.default_rng(0).normal(size=3000)
    assert embedding.false_neighbours(noise, lag=1)["e1"][0] < 0.5


def test_neighbours_close_in_time_do_not_count():
    line = np.arange(100.0)[:, None]
    index, distance = nearest(line, np.array([50]), exclude=3)
    assert abs(index[0] - 50) == 4
    assert distance[0] == 4
    assert nearest(line, np.array([50]), exclude=200)[0][0] == -1


def test_too_short():
    with pytest.raises(ValueError, match="record at least"):
        embedding.false_neighbours(np.sin(np.arange(50.0)), lag=8)


def test_the_window_of_a_sine_is_half_a_period():
    rng = np.random.default_rng(0)
    wave = np.sin(2 * np.pi / 60 * np.arange(6000))
    for noise in (0.0, 0.02):
        noisy = wave + noise * rng.normal(size=wave.size)
        assert embedding.choose_window(embedding.Series(pieces=(noisy,))) == pytest.approx(
            31, abs=1
        )


def test_the_window_follows_the_sampling(lorenz):
    fine = embedding.choose_window(embedding.Series(pieces=(lorenz,)))
    coarse = embedding.choose_window(embedding.Series(pieces=(lorenz[::2],)))
    assert 0.45 < (coarse - 1) / (fine - 1) < 0.6


def test_a_series_too_short_for_its_window():
    wave = np.sin(2 * np.pi / 60 * np.arange(300))
    with pytest.raises(ValueError, match="at least 620 samples in a row"):
        embedding.choose_window(embedding.Series(pieces=(wave,)))


def test_an_average_where_there_is_a_slow_rhythm():
    t = np.arange(8000)
    slow = np.sin(2 * np.pi / 800 * t)
    burst = embedding.Series(pieces=(slow + (slow > 0) * np.sin(2 * np.pi / 12 * t),))
    assert embedding.choose_averages(burst, 8) == (400.0,)
    assert embedding.choose_averages(burst, 50) == ()  # a window sees enough of it


def test_no_average_of_a_broad_spectrum(lorenz):
    assert embedding.choose_averages(embedding.Series(pieces=(lorenz,)), 7) == ()
