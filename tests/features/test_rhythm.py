import numpy as np
import pytest

from snnsurrogate import features
from snnsurrogate.features import rhythm

SIZES = {"E": 300, "I": 100}


def both(networks, seed, *, duration=20_000.0, rate=30.0, modulation=0.0, frequency=40.0):
    rng = np.random.default_rng(seed)
    shape = {"duration": duration, "modulation": modulation, "frequency": frequency}
    return {p: networks.poisson(rng, size=SIZES[p], rate=rate, **shape) for p in SIZES}


@pytest.fixture(scope="module")
def flat(networks):
    return networks.dataset([both(networks, 0)], sizes=SIZES, duration=20_000.0)


@pytest.fixture(scope="module")
def modulated(networks):
    samples = [both(networks, k, modulation=0.8, frequency=f) for k, f in enumerate((21.0, 64.0))]
    return networks.dataset(samples, sizes=SIZES, duration=20_000.0)


def test_spectrum_of_poisson_cells_is_flat(flat):
    found = features.spectrum(flat)
    level = 2 * 30.0 / 300
    inner = found.sel(frequency=slice(4, 490)).values[0]
    assert inner.mean() == pytest.approx(level, rel=0.03)
    windows = found.attrs["windows"]
    assert windows == 1 + (20_000 - 512) // 256
    spread = np.sqrt((19 * windows - 1) / (18 * windows**2))  # 2 / degrees of freedom
    assert inner.std() / inner.mean() == pytest.approx(spread, rel=0.15)
    assert (found["frequency"][1] - found["frequency"][0]).item() == pytest.approx(1000 / 512)
    assert (found.attrs["units"], found["frequency"].attrs["units"]) == ("Hz", "Hz")


def test_a_flat_spectrum_has_no_peak(networks):
    missing = 0
    for seed in range(60):
        sample = both(networks, seed, duration=3000.0, rate=10.0)
        table = features.summary(networks.dataset([sample], sizes=SIZES, duration=3000.0))
        missing += np.isnan(table["peak_frequency"].item())
        assert np.isnan(table["peak_frequency"]) == np.isnan(table["peak_height"])
    assert missing >= 57  # 1 in 100 is expected to have one


def test_modulated_poisson_has_its_peak_and_its_power(modulated):
    table = features.summary(modulated)
    np.testing.assert_allclose(table["peak_frequency"], [21.0, 64.0], atol=0.15)
    # a line is as wide as the window and the smoothing allow
    offset = np.linspace(-6, 6, 2401)
    hann = (np.sinc(offset) / (1 - offset**2 + 1e-12)) ** 2
    line = sum(
        w * np.roll(hann, 200 * k) for k, w in zip(range(-2, 3), [1, 2, 3, 2, 1], strict=True)
    )
    width = (line > 0.5 * line.max()).sum() / 200 * 1000 / 512
    assert width == pytest.approx(6.5, abs=0.05)
    np.testing.assert_allclose(table["peak_frequency"] / table["peak_quality"], width, rtol=0.05)
    spectrum = features.spectrum(modulated)
    step = 1000 / 512
    for i, f in enumerate((21.0, 64.0)):
        near = spectrum[i].sel(frequency=slice(f - 6, f + 6))
        power = (near - 2 * 30.0 / 300).sum() * step
        # mean square of 30 * 0.8 sin, in bins of 1 ms
        expected = 0.5 * (30.0 * 0.8 * np.sinc(f * 1e-3)) ** 2
        assert power.item() == pytest.approx(expected, rel=0.05)
    line, flat = 0.5 * (30.0 * 0.8 * np.sinc(0.064)) ** 2, 2 * 30.0 / 300
    share = (line + 60 * flat) / (line + 500 * flat)
    assert table["gamma_share"][1].item() == pytest.approx(share, rel=0.02)
    assert table["gamma_share"][0].item() == pytest.approx(60 * flat / (line + 500 * flat), rel=0.2)


