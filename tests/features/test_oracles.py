"""Elephant and eFEL compute some of the same quantities; they have to agree."""

import numpy as np
import pytest

from snnsurrogate import features
from snnsurrogate.features import variability
from snnsurrogate.features.spikes import detect

# raised inside neo, which Elephant uses
pytestmark = pytest.mark.filterwarnings("ignore:The 'copy' argument in Quantity")
SIZES = {"E": 40, "I": 20}
LONG = 4000.0


@pytest.fixture(scope="module")
def spikes(networks):
    rng = np.random.default_rng(0)
    shape = {"rate": 25, "duration": LONG, "modulation": 0.7, "frequency": 35.0}
    return {p: networks.poisson(rng, size=n, **shape) for p, n in SIZES.items()}


@pytest.fixture(scope="module")
def made(networks, spikes):
    return networks.dataset([spikes], sizes=SIZES, duration=LONG)


@pytest.fixture(scope="module")
def trains(spikes):
    """Elephant's spike trains of the E and I cells."""
    neo = pytest.importorskip("neo")
    quantities = pytest.importorskip("quantities")
    return {
        p: [
            neo.SpikeTrain(times[cells == k], units=quantities.ms, t_start=0.0, t_stop=LONG)
            for k in range(SIZES[p])
        ]
        for p, (times, cells) in spikes.items()
    }


def test_isi_cv(spikes, trains):
    statistics = pytest.importorskip("elephant.statistics")
    kept = [t for t in trains["E"] if len(t) >= 3]
    expected = np.mean([statistics.cv(statistics.isi(t).magnitude) for t in kept])
    assert variability.isi_cv(*spikes["E"]) == pytest.approx(expected, rel=1e-12)


def test_fano_factor(spikes, trains):
    statistics = pytest.importorskip("elephant.statistics")
    quantities = pytest.importorskip("quantities")
    edges = np.arange(0, LONG + 1, 100.0) * quantities.ms
    expected = np.mean(
        [
            statistics.fanofactor(
                [t.time_slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)]
            )
            for t in trains["E"]
        ]
    )
    found = variability.fano_factor(*spikes["E"], start=0.0, stop=LONG, window=100.0)
    windows = edges.size - 1
    expected *= windows / (windows - 1)  # Elephant's variance is over n
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("bin", [1.0, 5.0])
def test_counts(made, trains, bin):
    statistics = pytest.importorskip("elephant.statistics")
    quantities = pytest.importorskip("quantities")
    expected = statistics.time_histogram(trains["I"], bin * quantities.ms, output="counts")
    found = features.counts(made, "I", f"{bin} ms")
    np.testing.assert_array_equal(found[0], expected.magnitude.ravel())


def test_spectrum_and_coherence(made):
    spectral = pytest.importorskip("elephant.spectral")
    rates = [features.rates(made, p)[0].values for p in "EI"]
    options = {"fs": 1000.0, "len_segment": 512, "overlap": 0.5, "window": "hann"}
    f, p = spectral.welch_psd(rates[0], **options)
    found = features.spectrum(made)
    np.testing.assert_allclose(found["frequency"], f)
    np.testing.assert_allclose(found[0], p, rtol=1e-6)
    f, c, _ = spectral.welch_coherence(*rates, **options)
    np.testing.assert_allclose(features.coherence(made)[0], np.ravel(c), rtol=1e-5, atol=1e-12)


def test_cross_correlation(made, trains):
    correlation = pytest.importorskip("elephant.spike_train_correlation")
    conversion = pytest.importorskip("elephant.conversion")
    neo = pytest.importorskip("neo")
    quantities = pytest.importorskip("quantities")
    both = [
        conversion.BinnedSpikeTrain(
            neo.SpikeTrain(
                np.sort(np.concatenate([t.magnitude for t in trains[p]])),
                units=quantities.ms, t_start=0.0, t_stop=LONG,
            ),
            bin_size=1 * quantities.ms,
        )
        for p in "EI"
    ]  # fmt: skip
    histogram, lags = correlation.cross_correlation_histogram(*both, window=[-15, 15])
    n = both[0].to_array().ravel()
    # Elephant gives sums over all bins; here it is per spike of E that has a partner bin
    spikes = np.array([n[max(0, -k) : n.size - max(0, k)].sum() for k in lags])
    expected = 100 * histogram.magnitude.ravel() / spikes / SIZES["I"]
    found = features.cross_correlation(made)
    assert found["lag"].values.tolist() == lags.tolist()
    np.testing.assert_allclose(found[0], expected)


@pytest.mark.parametrize("current", [8.0, 20.0])
def test_intervals_of_a_voltage_trace(sherman, current):
    efel = pytest.importorskip("efel")
    made = sherman(
        None,
        name="hodgkin-huxley",
        parameters={"I": [current]},
        duration=400.0,
        transient=50.0,
        record=0.05,
        dt=0.01,
    )
    voltage, time = made["V"].values[0].astype(float), made["time"].values
    efel.reset()
    efel.set_setting("Threshold", 0.0)
    efel.set_setting("interp_step", 0.05)
    efel.set_setting("strict_stiminterval", True)
    efel.set_setting("ignore_first_ISI", False)
    trace = {"T": time, "V": voltage, "stim_start": [0.0], "stim_end": [400.0]}
    found = efel.get_feature_values([trace], ["peak_time", "all_ISI_values", "ISI_CV"])[0]
    times = detect(voltage, 0.05, threshold=0.0, reset=-20.0)
    assert times.size == len(found["peak_time"])
    # peaks come a constant time after upward crossings
    assert np.ptp(found["peak_time"] - times) < 0.11
    own = features.features_of(times, start=0.0, stop=400.0)
    assert own["isi_mean"] == pytest.approx(np.mean(found["all_ISI_values"]), rel=2e-3)
    assert own["isi_min"] == pytest.approx(np.min(found["all_ISI_values"]), abs=0.11)


def test_cv_of_an_irregular_voltage_trace(networks):
    efel = pytest.importorskip("efel")
    times, _ = networks.poisson(np.random.default_rng(3), size=1, rate=20, duration=LONG)
    times = np.round(times[np.diff(times, prepend=-50.0) > 8.0], 1)
    time = np.arange(0.0, LONG, 0.1)
    voltage = np.full(time.size, -65.0)
    for t in times:
        voltage += 100.0 * np.exp(-(((time - t) / 0.5) ** 2))
    efel.reset()
    efel.set_setting("Threshold", 0.0)
    efel.set_setting("interp_step", 0.1)
    efel.set_setting("ignore_first_ISI", False)
    trace = {"T": time, "V": voltage, "stim_start": [0.0], "stim_end": [LONG]}
    expected = efel.get_feature_values([trace], ["ISI_CV"])[0]["ISI_CV"].item()
    found = detect(voltage, 0.1, threshold=0.0, reset=-20.0)
    n = found.size - 1
    own = variability.isi_cv(found, np.zeros(found.size, dtype=int))
    # eFEL divides by one less than the number of intervals
    assert own * np.sqrt(n / (n - 1)) == pytest.approx(expected, rel=1e-3)
