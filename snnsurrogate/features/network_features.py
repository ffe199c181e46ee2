"""Table features of a network, read off the activity of its populations.

Features of the whole network are read from its first population (E). All but the rates are NaN for
a silent one: there is no synchrony, rhythm or event to measure.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from snnsurrogate.features import detectors, rhythm, synchrony, variability
from snnsurrogate.features._feature import NETWORK, POPULATION, Feature
from snnsurrogate.features.populations import Activity

CHI_BIN = "5 ms"
FANO_WINDOW = "100 ms"


def _rate(a: Activity, population: str) -> float:
    return a.total(population) / (a.size(population) * a.seconds)


def _isi_cv(a: Activity, population: str) -> float:
    return variability.isi_cv(a.spikes(population).time, a.neurons(population))


def _fano(a: Activity, population: str) -> float:
    return variability.fano_factor(
        a.spikes(population).time,
        a.neurons(population),
        start=a.start,
        stop=a.stop,
        window=a.length(FANO_WINDOW, what="window"),
    )


def _of_counts(function: Callable[..., float], bin: str, *, sized: bool) -> Callable[..., float]:
    def read(a: Activity) -> float:
        more = (a.size(a.first),) if sized else ()
        return function(a.counts(a.first, bin), *more)

    return read


def _spectrum(a: Activity) -> tuple[np.ndarray, np.ndarray]:
    seconds = a.bin_seconds(rhythm.BIN)
    rate = a.counts(a.first, rhythm.BIN) / (a.size(a.first) * seconds)
    return rhythm.density(rate, bin_seconds=seconds)


def _peak(a: Activity) -> rhythm.Peak:
    def make() -> rhythm.Peak:
        level = 2.0 * _rate(a, a.first) / a.size(a.first)
        windows = rhythm.windows_of(a.counts(a.first, rhythm.BIN).size)
        return rhythm.peak(*_spectrum(a), level=level, windows=windows)

    return a.once("peak", make)


def _gamma_share(a: Activity) -> float:
    return rhythm.band_share(*_spectrum(a), rhythm.GAMMA)


def _events(statistic: Callable[[np.ndarray, np.ndarray, Activity], float]) -> Callable[..., float]:
    def read(a: Activity) -> float:
        found = a.once("crossing", lambda: detectors.crossing(a, a.first))
        return statistic(found.begin, found.end, a) if a.total(a.first) > 0 else np.nan

    return read


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else np.nan


def _event_size(begin: np.ndarray, end: np.ndarray, a: Activity) -> float:
    total = np.concatenate([[0.0], np.cumsum(a.counts(a.first, "1 ms"))])
    width = a.length("1 ms", what="bin")
    first, last = (np.rint((x - a.start) / width).astype(np.int64) for x in (begin, end))
    return _mean(total[last] - total[first])


def _network(function: Callable[..., float], unit: str, long_name: str) -> Feature:
    return Feature(function=function, unit=unit, long_name=long_name, reads=NETWORK)


def _population(function: Callable[..., float], unit: str, long_name: str) -> Feature:
    return Feature(function=function, unit=unit, long_name=long_name, reads=POPULATION)


FEATURES: dict[str, Feature] = {
    "rate_{population}": _population(_rate, "Hz", "firing rate per cell"),
    "isi_cv_{population}": _population(
        _isi_cv, "1", "CV of interspike intervals, mean over cells with 3 spikes or more"
    ),
    "fano_{population}": _population(
        _fano, "1", "Fano factor of counts in 100 ms, mean over cells with 3 spikes or more"
    ),
    "chi": _network(
        _of_counts(synchrony.chi, CHI_BIN, sized=False),
        "1",
        "Poisson-corrected coefficient of variation of 5 ms counts",
    ),
    "ssi_1ms": _network(
        _of_counts(synchrony.ssi, "1 ms", sized=True), "1", "spike synchrony index, 1 ms bins"
    ),
    "ssi_4ms": _network(
        _of_counts(functools.partial(synchrony.ssi_windowed, bins=4), "1 ms", sized=True),
        "1",
        "spike synchrony index, sliding window of 4 ms",
    ),
    "fraction_sd": _network(
        _of_counts(synchrony.fraction_sd, "5 ms", sized=True),
        "1",
        "standard deviation of the share of cells firing in 5 ms",
    ),
    "fraction_p95": _network(
        _of_counts(synchrony.fraction_p95, "5 ms", sized=True),
        "1",
        "95th percentile of the share of cells firing in 5 ms",
    ),
    "peak_frequency": _network(
        lambda a: _peak(a).frequency, "Hz", "frequency of the largest spectral peak of the rate"
    ),
    "peak_quality": _network(
        lambda a: _peak(a).quality, "1", "peak frequency over width at half height"
    ),
    "peak_height": _network(
        lambda a: _peak(a).height, "1", "density at the peak over that of Poisson cells"
    ),
    "gamma_share": _network(_gamma_share, "1", "share of the power of the rate in 30-90 Hz"),
    "event_rate": _network(
        _events(lambda begin, end, a: begin.size / a.seconds),
        "Hz",
        "multiple-firing events per second (detector crossing)",
    ),
    "event_size": _network(_events(_event_size), "1", "spikes per event, mean (detector crossing)"),
    "event_duration": _network(
        _events(lambda begin, end, a: _mean(end - begin)),
        "time",
        "duration of an event, mean (detector crossing)",
    ),
    "event_interval": _network(
        _events(lambda begin, end, a: _mean(np.diff(begin))),
        "time",
        "onset to next onset of events, mean (detector crossing)",
    ),
}
