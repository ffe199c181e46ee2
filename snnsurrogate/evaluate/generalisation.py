"""How far a model holds from where it was trained: tables to beat, scores by part, by distance.

The tables to beat know the training points only: `looked_up` gives a new point the labels and
features of the nearest one, `interpolated` those between them. Distances are of parameter points in
a `Box` of unit sides, so that parameters of different units count alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from snnsurrogate._names import suggestion
from snnsurrogate.features import REGIMES

from . import coverage
from .boundaries import nearest as _nearest_transition
from .boundaries import transitions
from .metrics.bursts import percent

__all__ = [
    "Box",
    "against",
    "boundary_errors",
    "coverage_by",
    "distance",
    "error_by",
    "interpolated",
    "level_errors",
    "looked_up",
    "nearest",
    "percent",
]


@dataclass(frozen=True, kw_only=True)
class Box:
    """The box of parameters in which distances are measured: every side counts as 1.

    Attributes:
        sides: parameter -> (low, high), in its unit.
        log: names of the parameters that are measured by their logarithm.

    Raises:
        ValueError: a side that is empty or reversed, a logarithm of a side that reaches 0 or below,
            or a name in `log` that has no side.
    """

    sides: Mapping[str, tuple[float, float]]
    log: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        for name in self.log:
            if name not in self.sides:
                hint = suggestion(name, self.sides)
                msg = f"log names {name!r}, which has no side; sides are {list(self.sides)}.{hint}"
                raise ValueError(msg)
        for name, (low, high) in self.sides.items():
            if not low < high or (name in self.log and low <= 0):
                lowest = " above 0" if name in self.log else ""
                msg = f"the side of {name} is ({low}, {high}); expected low < high{lowest}."
                raise ValueError(msg)

    def points(self, source: Any) -> np.ndarray:
        """(sample, parameter) places in the box, 0 to 1 inside it.

        Args:
            source: a dataset, or anything that maps parameter names to (sample,) values.

        Raises:
            ValueError: a parameter is missing, or the box has no side.
        """
        lost = [name for name in self.sides if name not in source]
        if lost or not self.sides:
            msg = f"the box needs the parameters {list(self.sides) or 'of at least one side'}"
            raise ValueError(f"{msg}; missing {lost}." if lost else f"{msg}.")
        columns = []
        for name, ends in self.sides.items():
            values, low, high = (np.asarray(v, dtype=np.float64) for v in (source[name], *ends))
            if name in self.log:
                values, low, high = np.log(values), np.log(low), np.log(high)
            columns.append((np.atleast_1d(values) - low) / (high - low))
        return np.stack(np.broadcast_arrays(*columns), axis=1)


def nearest(known: Any, at: Any, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Nearest sample of `known` to every sample of `at`.

    Args:
        known: dataset or mapping with the parameters of the box, (sample,).
        at: the same, of other samples.
        box: scale of the distance.

    Returns:
        Position in `known` and distance, both of the length of `at`. The distance is Euclidean; 1
        is the length of a side.

    Raises:
        ValueError: `known` has no sample, or see `Box.points`.
    """
    from scipy.spatial import cKDTree

    places = box.points(known)
    if not len(places):
        msg = "no point is known; expected at least one sample."
        raise ValueError(msg)
    apart, index = cKDTree(places).query(box.points(at))
    return np.asarray(index), np.asarray(apart)


def distance(known: Any, at: Any, box: Box) -> np.ndarray:
    """(sample,) distance of every sample of `at` to the nearest of `known`; see `nearest`."""
    return nearest(known, at, box)[1]


def looked_up(known: xr.Dataset, at: Any, box: Box) -> xr.Dataset:
    """Labels and features of the nearest known point.

    Args:
        known: variables over `sample`, with the parameters as coordinates; for example
            ``features.summary(ds).assign(regime=regimes(ds))``.
        at: dataset or mapping with the parameters of the box.
        box: scale of the distance.

    Returns:
        The variables of `known` over the samples of `at`.
    """
    index, _ = nearest(known, at, box)
    return _table(known, {name: known[name].values[index] for name in _columns(known)})


