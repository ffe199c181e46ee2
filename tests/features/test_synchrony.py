import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erf

from snnsurrogate.features import synchrony, variability

N, RATE, LONG = 300, 30.0, 60_000.0


@pytest.fixture(scope="module")
def poisson(networks):
    return networks.poisson(np.random.default_rng(1), size=N, rate=RATE, duration=LONG)


def counts(times, width, duration=LONG):
    return np.histogram(times, np.arange(0, duration + width / 2, width))[0]


def test_poisson_cells_are_not_synchronous(poisson):
    n = counts(poisson[0], 5.0)
    noise = synchrony.chi_squared_noise(n.mean(), n.size)
    assert abs(n.var(ddof=1) / n.mean() ** 2 - 1 / n.mean()) < 4 * noise
    assert synchrony.chi(n) < 2 * np.sqrt(noise) < 0.06


@pytest.mark.parametrize("width", [1.0, 4.0])
def test_index_of_poisson_cells_has_a_closed_form(poisson, width):
    expected = (1 + N * RATE * 1e-3 * width) / N
    assert synchrony.ssi(counts(poisson[0], width), N) == pytest.approx(expected, rel=0.01)
    sliding = synchrony.ssi_sliding(poisson[0], N, width=width)
    assert sliding == pytest.approx(expected, rel=0.01)
    fine = synchrony.ssi_windowed(counts(poisson[0], 0.5), N, bins=round(width / 0.5))
    assert fine == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("modulation", "frequency"), [(0.5, 20.0), (0.9, 50.0), (1.0, 80.0)])
def test_modulated_poisson(networks, modulation, frequency):
    times, _ = networks.poisson(
        np.random.default_rng(2),
        size=N,
        rate=RATE,
        duration=LONG,
        modulation=modulation,
        frequency=frequency,
    )

    def kept(width):  # a bin averages the sine
        return np.sinc(frequency * width * 1e-3)

    expected = modulation / np.sqrt(2) * kept(5.0)
    assert synchrony.chi(counts(times, 5.0)) == pytest.approx(expected, rel=0.02)
    for width in (1.0, 4.0):
        # pairs in one bin: sinc^2; pairs within +-w/2: sinc
        mean = N * RATE * 1e-3 * width
        binned = (1 + mean * (1 + 0.5 * (modulation * kept(width)) ** 2)) / N
        sliding = (1 + mean * (1 + 0.5 * modulation**2 * kept(width))) / N
        assert synchrony.ssi(counts(times, width), N) == pytest.approx(binned, rel=0.01)
        found = synchrony.ssi_sliding(times, N, width=width)
        assert found == pytest.approx(sliding, rel=0.01)


def test_bins_and_sliding_window_agree_for_gamma_volleys(networks):
    times, _ = networks.volleys(
        np.random.default_rng(3), size=N, period=18.7, duration=LONG, jitter=2.0, share=0.6
    )
    binned = synchrony.ssi(counts(times, 1.0), N)
    assert synchrony.ssi_sliding(times, N, width=1.0) == pytest.approx(binned, rel=0.02)
    # at 4 ms bins cut the volleys in two; a window sliding over 1 ms bins does not
    windowed = synchrony.ssi_windowed(counts(times, 1.0), N, bins=4)
    assert synchrony.ssi_sliding(times, N, width=4.0) == pytest.approx(windowed, rel=0.02)
    assert synchrony.ssi(counts(times, 4.0), N) < 0.96 * windowed
    # two cells of one volley are within w/2 with probability erf(w / 4 sigma); the spike itself
    together = 0.6 * erf(4.0 / 8.0)
    assert windowed == pytest.approx((1 + (N - 1) * together) / N, rel=0.02)


def test_all_cells_at_once():
    times = np.repeat(np.arange(10.0, 1000.0, 20.0), N)
    n = counts(times, 1.0, 1000.0)
    assert synchrony.ssi(n, N) == 1.0
    assert synchrony.ssi_sliding(times, N, width=1.0) == 1.0
    n = counts(times + 1.0, 5.0, 1000.0)  # one bin in four holds everything
    p = n.astype(bool).mean()
    sd = np.sqrt(p * (1 - p) * n.size / (n.size - 1))
    assert synchrony.fraction_sd(n, N) == pytest.approx(sd)
    assert synchrony.fraction_p95(n, N) == 1.0
    assert synchrony.chi(n) == pytest.approx(np.sqrt((1 - p) / p), rel=0.02)


def test_the_window_is_not_wider_on_a_grid_of_time_steps(poisson):
    times = np.sort(np.ceil(poisson[0] / 0.05) * 0.05)  # as a simulation in steps reports them
    expected = (1 + N * RATE * 1e-3) / N  # closed windows would hold 21 steps of 20: +5 % of 9
    assert synchrony.ssi_sliding(times, N, width=1.0) == pytest.approx(expected, rel=0.01)


