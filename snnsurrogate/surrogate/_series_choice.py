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

_FALSE = 0.05  # share of false neighbours that asks for another coordinate


def averages(series: embedding.Series) -> tuple[float, ...]:
    """Time constants, in samples, of two exponential averages: of a spike, and of a long pause.

    A slow variable is the memory of a long past. A long window of delays holds it too, but folds
    the states; an average is linear in the series and one number. The fast one is 1.5 times as long
    as an excursion stays above the middle, the slow one the longest interval between excursions.
    None where nothing is slow: the intervals are within a factor of 3 of the excursion.
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
    if slow < 3 * width:
        return ()
    return (float(f"{1.5 * width:.3g}"), float(f"{slow:.3g}"))


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
    found = model
    if found.averages is None:
        found = replace(found, averages=averages(series))
    if found.window is None:
        found = replace(found, window=embedding.choose_window(series))
    if found.latent is None:
        table = embedding.select_dimension(
            series, window=found.window, averages=found.averages or (), seed=seed
        )
        asked = int(table.attrs["dimension"])
        about = {
            "dimension": asked,
            "votes": json.loads(table.attrs["votes"]),
            "doubt": int(table.attrs["warning"]),
            **{
                name: table[name].values.tolist()
                for name in ("reconstruction", "newest", "predictability", "neighbours")
            },
        }
        return replace(found, latent=asked), {**about, "warnings": []}
    longest = max(series.pieces, key=len)
    window: Any = found.window
    lag = max(1, embedding.lags(window)[0] // 2)
    false = embedding.false_neighbours(longest[:16_000], lag=lag, queries=1000, seed=seed)["false"]
    enough = np.flatnonzero(false < _FALSE)
    asked = int(enough[0]) + 1 if enough.size else len(false)
    about = {"dimension": asked, "false_neighbours": false.tolist(), "lag": lag}
    warnings = []
    if found.latent is not None and found.latent < asked:
        warnings.append(
            f"the recovered state has dimension {found.latent}, but false neighbours are only "
            f"below {_FALSE:.0%} from {asked} delay coordinates on: different states may share "
            "one latent state. Use a larger latent, or None"
        )
    return found, {**about, "warnings": warnings}
