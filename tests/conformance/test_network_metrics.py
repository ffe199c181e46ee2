"""Every metric of networks: ideal on itself, worst on nothing, independent of the batch."""

import numpy as np
import pytest

from snnsurrogate.evaluate.metrics import NETWORK_METRICS, NetworkRecord, get, metric
from snnsurrogate.evaluate.metrics.events import relative_wasserstein

FREQUENCY = np.linspace(0.0, 500.0, 257)
NAMES = ("rate_E", "rate_I", "chi", "ssi_1ms")
every = pytest.mark.parametrize("m", NETWORK_METRICS.values(), ids=list(NETWORK_METRICS))


def spectrum(peak):
    return 0.1 + np.exp(-(((FREQUENCY - peak) / 8) ** 2))


def record(*samples):
    """Records of samples (rate, synchrony, peak frequency, event size), or None for nothing."""
    alive = [s is not None for s in samples]
    filled = [s if s is not None else (np.nan, np.nan, 50.0, 0.0) for s in samples]
    rate, chi, peak, size = (np.array(x, dtype=float) for x in zip(*filled, strict=True))
    spectra = np.array([spectrum(p) for p in peak])
    spectra[~np.array(alive)] = np.nan
    lag = np.arange(-15, 16)
    bumps = rate[:, None] * (0.01 + chi[:, None] * np.exp(-((lag / 5) ** 2)))
    grid = np.linspace(0.5, 1.5, 40)
    events = [s * grid if ok else np.empty(0) for s, ok in zip(size, alive, strict=True)]
    return NetworkRecord(
        ok=np.array(alive),
        populations=("E", "I"),
        features=dict(zip(NAMES, (rate, 2 * rate, chi, 0.1 * chi), strict=True)),
        spectra={"E": spectra, "I": 3 * spectra},
        correlation=bumps,
        events={name: events for name in ("size", "duration", "interval")},
    )


def value(m, a, b):
    return m(a, b, *(("E",) if m.reads == "population" else ()))


TRUTH = record((25.0, 0.7, 60.0, 120.0))
CLOSE = record((25.5, 0.72, 61.0, 123.0))
FAR = record((35.0, 1.3, 90.0, 300.0))


@every
def test_ideal_on_itself_and_ordered(m):
    assert value(m, TRUTH, TRUTH) == pytest.approx(m.ideal, abs=1e-12)
    close, far = value(m, TRUTH, CLOSE)[0], value(m, TRUTH, FAR)[0]
    assert close > 0
    assert far > close


@every
def test_nothing_is_worse_than_something_wrong(m):
    none = value(m, TRUTH, record(None))[0]
    assert none >= value(m, TRUTH, FAR)[0]
    assert none == (1.0 if m.unit == "1" else 100.0)


@every
def test_only_what_the_truth_lacks_is_missing(m):
    assert np.isnan(value(m, record(None), TRUTH)).all()
    assert np.isnan(value(m, record(None), record(None))).all()
    assert np.isfinite(value(m, TRUTH, record(None))).all()


@every
def test_a_sample_does_not_depend_on_its_batch(m):
    samples = [(25.0, 0.7, 60.0, 120.0), None, (20.0, 0.3, 75.0, 40.0)]
    others = [(24.0, 0.6, 62.0, 110.0), (1.0, 0.1, 9.0, 9.0), None]
    together = value(m, record(*samples), record(*others))
    alone = [value(m, record(a), record(b))[0] for a, b in zip(samples, others, strict=True)]
    np.testing.assert_allclose(together, alone, rtol=1e-12)


@every
def test_declares_what_it_is(m):
    assert m.reads in {"network", "population"}
    assert set(m.over) <= {"mean", "median", "max"}
    assert m.better in {"lower", "higher"}
    assert m.long_name
    assert m.function.__doc__
    assert get(m.name) is m


def test_wasserstein_of_known_distributions():
    ones = np.ones(20)
    assert relative_wasserstein(10 * ones, 12 * ones) == pytest.approx(20.0)
    assert relative_wasserstein(10 * ones, np.empty(0)) == 100.0
    assert relative_wasserstein(10 * ones, 1000 * ones) == 100.0
    assert np.isnan(relative_wasserstein(ones[:9], ones))
    both = np.concatenate([5 * ones, 15 * ones])
    assert relative_wasserstein(both, 10 * ones) == pytest.approx(50.0)


def test_hellinger_of_disjoint_spectra_is_one():
    m = NETWORK_METRICS["spectrum_distance"]
    a, b = record((25.0, 0.7, 60.0, 9.0)), record((25.0, 0.7, 60.0, 9.0))
    for made, part in ((a, slice(0, 100)), (b, slice(100, 257))):
        made.spectra["E"][:, part] = 0.0
    assert m(a, b, "E")[0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reads": "synapse"}, "expected 'cell', 'network' or 'population'"),
        ({"over": "mean"}, "in a tuple"),
        ({"over": ("mode",)}, "expected some of"),
    ],
)
def test_what_a_metric_cannot_be(options, words):
    with pytest.raises(ValueError, match=words):
        metric(unit="1", ideal=0.0, better="lower", long_name="another", **options)


def test_one_name_for_one_metric():
    with pytest.raises(ValueError, match="already registered"):

        @metric(unit="1", ideal=0.0, better="lower", long_name="another", reads="cell")
        def chi_error(truth, prediction):
            return truth
