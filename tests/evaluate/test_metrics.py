"""Known answers of single metrics; what holds for all of them is in tests/conformance."""

import numpy as np
import pytest

from snnsurrogate.evaluate.metrics import Record
from snnsurrogate.evaluate.metrics.bursts import burst_period_error, spikes_per_burst_error
from snnsurrogate.evaluate.metrics.intervals import rate_error
from snnsurrogate.evaluate.metrics.short_horizon import CAP, short_horizon_error
from snnsurrogate.evaluate.metrics.spectra import D_H, hellinger, spectrum
from snnsurrogate.evaluate.metrics.state_space import D_stsp, divergence


def record(states, *, step=0.1, horizon=1.0, **features):
    columns = {name: np.atleast_1d(np.asarray(v, dtype=float)) for name, v in features.items()}
    return Record(states=states, time_step=step, horizon=horizon, features=columns)


def brute_force(truth, prediction, bins, smoothing):
    """The textbook form on a dense grid, with one more cell for everything outside."""
    edges = [np.linspace(a, b, bins + 1) for a, b in zip(truth.min(0), truth.max(0), strict=True)]
    p, q = (np.histogramdd(x, edges)[0].ravel() for x in (truth, prediction))
    p, q = (np.append(h, len(x) - h.sum()) for h, x in ((p, truth), (q, prediction)))
    p, q = ((h + smoothing) / (h.sum() + smoothing * h.size) for h in (p, q))
    return np.sum(p * np.log(p / q))


@pytest.mark.parametrize("spread", [0.7, 1.0, 1.5])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_divergence_is_the_textbook_sum(spread, d):
    rng = np.random.default_rng(d)
    truth = rng.normal(size=(4000, d))
    prediction = spread * rng.normal(size=(4000, d)) + 0.1
    expected = brute_force(truth, prediction, 30, 1e-5)
    assert divergence(truth, prediction) == pytest.approx(expected, rel=1e-6)


def test_divergence_of_two_cells_by_hand():
    truth = np.repeat([0.0, 1.0], [75, 25])[:, None]
    prediction = np.repeat([0.0, 1.0], [50, 50])[:, None]
    expected = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)
    assert divergence(truth, prediction, bins=2, smoothing=1e-9) == pytest.approx(
        expected, rel=1e-6
    )


def test_leaving_the_region_is_not_forgiven():
    rng = np.random.default_rng(0)
    truth = rng.uniform(size=(5000, 2))
    half_outside = np.where(np.arange(5000)[:, None] % 2, truth, 50.0)
    assert divergence(truth, half_outside) > 0.6  # log 2, against 0 if points outside are dropped


def test_rest_is_compared_at_a_hundredth_of_a_standard_deviation():
    rest = np.full((1000, 2), 0.3)
    assert divergence(rest, rest + 0.009) == pytest.approx(0.0, abs=1e-3)
    assert divergence(rest, rest - 0.009) == pytest.approx(0.0, abs=1e-3)
    assert divergence(rest, rest + 0.05) > 10
    # slightly moving, but within a bin
    moving = rest + np.linspace(-0.004, 0.004, 1000)[:, None]
    assert divergence(moving, rest) == pytest.approx(0.0, abs=1e-3)


def test_D_stsp_ignores_phase():
    t = np.arange(0, 200, 0.01)
    circle = np.stack([np.sin(t), np.cos(t)], -1)
    a, b = record(circle[None, :10000]), record(circle[None, 5000:15000])
    assert D_stsp(a, b)[0] < 0.01


def test_spectral_distance_of_known_spectra():
    assert hellinger(np.array([1.0, 0, 0]), np.array([0, 1.0, 0])) == pytest.approx(1.0)
    assert hellinger(np.array([0.5, 0.5]), np.array([1.0, 0])) == pytest.approx(
        np.sqrt(1 - np.sqrt(0.5))
    )
    assert hellinger(np.zeros(3), np.zeros(3)) == 0
    assert hellinger(np.zeros(3), np.array([0, 1.0, 0])) == pytest.approx(1.0)


def test_D_H_sees_frequency_not_phase_nor_amplitude():
    t = np.arange(0, 100, 0.01)

    def wave(frequency, phase=0.0, amplitude=1.0):
        return record((amplitude * np.sin(2 * np.pi * frequency * t + phase))[None, :, None])

    assert D_H(wave(1.0), wave(1.0, phase=1.0))[0] < 0.02
    assert D_H(wave(1.0), wave(1.0, amplitude=3.0))[0] < 1e-6
    assert D_H(wave(1.0), wave(5.0))[0] > 0.99
    assert 0.05 < D_H(wave(1.0), wave(1.1))[0] < 0.9


def test_a_spectrum_sums_to_one_and_peaks_at_its_frequency():
    t = np.arange(0, 100, 0.01)
    s = spectrum(np.sin(2 * np.pi * 3.0 * t) + 7.0)
    assert s.sum() == pytest.approx(1.0)
    assert (s.argmax() + 1) / 100 == pytest.approx(3.0, abs=0.02)


def test_short_horizon_error_by_hand():
    truth = np.zeros((3, 50, 2))
    prediction = truth.copy()
    prediction[0, :11, 0] = 0.5  # one of two states off by half: sqrt(0.25 / 2)
    prediction[1, 11:] = 9.0  # beyond the horizon of 1.0 = 11 samples
    prediction[2, 1:] = np.nan
    error = short_horizon_error(record(truth), record(prediction))
    np.testing.assert_allclose(error, [np.sqrt(0.125), 0.0, CAP])


def test_missing_features_of_the_prediction_count_in_full():
    states = np.zeros((4, 2, 1))
    truth = record(
        states, spikes_per_burst=[20, 20, np.nan, np.nan], burst_period=[9, 9, np.nan, 5]
    )
    prediction = record(
        states, spikes_per_burst=[21, np.nan, 20, np.nan], burst_period=[9.09, np.nan, 9, 5]
    )
    np.testing.assert_allclose(spikes_per_burst_error(truth, prediction), [1, 20, np.nan, np.nan])
    np.testing.assert_allclose(burst_period_error(truth, prediction), [1, 100, np.nan, 0])


def test_spikes_of_a_silent_cell_count():
    states = np.zeros((3, 2, 1))
    truth = record(states, rate=[0.0, 2.0, 2.0])
    prediction = record(states, rate=[1.5, 0.0, np.nan])
    np.testing.assert_allclose(rate_error(truth, prediction), [1.5, 2.0, 2.0])