@pytest.mark.parametrize(("frequency", "width"), [(50.0, 12.0), (70.0, 25.0)])
def test_width_of_a_diffusing_oscillator(frequency, width):
    # the phase of cos diffuses: a Lorentzian of full width D / pi at half height
    rng = np.random.default_rng(4)
    bins = 400_000
    steps = rng.normal(0, np.sqrt(2 * np.pi * width * 1e-3), bins)
    rate = 30 + 10 * np.cos(2 * np.pi * frequency * 1e-3 * np.arange(bins) + np.cumsum(steps))
    f, p = rhythm.density(rate, bin_seconds=1e-3)
    peak = rhythm.peak(f, p, level=1e-3, windows=rhythm.windows_of(bins))
    assert peak.frequency == pytest.approx(frequency, abs=0.1 * width)
    # seen through a line of 6.5 Hz: the width of a Voigt profile (Olivero and Longbothum 1977)
    seen = 0.5346 * width + np.sqrt(0.2166 * width**2 + 6.5**2)
    assert peak.width == pytest.approx(seen, rel=0.05)
    assert peak.quality == peak.frequency / peak.width


def test_a_peak_without_a_foot_has_no_width():
    f = np.arange(257) * 1000 / 512
    p = 1.0 + 0.6 * np.exp(-(((f - 60) / 10) ** 2))  # never falls to half of its maximum
    found = rhythm.peak(f, p, level=0.1, windows=50)
    assert found.frequency == pytest.approx(60.0, abs=0.5)
    assert np.isnan(found.width)
    assert np.isnan(found.quality)
    falling = rhythm.peak(f, np.exp(-f), level=1e-6, windows=50)  # no maximum inside
    assert np.isnan(falling.frequency)


def test_spectrogram_sees_when_a_rhythm_comes(networks):
    rng = np.random.default_rng(5)
    quiet, _ = networks.poisson(rng, size=300, rate=30, duration=2000.0)
    loud, _ = networks.poisson(
        rng, size=300, rate=30, duration=2000.0, modulation=0.9, frequency=50.0
    )
    times = np.concatenate([quiet, 2000.0 + loud])
    made = networks.dataset([{"E": times}], sizes=SIZES, duration=4000.0)
    found = features.spectrogram(made, window="200 ms", every="50 ms")
    assert found["time"].values[:2].tolist() == [100.0, 150.0]
    assert found.sizes["time"] == 1 + (4000 - 200) // 50
    power = found["band_power"][0]
    before, after = power.sel(time=slice(0, 1900)), power.sel(time=slice(2100, 4000))
    expected = 0.5 * (30 * 0.9 * np.sinc(0.05)) ** 2
    floor = 2 * 30 / 300 * 60  # Poisson level times the width of the band
    assert after.mean().item() == pytest.approx(expected + floor, rel=0.05)
    assert before.mean().item() == pytest.approx(floor, rel=0.25)
    assert found["band_power"].attrs["units"] == "Hz**2"


def test_spectrogram_averages_to_the_spectrum(modulated):
    fine = features.spectrogram(modulated, window="512 ms", every="256 ms")["density"]
    whole = features.spectrum(modulated)
    np.testing.assert_allclose(fine.mean("time"), whole, rtol=1e-4)


def test_coherence_of_a_common_rhythm(modulated, flat):
    found = features.coherence(modulated)
    spectra = [features.spectrum(modulated, p) for p in "EI"]
    for i, f in enumerate((21.0, 64.0)):
        at = {"frequency": f, "method": "nearest"}
        # the common part over both totals, which hold the Poisson levels too
        totals = [s[i].sel(**at).item() for s in spectra]
        common = [t - 2 * 30.0 / n for t, n in zip(totals, SIZES.values(), strict=True)]
        expected = common[0] * common[1] / totals[0] / totals[1]
        assert found[i].sel(**at).item() == pytest.approx(expected, abs=0.02)
    windows = features.spectrum(flat).attrs["windows"]
    independent = (19 * windows - 1) / (18 * windows**2)
    assert features.coherence(flat).mean().item() == pytest.approx(independent, rel=0.25)


