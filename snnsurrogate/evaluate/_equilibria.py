"""Scores of fixed points: found or not, position, eigenvalues, and points that should not exist."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import dynamics, schema

from . import _again, _inputs
from . import _fixed_points as points
from ._scores import put

OTHER_SEED = 1


def fixed_point_scores(
    scores: xr.Dataset, truth: xr.Dataset, surrogate: Any, scale: Mapping[str, float]
) -> None:
    """Write the fixed points of both and their errors.

    Both are searched in the box that the system declares, at every sample. Where the truth has
    several points, the one first in the table of `dynamics.fixed_points` is compared, and the
    surrogate's point nearest to it, if within one typical standard deviation. A point that the
    surrogate lacks counts as wrong by the width of the box, its eigenvalues by 100 %. The floor is
    the truth searched again from other starts.

    Nothing is written when the equations are not at hand, or the surrogate has no kernel.
    """
    if not callable(getattr(surrogate, "kernel", None)):
        return
    try:
        system = _again.Recipe.of(truth).system
    except _again.NotRepeatableError as reason:
        warnings.warn(f"no scores of fixed points: {reason}", stacklevel=3)
        return
    names = schema.states_of(truth)
    kernel = surrogate.kernel()
    box = {s.name: (s.low, s.high) for s in system.states}
    everything = _inputs.parameter_values(truth)
    known = {k: v for k, v in everything.items() if k in kernel.parameters}
    tables = {
        "truth": dynamics.fixed_points(system, everything, box=box),
        "surrogate": dynamics.fixed_points(kernel, known, box=box),
    }
    sources = [str(name) for name in scores["source"].values]
    if "twin" in sources:
        tables["twin"] = dynamics.fixed_points(system, everything, box=box, seed=OTHER_SEED)
    n = truth.sizes["sample"]
    tables = {name: _spread(table, n) for name, table in tables.items()}
    chosen = _compare(tables, names, points.vector(scale, names))
    _write(scores, chosen, tables, truth, names, sources)
    low, high = box[names[0]]
    _write_errors(scores, chosen, tables, truth[names[0]].attrs["units"], high - low)


def _spread(table: xr.Dataset, n: int) -> xr.Dataset:
    """A surrogate without parameters has one table for all samples."""
    if table.sizes["sample"] == n:
        return table
    return table.isel(sample=np.zeros(n, dtype=np.int64))


def _compare(
    tables: Mapping[str, xr.Dataset], names: list[str], scale: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Source -> (state (sample, state), eigenvalues (sample, mode)) of the point compared."""
    state = {k: np.stack([t[s].values for s in names], axis=-1) for k, t in tables.items()}
    rates = {
        k: t["eigenvalue_real"].values + 1j * t["eigenvalue_imag"].values for k, t in tables.items()
    }
    reference, modes = state["truth"][:, 0], rates["truth"][:, 0]
    found = {"truth": (reference, modes)}
    for source in tables:
        if source == "truth":
            continue
        x, values = np.full_like(reference, np.nan), np.full_like(modes, np.nan)
        for i in range(len(reference)):
            k = points.choose(state[source][i], reference[i], scale)
            if k >= 0:
                x[i] = state[source][i, k]
                values[i] = points.match(modes[i], rates[source][i, k])
        found[source] = (x, values)
    return found


def _write(
    scores: xr.Dataset,
    chosen: Mapping[str, tuple[np.ndarray, np.ndarray]],
    tables: Mapping[str, xr.Dataset],
    truth: xr.Dataset,
    names: list[str],
    sources: list[str],
) -> None:
    rate = tables["truth"]["eigenvalue_real"].attrs["units"]
    x = np.stack([chosen[s][0] for s in sources])
    values = np.stack([chosen[s][1] for s in sources])
    mode = ("source", "sample", "mode")
    units = ", ".join(f"{name} in {truth[name].attrs['units']}" for name in names)
    scores["fp_state"] = xr.Variable(
        ("source", "sample", "state"), x, {"long_name": "fixed point", "comment": units}
    )
    scores["fp_eigenvalue_real"] = xr.Variable(
        mode,
        values.real,
        {"units": rate, "long_name": "eigenvalue, real part"},
    )
    scores["fp_eigenvalue_imag"] = xr.Variable(
        mode, values.imag, {"units": rate, "long_name": "eigenvalue, imaginary part"}
    )
    scores["fp_found"] = xr.Variable(
        ("source", "sample"), np.isfinite(x).all(axis=-1), {"long_name": "fixed point found"}
    )
    scores["fp_count"] = xr.Variable(
        ("source", "sample"),
        np.stack([tables[s]["inside"].values.sum(axis=1) for s in sources]),
        {"units": "1", "long_name": "fixed points in the searched box"},
    )


