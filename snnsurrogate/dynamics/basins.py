"""Basins of attraction by multi-start: attractors reached, shares of a box, coexistence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import units
from snnsurrogate.features import QUIESCENT
from snnsurrogate.kernels import Kernel

from ._source import as_kernel, extrapolated, parameter_points, sample_coordinates
from .attractors import LABELS, MISSING, Ends, follow, group, run_to_ends, watcher
from .fixed_points import fixed_points
from .orbit import spike_rule

__all__ = ["REGIME_LABELS", "basin_slice", "basins", "coexistence", "exact_interval"]

REGIME_LABELS = (*LABELS, "bistable")
BISTABLE = len(LABELS)


def basins(
    source: Any,
    parameters: Mapping[str, Any] | None = None,
    *,
    box: Mapping[str, tuple[float, float]] | None = None,
    n: int = 200,
    starts: Mapping[str, Any] | None = None,
    duration: Any,
    transient: Any,
    tolerance: float = 0.05,
    reach: float = 0.25,
    confidence: float = 0.95,
    dt: Any = None,
    seed: int = 0,
) -> xr.Dataset:
    """Attractors reached from random starts in a box, and the share of the box that each one gets.

    Ends are one attractor if the lowest and highest values of all states over the record agree
    within ``tolerance``; rest and motion are never one. So two cycles of equal extent are not told
    apart: lower the tolerance, and take a record of several periods. Attractors keep their number
    across parameter points (in lexicographic order) while their features move by less than
    ``reach`` from one point to the next.

    Args:
        source: a system or its name, a surrogate, or a Kernel.
        parameters: name -> value or array over sample; missing = default.
        box: state -> (low, high) of the starts; missing = the state box of the source.
        n: number of starts, drawn uniformly and independently; the same ones at every sample.
        starts: the starts instead, state -> (start,) array; then fractions are shares of these.
        duration: length of the record that decides, a time with unit: several periods.
        transient: time before it: several times the slowest approach.
        tolerance: in widths of the state box of the source.
        reach: in the same widths.
        confidence: of the interval around every share (Clopper and Pearson 1934: exact, so at least
            this confidence).
        dt: integration step of a flow; default its own.
        seed: of the starts.

    Returns:
        Dataset over sample, start, attractor, state:
        ``attractor`` (sample, start) number of the attractor, -1 where the orbit diverged;
        ``settled`` (sample, start) whether both halves of the record agree (a start that has not
        settled is counted with the attractor it is nearest to, or as one of its own);
        ``count``, ``fraction``, ``fraction_low``, ``fraction_high`` (sample, attractor);
        ``shrinks`` (sample, attractor) whether every orbit counted there moves less in the second
        half of the record than in the first, in all states (a slow approach to rest);
        ``label`` (sample, attractor) CF flag: missing (not reached), quiescent, tonic, bursting, or
        oscillating where no spike rule is known; ``rest`` (sample, attractor) a fixed point;
        ``low``, ``high`` (sample, attractor, state) of the attractor; ``rests`` (sample, start) and
        ``rest_fraction``, ``rest_fraction_low``, ``rest_fraction_high`` (sample) of all rest states
        together; ``attractors`` (sample) how many were reached; ``unseen_below`` (sample) upper
        confidence limit for the share of an attractor that no start reached; ``initial_<state>``
        (start); ``extrapolated`` (sample).

    Raises:
        ValueError: unknown states or parameters, no starts, a time without unit.
    """
    kernel = as_kernel(source)
    if not (0 < tolerance < np.inf and 0 < reach < np.inf):
        msg = f"tolerance={tolerance}, reach={reach}; expected finite numbers above zero."
        raise ValueError(msg)
    points = parameter_points(kernel, parameters)
    x0 = _starts(kernel, box, n, starts, seed)
    record = watcher(source, kernel, duration=duration, transient=transient, dt=dt)
    spiking = spike_rule(source) is not None
    found = [run_to_ends(record, spiking, x0, p, tolerance=tolerance) for p in points]
    attrs = {
        "duration": str(duration), "transient": str(transient), "tolerance": tolerance,
        "confidence": confidence, "dt": units.format_quantity(record.step, kernel.time_unit),
    }  # fmt: skip
    return _dataset(kernel, points, x0, found, tolerance, reach, confidence, attrs)


def basin_slice(
    source: Any,
    parameters: Mapping[str, Any] | None = None,
    *,
    axes: Mapping[str, Any],
    at: Mapping[str, float] | None = None,
    duration: Any,
    transient: Any,
    tolerance: float = 0.05,
    dt: Any = None,
) -> xr.Dataset:
    """Which attractor is reached from every start of a plane of states, for a picture.

    Args:
        source: a system or its name, a surrogate, or a Kernel.
        parameters: one parameter point; missing = default.
        axes: two states -> their values, 1-D.
        at: the other states -> value.
        duration: as in :func:`basins`.
        transient: as in :func:`basins`.
        tolerance: as in :func:`basins`.
        dt: as in :func:`basins`.

    Returns:
        Dataset over the two states and attractor: ``attractor`` on the plane (-1: diverged),
        ``resting`` whether a start ends at rest; ``label``, ``rest``, ``low``, ``high`` as in
        :func:`basins`.

    Raises:
        ValueError: not two axes, a state that is missing or given twice, several parameter points.
    """
    kernel = as_kernel(source)
    given = dict(at or {})
    if len(axes) != 2 or {*axes, *given} != set(kernel.states) or {*axes} & {*given}:
        msg = (
            f"axes name {list(axes)} and at names {list(given)}; expected two axes and a value for "
            f"every other state of {', '.join(kernel.states)}."
        )
        raise ValueError(msg)
    if len(parameter_points(kernel, parameters)) != 1:
        msg = "a slice is made at one parameter point; call it once for each."
        raise ValueError(msg)
    ticks = {name: np.asarray(values, dtype=float) for name, values in axes.items()}
    mesh = np.meshgrid(*ticks.values(), indexing="ij")
    starts = {name: values.ravel() for name, values in zip(ticks, mesh, strict=True)}
    starts |= {name: np.full(mesh[0].size, float(value)) for name, value in given.items()}
    table = basins(
        source, parameters, starts=starts, duration=duration, transient=transient,
        tolerance=tolerance, dt=dt,
    ).isel(sample=0)  # fmt: skip
    names = tuple(ticks)
    units_of = dict(zip(kernel.states, kernel.state_units, strict=True))
    plane = table["attractor"].values.reshape(mesh[0].shape)
    kept = table[["label", "rest", "low", "high"]]
    return kept.assign_coords(
        {name: (name, ticks[name], {"units": units_of[name]}) for name in names}
    ).assign(
        attractor=(names, plane, table["attractor"].attrs),
        resting=(names, table["rests"].values.reshape(plane.shape)),
    )


def coexistence(
    source: Any,
    parameters: Mapping[str, Any] | None = None,
    *,
    box: Mapping[str, tuple[float, float]] | None = None,
    n: int = 64,
    duration: Any,
    transient: Any,
    tolerance: float = 0.05,
    confidence: float = 0.95,
    dt: Any = None,
    seed: int = 0,
) -> xr.Dataset:
    """Regime at every parameter point by multi-start, with the label "bistable".

    The regime rule reads one trajectory and cannot see that another start ends elsewhere. Here the
    label is that of the only attractor found, by the same rule, or "bistable" where there are two
    or more. Attractors are those reached from random starts and, since a rest state may have a
    basin too small for random starts, every stable fixed point that Newton's method finds. Ends
    within ``tolerance`` of a stable fixed point are that one if they rest or, all of them, move
    less and less (they are on their way there, however slowly); a cycle around it is its own.

    Args:
        source: a system or its name, a surrogate, or a Kernel.
        parameters: name -> value or array over sample; missing = default.
        box: as in :func:`basins`; fixed points are searched in the state box of the source.
        n: number of random starts per sample.
        duration: as in :func:`basins`.
        transient: as in :func:`basins`.
        tolerance: as in :func:`basins`.
        confidence: as in :func:`basins`.
        dt: as in :func:`basins`.
        seed: of the starts.

    Returns:
        The dataset of :func:`basins` with ``regime`` (sample) CF flag (missing, quiescent, tonic,
        bursting, oscillating, bistable), ``stable_fixed_points`` (sample) their number, and
        ``coexisting`` (sample) number of attractors, those fixed points included that no start
        reached.

    Raises:
        ValueError: as :func:`basins`.
    """
    kernel = as_kernel(source)
    table = basins(
        source, parameters, box=box, n=n, duration=duration, transient=transient,
        tolerance=tolerance, confidence=confidence, dt=dt, seed=seed,
    )  # fmt: skip
    names = {name: table[name].values for name in kernel.parameters}
    resting = fixed_points(kernel, names)
    stable = resting["found"].values & resting["inside"].values & (resting["unstable"].values == 0)
    states = np.stack([resting[name].values for name in kernel.states], axis=-1)
    width = kernel.high - kernel.low
    samples = table.sizes["sample"]
    reached = table["count"].values > 0
    regime = np.full(samples, MISSING, dtype=np.int8)
    number = np.zeros(samples, dtype=np.int64)
    for i in range(samples):
        ends = np.stack([table[end].values[i] for end in ("low", "high")])
        gaps = np.abs(ends[:, :, None] - states[i][stable[i]]) / width
        near = (gaps.max(axis=(0, 3)) <= tolerance).any(axis=1)
        known = near & (table["rest"].values[i] | table["shrinks"].values[i])
        others = np.flatnonzero(reached[i] & ~known)
        number[i] = len(others) + stable[i].sum()
        if number[i] > 1:
            regime[i] = BISTABLE
        elif number[i] == 1:
            regime[i] = table["label"].values[i, others[0]] if len(others) else QUIESCENT
    flags = {
        "long_name": "regime",
        "flag_values": np.arange(MISSING, len(REGIME_LABELS), dtype=np.int8),
        "flag_meanings": " ".join(("missing", *REGIME_LABELS)),
        "comment": f"bistable: two or more attractors among {n} starts and the fixed points",
    }
    return table.assign(
        regime=("sample", regime, flags),
        stable_fixed_points=("sample", stable.sum(1), {"units": "1"}),
        coexisting=("sample", number, {"units": "1"}),
    )


def exact_interval(count: Any, n: int, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Confidence interval of a share: count of n (Clopper and Pearson, Biometrika 26:404, 1934).

    Raises:
        ValueError: confidence outside (0, 1), or counts outside [0, n].
    """
    from scipy.special import betaincinv

    k = np.asarray(count, dtype=float)
    if not 0 < confidence < 1 or n < 1 or (k < 0).any() or (k > n).any():
        msg = f"count={count}, n={n}, confidence={confidence}; expected 0 <= count <= n, 0 < c < 1."
        raise ValueError(msg)
    tail = 0.5 * (1 - confidence)
    low = np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail), 1.0)
    return low, high