def test_a_silent_population_has_no_synchrony():
    silent = np.zeros(100)
    assert np.isnan(synchrony.chi(silent))
    assert np.isnan(synchrony.ssi(silent, N))
    assert np.isnan(synchrony.ssi_sliding([], N, width=1.0))
    assert np.isnan(synchrony.ssi_windowed(silent, N, bins=4))
    with pytest.raises(ValueError, match="even number"):
        synchrony.ssi_windowed(silent, N, bins=3)
    assert np.isnan(synchrony.fraction_sd(silent, N))
    assert np.isnan(synchrony.fraction_p95(silent, N))
    assert np.isnan(synchrony.chi([]))
    assert np.isnan(synchrony.chi([3.0]))


def test_poisson_cells_fire_irregularly(poisson):
    assert variability.isi_cv(*poisson) == pytest.approx(1.0, rel=0.01)
    fano = variability.fano_factor(*poisson, start=0.0, stop=LONG, window=100.0)
    assert fano == pytest.approx(1.0, rel=0.01)


@pytest.mark.parametrize("shape", [4, 16])
def test_gamma_renewal(shape):
    rng = np.random.default_rng(shape)
    intervals = rng.gamma(shape, 25.0 / shape, (200, 2000))
    times = np.cumsum(intervals, axis=1)
    cells = np.broadcast_to(np.arange(200)[:, None], times.shape)
    order = np.argsort(times, axis=None)
    times, cells = times.ravel()[order], cells.ravel()[order]
    inside = times <= 20_000.0
    times, cells = times[inside], cells[inside]
    assert variability.isi_cv(times, cells) == pytest.approx(shape**-0.5, rel=0.01)
    # of long windows, the Fano factor is the squared CV; a window adds (1 - k^-2) / (6 m)
    m = 40.0
    fano = variability.fano_factor(times, cells, start=0.0, stop=20_000.0, window=1000.0)
    expected = 1 / shape + (1 - shape**-2) / (6 * m)
    assert fano == pytest.approx(expected, rel=0.05)


def test_short_records_of_poisson_cells_are_not_biased_low():
    rng = np.random.default_rng(20)
    cells = 4000
    n = rng.poisson(40.0, cells)  # 20 Hz in 2 s: 20 windows of 100 ms
    owner = np.repeat(np.arange(cells), n)
    times = rng.uniform(0.0, 2000.0, owner.size)
    order = np.argsort(times)
    args = {"start": 0.0, "stop": 2000.0, "window": 100.0}
    fano = variability.fano_factor(times[order], owner[order], **args)
    # given its total, a cell's counts are multinomial, whose variance over n - 1 is the mean
    assert fano == pytest.approx(1.0, abs=5 * np.sqrt(2 / 19 / cells))
    assert np.isnan(synchrony.fraction_sd([3.0], N))


@pytest.mark.parametrize(("intervals", "expected"), [(2, None), (10, 0.88), (20, 0.93)])
def test_the_bias_of_the_cv_of_few_intervals_is_as_documented(intervals, expected):
    rng = np.random.default_rng(21)
    cells = 20_000
    times = np.cumsum(rng.exponential(1.0, (cells, intervals + 1)), axis=1)
    owner = np.broadcast_to(np.arange(cells)[:, None], times.shape)
    order = np.argsort(times, axis=None)
    found = variability.isi_cv(times.ravel()[order], owner.ravel()[order])
    if expected is None:  # |x - y| / (x + y) of two exponentials is uniform
        assert found == pytest.approx(0.5, abs=0.01)
    else:
        assert found == pytest.approx(expected, abs=0.01)


def test_clockwork_has_no_irregularity():
    times = np.arange(1.0, 1000.0, 10.0)
    assert variability.isi_cv(times, np.zeros(times.size)) == pytest.approx(0.0, abs=1e-12)
    args = {"start": 0.0, "stop": 1000.0, "window": 100.0}
    assert variability.fano_factor(times, np.zeros(times.size, int), **args) == 0.0


def test_cells_with_fewer_than_three_spikes_do_not_count():
    times, cells = np.array([1.0, 2.0, 3.0, 4.0, 6.0]), np.array([0, 1, 0, 1, 0])
    # intervals of cell 0: 2 and 3; cell 1 has two spikes
    assert variability.isi_cv(times, cells) == pytest.approx(0.5 / 2.5)
    assert np.isnan(variability.isi_cv([1.0, 2.0], [0, 1]))
    assert np.isnan(variability.isi_cv([], []))
    none = variability.fano_factor([], [], start=0.0, stop=10.0, window=1.0)
    assert np.isnan(none)
    with pytest.raises(ValueError, match="needs two windows or more"):
        variability.fano_factor(times, cells, start=0.0, stop=10.0, window=6.0)
    with pytest.raises(ValueError, match="expected that of times"):
        variability.isi_cv([1.0, 2.0], [0])


@given(seed=st.integers(0, 10_000), size=st.integers(1, 50))
def test_indices_are_shares(seed, size):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 100, rng.integers(1, 200)))
    n = counts(times, 1.0, 100.0)
    assert 1 / size * (1 - 1e-12) <= synchrony.ssi(n, size)
    assert synchrony.ssi_sliding(times, size, width=1.0) >= 1 / size * (1 - 1e-12)
    # independent of the number of copies of the record
    assert synchrony.ssi(np.tile(n, 3), size) == pytest.approx(synchrony.ssi(n, size))