def interpolated(
    known: xr.Dataset, at: Any, box: Box, *, method: Literal["linear", "spline"] = "linear"
) -> xr.Dataset:
    """Labels and features interpolated between the known points.

    Numbers are interpolated; a value that does not exist (NaN) at a known point is left out. Codes
    (whole numbers) are put to the vote: the share of each code is interpolated, and the largest
    wins.

    Args:
        known: as in `looked_up`.
        at: dataset or mapping with the parameters of the box.
        box: scale of the distance.
        method: "linear" between the corners of the triangles (simplices) of the known points, the
            nearest point outside them; "spline" for thin-plate splines, which extrapolate.

    Returns:
        The variables of `known` over the samples of `at`; numbers are NaN where no known point has
        them.

    Raises:
        ValueError: another method, or see `nearest`.
    """
    if method not in ("linear", "spline"):
        msg = f"method is {method!r}; expected 'linear' or 'spline'."
        raise ValueError(msg)
    x, y = box.points(known), box.points(at)
    nearest(known, at, box)  # says if nothing is known
    found = {}
    for name in _columns(known):
        values = known[name].values
        if values.dtype.kind == "f":
            held = np.isfinite(values)
            found[name] = _between(x[held], values[held, None], y, method)[:, 0]
            continue
        codes = np.unique(values)
        share = _between(x, (values[:, None] == codes).astype(np.float64), y, method)
        found[name] = codes[share.argmax(1)]
    return _table(known, found)


def _between(x: np.ndarray, values: np.ndarray, y: np.ndarray, method: str) -> np.ndarray:
    """Values (point, k) at places x, interpolated at y; the nearest where that is not possible."""
    from scipy.interpolate import LinearNDInterpolator, RBFInterpolator
    from scipy.spatial import QhullError, cKDTree

    if not len(x):
        return np.full((len(y), values.shape[1]), np.nan)
    near = values[cKDTree(x).query(y)[1]]
    if len(x) < x.shape[1] + 2 or (values == values[0]).all():
        return near
    try:
        if method == "spline":
            return np.asarray(RBFInterpolator(x, values)(y))
        if x.shape[1] == 1:
            order = np.argsort(x[:, 0])
            line = [np.interp(y[:, 0], x[order, 0], column[order]) for column in values.T]
            return np.stack(line, axis=1)
        found = np.asarray(LinearNDInterpolator(x, values)(y))
    except (QhullError, np.linalg.LinAlgError):  # the points lie on a line or a plane
        return near
    return np.where(np.isfinite(found), found, near)


def _columns(known: xr.Dataset) -> list[str]:
    return [str(name) for name, v in known.data_vars.items() if v.dims == ("sample",)]


def _table(known: xr.Dataset, values: Mapping[str, np.ndarray]) -> xr.Dataset:
    return xr.Dataset({k: ("sample", v, known[k].attrs) for k, v in values.items()})


def coverage_by(
    parts: ArrayLike, truth: ArrayLike, prediction: ArrayLike, *, n_regimes: int = len(REGIMES)
) -> xr.Dataset:
    """Agreement and mean recall in every part of a split.

    Args:
        parts: name of the part of each sample, shape (sample,).
        truth: regime codes, shape (sample,); samples without a regime (-1) do not count.
        prediction: regime codes, shape (sample,); -1 is a disagreement.
        n_regimes: number of regimes.

    Returns:
        `samples`, `agreement` and `mean_recall` over `part`, in the order of first appearance.

    Raises:
        ValueError: different lengths, or see `coverage.confusion`.
    """
    names = np.asarray(parts)
    a, b = np.asarray(truth), np.asarray(prediction)
    _same_length({"parts": names, "truth": a, "prediction": b})
    order = list(dict.fromkeys(names.tolist()))
    rows = []
    for name in order:
        counts = coverage.confusion(a[names == name], b[names == name], n_regimes=n_regimes)
        rows.append((counts.sum(), coverage.agreement(counts), coverage.mean_recall(counts)))
    columns = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    labels = ("samples", "agreement", "mean_recall")
    return xr.Dataset(
        {n: ("part", c, {"units": "1"}) for n, c in zip(labels, columns, strict=True)},
        {"part": order},
    )


def error_by(parts: ArrayLike, errors: ArrayLike) -> xr.Dataset:
    """Median and largest error in every part of a split; NaN errors do not count.

    Args:
        parts: name of the part of each sample, shape (sample,).
        errors: shape (sample,).

    Returns:
        `samples` (that count), `median` and `max` over `part`, in the order of first appearance.

    Raises:
        ValueError: different lengths.
    """
    names, values = np.asarray(parts), np.asarray(errors, dtype=np.float64)
    _same_length({"parts": names, "errors": values})
    order = list(dict.fromkeys(names.tolist()))
    columns: dict[str, list[float]] = {"samples": [], "median": [], "max": []}
    for name in order:
        own = values[(names == name) & ~np.isnan(values)]
        columns["samples"].append(own.size)
        columns["median"].append(float(np.median(own)) if own.size else np.nan)
        columns["max"].append(float(own.max()) if own.size else np.nan)
    return xr.Dataset({k: ("part", v) for k, v in columns.items()}, {"part": order})