def _starts(
    kernel: Kernel,
    box: Mapping[str, tuple[float, float]] | None,
    n: int,
    starts: Mapping[str, Any] | None,
    seed: int,
) -> np.ndarray:
    unknown = [name for name in {**(box or {}), **(starts or {})} if name not in kernel.states]
    if unknown:
        msg = f"no state {unknown[0]!r}; expected one of {', '.join(kernel.states)}."
        raise ValueError(msg)
    if starts is not None:
        missing = [name for name in kernel.states if name not in starts]
        if missing or box is not None:
            msg = (
                f"starts lack {', '.join(missing)}." if missing else "give starts or box, not both."
            )
            raise ValueError(msg)
        columns = [
            units.magnitudes(starts[name], unit, what=name)
            for name, unit in zip(kernel.states, kernel.state_units, strict=True)
        ]
        x0 = np.stack(np.broadcast_arrays(*np.atleast_1d(*columns)), axis=-1)
        return np.ascontiguousarray(x0, dtype=float)
    if n < 1 or int(n) != n:
        msg = f"n={n}; expected a whole number, at least one start."
        raise ValueError(msg)
    low, high = kernel.low.copy(), kernel.high.copy()
    for name, ends in (box or {}).items():
        i = kernel.states.index(name)
        low[i], high[i] = (
            float(units.magnitudes(end, kernel.state_units[i], what=name)) for end in ends
        )
        if not (low[i] <= high[i] and np.isfinite([low[i], high[i]]).all()):
            msg = f"the box of {name} is {ends}; expected low <= high, both finite."
            raise ValueError(msg)
    unit = np.random.default_rng(seed).random((int(n), kernel.dimension))
    return np.ascontiguousarray(low + unit * (high - low))


