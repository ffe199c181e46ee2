"""What a model of scalar series leaves to the data: window, averages, dimension."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsurrogate.surrogate import embedding
from snnsurrogate.surrogate._free_run import Likeness, events
from snnsurrogate.surrogate.embedding.delays import samples_per_peak

if TYPE_CHECKING:
    from snnsurrogate.surrogate.models.delay_map import DelayMap
    from snnsurrogate.surrogate.series_data import SeriesData

_SLOW = 20  # windows: an interval that long holds a slow variable
_FALSE = 0.05  # share of false neighbours that asks for another coordinate


def averages(series: embedding.Series, window: int, count: int = 2) -> tuple[float, ...]:
    """Time constants, in samples, of exponential averages: from a spike to a long pause.

    A slow variable is the memory of a long past. A long window of delays holds it too, but folds
    the states; an average is linear in the series and one number. The fast one is 3/4 as long
    as an excursion stays beyond the middle, the slow one the longest interval between excursions.

    Args:
        series: on which they are chosen.
        window: samples that `embedding.choose_window` asks for; without intervals of 20 windows
            nothing is slow, and there are no averages.
        count: how many; they are spaced evenly on a logarithmic scale.
    """
    width = min(samples_per_peak(p) for p in series.pieces)
    gaps = []
    for piece in series.pieces:
        like = Likeness.of(piece)
        at = events(piece, like.low, like.high)
        if len(at) > 2:
            gaps.append(float(np.quantile(np.diff(at), 0.99)))
    if not gaps or not np.isfinite(width):
        return ()
    shortest = min(p.size for p in series.pieces)
    slow = min(max(gaps), shortest / 16)  # four of them are lost at the beginning of a piece
    if slow < _SLOW * window:
        return ()
    return tuple(float(f"{t:.3g}") for t in np.geomspace(0.75 * width, slow, max(2, count)))


def settle(model: Any, data: SeriesData, seed: int) -> tuple[DelayMap, SeriesData]:
    """The model with its choices made, and the data with what decided them.

    Raises:
        ValueError: a series too short, see `embedding.choose_window`.
    """
    found, about = _choose(model, data.series, seed)
    return found, replace(data, latent=found.latent or 0, choice=about)


def _choose(
    model: DelayMap, series: embedding.Series, seed: int
) -> tuple[DelayMap, dict[str, Any]]:
    found, about = model, {}
    usual = embedding.choose_window(series) if found.window is None else found.window
    if found.latent is None:
        table = embedding.select_dimension(
            series, window=usual, averages=found.averages or (), seed=seed
        )
        about = {
            "dimension": int(table.attrs["dimension"]),
            "votes": json.loads(table.attrs["votes"]),
            "doubt": int(table.attrs["warning"]),
            **{
                name: table[name].values.tolist()
                for name in ("reconstruction", "newest", "predictability", "neighbours")
            },
            "warnings": [],
        }
        found = replace(found, latent=about["dimension"])
    span = embedding.lags(usual)[0] + 1
    if found.averages is None:
        found = replace(found, averages=averages(series, span, (found.latent or 1) - 1))
    if found.window is None:
        # beside averages the newest sample is enough: a window would fill the latent with the
        # shape of the spike, and leave the slow variable out
        found = replace(found, window=1 if found.averages else usual)
    return found, about or _checked(found, series, span, seed)


def _checked(model: DelayMap, series: embedding.Series, span: int, seed: int) -> dict[str, Any]:
    """A given dimension beside the one that false neighbours ask for."""
    longest = max(series.pieces, key=len)
    lag = max(1, span // 2)
    false = embedding.false_neighbours(longest[:16_000], lag=lag, queries=1000, seed=seed)["false"]
    enough = np.flatnonzero(false < _FALSE)
    asked = int(enough[0]) + 1 if enough.size else len(false)
    about = {"dimension": asked, "false_neighbours": false.tolist(), "lag": lag}
    warnings = []
    if model.latent is not None and model.latent < asked:
        warnings.append(
            f"the recovered state has dimension {model.latent}, but false neighbours are only "
            f"below {_FALSE:.0%} from {asked} delay coordinates on: different states may share "
            "one latent state. Use a larger latent, or None"
        )
    return {**about, "warnings": warnings}