def against(distances: ArrayLike, values: ArrayLike, *, bins: int = 6) -> xr.Dataset:
    """A quantity against the distance to the nearest training point, in bins of equal counts.

    Args:
        distances: shape (sample,).
        values: errors, or 0 and 1 for right and wrong, shape (sample,); NaN does not count.
        bins: number of bins; fewer where there are fewer samples.

    Returns:
        Over `bin`, in ascending distance: `distance` (median), `samples`, and of the values `mean`,
        `median`, `low` and `high` (quartiles).

    Raises:
        ValueError: different lengths, or no positive number of bins.
    """
    d, v = (np.asarray(a, dtype=np.float64) for a in (distances, values))
    _same_length({"distances": d, "values": v})
    if bins < 1:
        msg = f"bins is {bins!r}; expected a positive number."
        raise ValueError(msg)
    counted = np.isfinite(d) & ~np.isnan(v)
    order = np.flatnonzero(counted)[np.argsort(d[counted], kind="stable")]
    groups = np.array_split(order, min(bins, order.size)) if order.size else []
    columns = {
        "distance": [np.median(d[g]) for g in groups],
        "samples": [float(g.size) for g in groups],
        "mean": [v[g].mean() for g in groups],
        **{
            name: [np.quantile(v[g], q) for g in groups]
            for name, q in (("median", 0.5), ("low", 0.25), ("high", 0.75))
        },
    }
    return xr.Dataset({k: ("bin", np.array(c, dtype=np.float64)) for k, c in columns.items()})


def boundary_errors(
    values: ArrayLike,
    truth: ArrayLike,
    prediction: ArrayLike,
    *,
    names: Sequence[str] = REGIMES,
) -> dict[str, float]:
    """How far the changes of regime of a prediction are from the truth's, along a fine line.

    Places are midpoints between values, so that half their spacing is the resolution. A change that
    the prediction does not have counts as wrong by the whole line, as in `evaluate`.

    Args:
        values: of the swept parameter, shape (sample,).
        truth: regime codes, shape (sample,).
        prediction: regime codes, shape (sample,).
        names: of the regimes, in the order of their codes.

    Returns:
        Change of the truth ("bursting -> tonic") -> error, in the parameter's unit.

    Raises:
        ValueError: different lengths.
    """
    x, a, b = np.asarray(values, dtype=np.float64), np.asarray(truth), np.asarray(prediction)
    _same_length({"values": x, "truth": a, "prediction": b})
    own = transitions(x, b, names=names)
    errors = {}
    for wanted in transitions(x, a, names=names):
        place = 0.5 * (wanted.low + wanted.high)
        found = _nearest_transition(wanted.name, place, own)
        apart = np.ptp(x) if found is None else abs(0.5 * (found.low + found.high) - place)
        errors[wanted.name] = float(apart)
    return errors


def level_errors(
    values: ArrayLike, truth: ArrayLike, prediction: ArrayLike, level: float, *, log: bool = False
) -> np.ndarray:
    """How far a prediction passes a level from where the truth does, along a line.

    Between values both are taken as straight. A passage that the prediction does not have counts as
    wrong by the whole line.

    Args:
        values: of the swept parameter, shape (sample,), ascending.
        truth: a measure that divides regimes, shape (sample,).
        prediction: the same measure, shape (sample,).
        level: the threshold.
        log: distances of logarithms (0.01 is 1 %) instead of values.

    Returns:
        One error per passage of the truth.

    Raises:
        ValueError: different lengths, or values that do not ascend.
    """
    x, a, b = (np.asarray(v, dtype=np.float64) for v in (values, truth, prediction))
    _same_length({"values": x, "truth": a, "prediction": b})
    x = np.log(x) if log else x
    if (np.diff(x) <= 0).any():
        msg = "the values of the line do not ascend; sort them first."
        raise ValueError(msg)
    places, found = _passages(x, a, level), _passages(x, b, level)
    whole = float(np.ptp(x)) if x.size else 0.0
    if not found.size:
        return np.full(places.size, whole)
    return np.abs(places[:, None] - found).min(axis=1, initial=whole)


def _passages(x: np.ndarray, y: np.ndarray, level: float) -> np.ndarray:
    known = np.isfinite(y)
    x, above = x[known], y[known] - level
    k = np.flatnonzero((above[:-1] < 0) != (above[1:] < 0))
    return x[k] + (x[k + 1] - x[k]) * above[k] / (above[k] - above[k + 1])


def _same_length(arrays: Mapping[str, np.ndarray]) -> None:
    shapes = {name: a.shape for name, a in arrays.items()}
    if len(set(shapes.values())) > 1 or any(len(s) != 1 for s in shapes.values()):
        msg = f"shapes are {shapes}; expected one number per sample in each."
        raise ValueError(msg)