def _dataset(
    kernel: Kernel,
    points: np.ndarray,
    x0: np.ndarray,
    found: list[Ends],
    tolerance: float,
    reach: float,
    confidence: float,
    attrs: dict[str, Any],
) -> xr.Dataset:
    samples, n, d = len(points), len(x0), kernel.dimension
    groups = [group(ends, tolerance) for ends in found]
    known: dict[int, tuple[np.ndarray, bool]] = {}
    names: list[list[int]] = [[]] * samples
    order = np.lexsort(points.T[::-1]) if points.size else np.arange(samples)
    for i in order:
        _, features, _, rest = groups[i]
        names[i] = follow(known, features, rest, reach)
    total = max(1, len(known))
    index = np.full((samples, n), -1, dtype=np.int64)
    label = np.full((samples, total), MISSING, dtype=np.int8)
    still, shrinks = np.zeros((2, samples, total), dtype=bool)
    count = np.zeros((samples, total), dtype=np.int64)
    ends_of = np.full((samples, total, 2 * d), np.nan)
    for i, (own, features, kinds, rest) in enumerate(groups):
        for j, name in enumerate(names[i]):
            index[i, own == j] = name
            label[i, name], still[i, name] = kinds[j], rest[j]
            shrinks[i, name] = found[i].shrinks[own == j].all()
            count[i, name] = int((own == j).sum())
            ends_of[i, name] = features[j]
    low, high = exact_interval(count, n, confidence)
    rests = np.stack([ends.rest for ends in found])
    rest_low, rest_high = exact_interval(rests.sum(1), n, confidence)
    width = np.tile(kernel.high - kernel.low, 2)
    ends_of = np.tile(kernel.low, 2) + width * ends_of
    pair, triple = ("sample", "attractor"), ("sample", "attractor", "state")
    flags = {
        "flag_values": np.arange(MISSING, len(LABELS), dtype=np.int8),
        "flag_meanings": " ".join(("missing", *LABELS)),
    }
    share = {"units": "1", "confidence": confidence}
    variables: dict[str, Any] = {
        "attractor": (("sample", "start"), index, {"long_name": "attractor reached, -1 diverged"}),
        "settled": (("sample", "start"), np.stack([ends.settled for ends in found])),
        "count": (pair, count, {"units": "1"}),
        "fraction": (pair, count / n, {"units": "1"}),
        "fraction_low": (pair, low, share),
        "fraction_high": (pair, high, share),
        "label": (pair, label, flags),
        "rest": (pair, still),
        "shrinks": (pair, shrinks),
        "low": (triple, ends_of[:, :, :d]),
        "high": (triple, ends_of[:, :, d:]),
        "rests": (("sample", "start"), rests),
        "rest_fraction": ("sample", rests.mean(1), {"units": "1"}),
        "rest_fraction_low": ("sample", rest_low, share),
        "rest_fraction_high": ("sample", rest_high, share),
        "attractors": ("sample", (count > 0).sum(1), {"units": "1"}),
        "unseen_below": ("sample", np.full(samples, 1 - (1 - confidence) ** (1 / n)), share),
        "extrapolated": ("sample", extrapolated(kernel, points)),
    }
    variables |= {
        f"initial_{name}": ("start", x0[:, i], {"units": kernel.state_units[i]})
        for i, name in enumerate(kernel.states)
    }
    coordinates = sample_coordinates(kernel, points)
    return xr.Dataset(variables, {**coordinates, "state": list(kernel.states)}, attrs)
