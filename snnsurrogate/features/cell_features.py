"""Table features of a single cell, read off its spikes and bursts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from snnsurrogate.features import bursts as _bursts
from snnsurrogate.features._feature import Feature


@dataclass(frozen=True, kw_only=True)
class Record:
    """What features of a cell are read from: the spikes of one sample and their bursts.

    Attributes:
        times: spike times, increasing.
        start: begin of the record, same unit.
        stop: end of the record.
        bursts: empty unless the regime is bursting.
    """

    times: np.ndarray
    start: float
    stop: float
    bursts: _bursts.Bursts


def _isi(reduce: Callable[[np.ndarray], float]) -> Callable[[Record], float]:
    return lambda r: float(reduce(np.diff(r.times))) if r.times.size > 1 else np.nan


FEATURES: dict[str, Feature] = {
    "spikes_per_burst": Feature(
        function=lambda r: r.bursts.spikes_per_burst,
        unit="1",
        long_name="spikes per burst, mean over complete bursts",
    ),
    "burst_period": Feature(
        function=lambda r: r.bursts.period,
        unit="time",
        long_name="burst period, mean onset to onset",
    ),
    "duty_cycle": Feature(
        function=lambda r: r.bursts.duty_cycle,
        unit="1",
        long_name="duty cycle, first to last spike of a burst over the period",
    ),
    "intraburst_rate": Feature(
        function=lambda r: r.bursts.intraburst_rate,
        unit="1/time",
        long_name="firing rate inside bursts",
    ),
    "isi_mean": Feature(function=_isi(np.mean), unit="time", long_name="mean interspike interval"),
    "isi_min": Feature(
        function=_isi(np.min), unit="time", long_name="shortest interspike interval"
    ),
    "rate": Feature(
        function=lambda r: r.times.size / (r.stop - r.start),
        unit="1/time",
        long_name="spikes per time over the record",
    ),
}
