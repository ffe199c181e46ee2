"""Boundaries between regimes: truth, twin and surrogate side by side."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import features
from snnsurrogate.features import REGIMES

from . import _again
from ._scores import put
from .boundaries import Transition, locate_boundary, nearest, scan_layer, transitions

SCANNED = 100  # values of a scan on each side of the change


def boundary_scores(
    scores: xr.Dataset,
    truth: xr.Dataset,
    surrogate: Any,
    labels: dict[str, xr.DataArray],
    swept: str,
    *,
    tolerance: float | None,
) -> None:
    """Write `boundary(source, transition)` and the errors as scalars.

    Where truth or surrogate cannot be run again, its boundaries are the midpoints of the grid and
    `boundary_tolerance` says how coarse that is. A boundary that the surrogate does not have
    counts as wrong by the whole swept range.
    """
    values = truth[swept].values
    found = {name: transitions(values, codes.values) for name, codes in labels.items()}
    wanted = found["truth"]
    if not wanted:
        return
    spacing = float(np.diff(np.unique(values)).min())
    stated = 0.1 * spacing if tolerance is None else float(tolerance)
    bounds = (float(values.min()), float(values.max()))
    sources = [str(name) for name in scores["source"].values]
    searchers = _searchers(truth, surrogate, swept, sources)
    place = np.full((len(sources), len(wanted)), np.nan)
    first, last = np.full_like(place, np.nan), np.full_like(place, np.nan)
    coarse = 0.0
    for row, source in enumerate(sources):
        for column, target in enumerate(wanted):
            middle = 0.5 * (target.low + target.high)
            own = target if source == "truth" else nearest(target.name, middle, found[source])
            if own is None:
                continue
            edges = _refine(searchers.get(source), own, stated, 2.0 * spacing, bounds)
            place[row, column], first[row, column], last[row, column] = edges
            if source not in searchers:
                coarse = max(coarse, 0.5 * (own.high - own.low))
    unit = str(truth[swept].attrs["units"])
    scores.coords["transition"] = [t.name for t in wanted]
    scores["boundary"] = xr.Variable(
        ("source", "transition"),
        place,
        {"units": unit, "long_name": f"{swept} at the change of regime", "parameter": swept},
    )
    for name, edge, text in (
        ("boundary_first", first, "where the lower regime is first left"),
        ("boundary_last", last, "where the lower regime is last seen"),
    ):
        about = {"units": unit, "long_name": f"{swept} {text}", "parameter": swept}
        scores[name] = xr.Variable(("source", "transition"), edge, about)
    scores["boundary_tolerance"] = xr.Variable(
        (),
        max(0.1 * stated, coarse),
        {"units": unit, "long_name": "largest error of locating a boundary"},
    )
    whole = float(np.ptp(values))
    errors = {
        source: np.where(np.isnan(place[row]), whole, np.abs(place[row] - place[0]))
        for row, source in enumerate(sources)
    }
    common: dict[str, Any] = {"unit": unit, "ideal": 0.0, "better": "lower"}
    # the twin is located on the same values, so it may agree exactly: no finer than the search
    floor = np.maximum(errors.get("twin", np.nan), float(scores["boundary_tolerance"]))
    floor = np.broadcast_to(floor, len(wanted))
    put(
        scores,
        "boundary_error",
        errors["surrogate"].max(),
        floor.max(),
        long_name="boundary position, largest error",
        **common,
    )
    for column, target in enumerate(wanted):
        put(
            scores,
            f"boundary_error[{target.name}]",
            errors["surrogate"][column],
            floor[column],
            long_name=f"boundary {target.name}, error",
            **common,
        )


def _refine(
    label: Callable[[np.ndarray], np.ndarray] | None,
    bracket: Transition,
    tolerance: float,
    reach: float,
    bounds: tuple[float, float],
) -> tuple[float, float, float]:
    """Boundary, first departure from the lower regime, and its last return."""
    middle = 0.5 * (bracket.low + bracket.high)
    if label is None:
        return middle, middle, middle
    located = locate_boundary(label, bracket.low, bracket.high, tolerance=tolerance)
    # None: both ends of the bracket have one label when run again, as a chaotic sample may
    centre = middle if located is None else located.value
    below = REGIMES.index(bracket.name.split(" -> ")[0])
    step = 0.2 * tolerance
    reach = min(reach, SCANNED * step)
    return scan_layer(label, centre, below=below, reach=reach, step=step, bounds=bounds)


def _searchers(
    truth: xr.Dataset, surrogate: Any, swept: str, sources: list[str]
) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Source -> function from parameter values to regime codes, for those that can be run."""
    try:
        sweep = _again.Sweep(truth, swept)
    except _again.NotRepeatableError as reason:
        warnings.warn(f"boundaries are read off the grid: {reason}", stacklevel=4)
        return {}
    found: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "truth": lambda values: features.regimes(sweep.truth(values)).values
    }
    if "twin" in sources:
        found["twin"] = lambda values: features.regimes(sweep.twin(values)).values
    if surrogate is not None:
        found["surrogate"] = lambda values: (
            features.regimes(sweep.surrogate(surrogate, values)).values
        )
    return found