def _write_errors(
    scores: xr.Dataset,
    chosen: Mapping[str, tuple[np.ndarray, np.ndarray]],
    tables: Mapping[str, xr.Dataset],
    unit: str,
    width: float,
) -> None:
    reference, modes = chosen["truth"]
    there = np.isfinite(reference).all(axis=1)
    if not there.any():
        return
    rows: dict[str, dict[str, float]] = {}
    for source, (x, values) in chosen.items():
        if source == "truth":
            continue
        apart = np.abs(x - reference)[there, 0]
        apart = np.where(np.isnan(apart), width, apart)
        errors = points.eigenvalue_errors(modes[there], values[there])
        rows[source] = {
            "fixed_point_found": float(np.isfinite(x[there]).all(axis=1).mean()),
            "fixed_point_error_median": points.summarise(apart, "median"),
            "fixed_point_error_max": points.summarise(apart, "max"),
            "eigenvalue_error_unstable_median": points.summarise(errors["unstable"], "median"),
            "eigenvalue_error_unstable_max": points.summarise(errors["unstable"], "max"),
            "eigenvalue_error_stable_median": points.summarise(errors["stable"], "median"),
            "eigenvalue_error_slowest_median": points.summarise(errors["slowest"], "median"),
            "stability_agreement": _same_stability(modes[there], values[there]),
            "fixed_points_invented": float(_more(tables["truth"], tables[source]).sum()),
        }
    state = str(scores["state"].values[0])
    about = {
        "fixed_point_found": ("1", 1.0, "higher", "fixed point found, fraction of samples"),
        "fixed_point_error_median": (unit, 0.0, "lower", f"fixed point, error of {state}, median"),
        "fixed_point_error_max": (unit, 0.0, "lower", f"fixed point, error of {state}, largest"),
        "eigenvalue_error_unstable_median": (
            "%", 0.0, "lower", "unstable eigenvalues, relative error, median of the worse mode"
        ),
        "eigenvalue_error_unstable_max": (
            "%", 0.0, "lower", "unstable eigenvalues, relative error, largest"
        ),
        "eigenvalue_error_stable_median": (
            "%", 0.0, "lower", "fastest stable eigenvalue, relative error, median"
        ),
        "eigenvalue_error_slowest_median": (
            "%", 0.0, "lower", "eigenvalue nearest to the imaginary axis, relative error, median"
        ),
        "stability_agreement": (
            "1", 1.0, "higher", "fixed points with as many unstable directions as the truth's"
        ),
        "fixed_points_invented": (
            "1", 0.0, "lower", "samples with more fixed points than the truth"
        ),
    }  # fmt: skip
    for name, (units, ideal, better, text) in about.items():
        put(
            scores,
            name,
            rows["surrogate"][name],
            rows["twin"][name] if "twin" in rows else np.nan,
            unit=units,
            ideal=ideal,
            better=better,
            long_name=text,
        )


def _same_stability(truth: np.ndarray, other: np.ndarray) -> float:
    """Fraction of samples with the truth's number of unstable modes; a missing point has none."""
    with np.errstate(invalid="ignore"):
        same = (truth.real > 0).sum(axis=1) == (other.real > 0).sum(axis=1)
    return float((same & np.isfinite(other).all(axis=1)).mean())


def _more(truth: xr.Dataset, other: xr.Dataset) -> np.ndarray:
    return other["inside"].values.sum(axis=1) > truth["inside"].values.sum(axis=1)