def test_cross_correlation_of_delayed_cells(networks):
    rng = np.random.default_rng(6)
    times, _ = networks.poisson(rng, size=300, rate=5, duration=60_000.0)
    times = np.ceil(times) - 0.5  # in the middle of bins
    later = times[times < 59_990.0] + 3.0
    made = networks.dataset([{"E": times, "I": later}], sizes=SIZES, duration=60_000.0)
    found = features.cross_correlation(made, ("E", "I"))
    assert found["lag"].values.tolist() == list(range(-15, 16))
    assert found[0].argmax("lag").item() == 18  # lag 3
    n = 1.5  # mean count per bin
    assert found.sel(lag=3).item() == pytest.approx(100 * (1 + n) / 100, rel=0.03)
    assert found.sel(lag=-7).item() == pytest.approx(100 * n / 100, rel=0.03)
    own = features.cross_correlation(made, ("E", "E"))
    np.testing.assert_allclose(own[0], own[0, ::-1], rtol=0.01)
    ssi = features.summary(made)["ssi_1ms"]
    assert own.sel(lag=0).item() == pytest.approx(100 * ssi.item())


def test_silence_has_no_rhythm(networks):
    made = networks.dataset([{}, {"I": [5.0, 700.0]}], sizes=SIZES, duration=2000.0)
    assert np.isnan(features.spectrum(made)).all()
    assert np.isnan(features.coherence(made)).all()
    assert np.isnan(features.cross_correlation(made)).all()
    made_of = features.spectrogram(made)
    assert np.isnan(made_of["density"]).all()
    assert np.isnan(made_of["band_power"]).all()
    assert np.isfinite(features.spectrum(made, "I")[1]).all()


def test_samples_that_failed_have_none(modulated):
    broken = modulated.copy(deep=True)
    broken["status"][1] = 4
    assert np.isnan(features.spectrum(broken)[1]).all()
    assert np.isfinite(features.spectrum(broken)[0]).all()


@pytest.mark.parametrize("function", ["spectrum", "coherence", "spectrogram", "cross_correlation"])
def test_a_record_that_is_too_short_is_named(networks, function):
    made = networks.dataset([{"E": [1.0, 2.0]}], sizes=SIZES, duration=12.0)
    with pytest.raises(ValueError, match=r"longer (record|than the record)|needs more"):
        getattr(features, function)(made)


def test_coherence_of_one_window_is_refused(networks):
    made = networks.dataset([{"E": [1.0], "I": [2.0]}], sizes=SIZES, duration=600.0)
    with pytest.raises(ValueError, match="coherence needs two or more"):
        features.coherence(made)
    with pytest.raises(ValueError, match="windows must touch"):
        features.spectrogram(made, every="300 ms")


@pytest.mark.parametrize("function", ["spectrum", "coherence"])
@pytest.mark.parametrize("window", [0, 1, -5, 2.5, True])
def test_windows_without_sense_are_named(modulated, function, window):
    with pytest.raises(ValueError, match=r"window=.*; expected a whole number of bins from 2"):
        getattr(features, function)(modulated, window=window)


@pytest.mark.parametrize("band", [(90.0, 30.0), (30.0, 30.0), (-5.0, 3.0), (30.0,), "30-90"])
def test_bands_without_sense_are_named(modulated, band):
    with pytest.raises(ValueError, match=r"band is .*; expected \(low, high\)"):
        features.spectrogram(modulated, band=band)


def test_lags_without_sense_are_named(modulated):
    with pytest.raises(ValueError, match="shorter than half a bin"):
        features.cross_correlation(modulated, most="0.2 ms")
