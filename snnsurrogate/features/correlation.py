"""Correlation of the spikes of two populations at short lags."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate.features._feature import NotRecordedError
from snnsurrogate.features.populations import (
    Activity,
    labelled,
    need_network,
    rows_where_ok,
)
from snnsurrogate.features.rhythm import BIN


def cross_correlation(
    ds: xr.Dataset,
    populations: tuple[str, str] = ("E", "I"),
    *,
    bin: Any = BIN,
    most: Any = "15 ms",
) -> xr.DataArray:
    """Share of the second population that fires in a bin at a lag from a spike of the first, %.

    The spike itself is counted at lag 0 of a population with itself. Source: the cross-correlations
    of Li, Chariker and Young (2019), J Math Biol 78:83, Fig. 2.

    Args:
        ds: a network dataset.
        populations: reference and target.
        bin: length of a bin, text with unit.
        most: largest lag on either side.

    Returns:
        Percent over (sample, lag in the unit of time). NaN where the reference is silent and for
        samples that are not ok.

    Raises:
        ValueError: the record is not longer than the largest lag, or as for `counts`.
    """
    need_network(ds)
    where = Activity(ds, 0)
    width = where.length(bin, what="bin")
    lags = round(where.length(most, what="most") / width)
    if lags < 1:
        msg = f"most is {most!r}, shorter than half a bin of {bin!r}; take a larger lag."
        raise ValueError(msg)
    bins = where.counts(populations[0], bin).size
    if bins <= lags:
        msg = f"the record holds {bins} bins; a lag of {lags} bins needs more."
        raise NotRecordedError(msg)

    def row(a: Activity) -> np.ndarray:
        reference, target = (a.counts(p, bin) for p in populations)
        return 100.0 * _correlation(reference, target, lags) / a.size(populations[1])

    lag = xr.Variable("lag", width * np.arange(-lags, lags + 1), {"units": where.time_unit})
    return labelled(
        ds,
        rows_where_ok(ds, row, lag.shape),
        {"lag": lag},
        name="cross_correlation",
        units="percent",
        long_name=f"share of {populations[1]} firing per bin around a spike of {populations[0]}",
    )


def _correlation(reference: np.ndarray, target: np.ndarray, lags: int) -> np.ndarray:
    """Mean count of the target at every lag from a spike of the reference."""
    n = reference.size
    found = np.full(2 * lags + 1, np.nan)
    for k, lag in enumerate(range(-lags, lags + 1)):
        a = reference[max(0, -lag) : n - max(0, lag)]
        spikes = a.sum()
        if spikes > 0:
            found[k] = a @ target[max(0, lag) : n - max(0, -lag)] / spikes
    return found
