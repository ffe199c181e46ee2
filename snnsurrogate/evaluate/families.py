"""Regimes of a family of maps under one input, and the affine relation to a known parameter."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from snnsurrogate import dynamics, schema, units
from snnsurrogate.features import BURSTING, QUIESCENT, TONIC, bursts, classify
from snnsurrogate.surrogate._warnings import ExtrapolationWarning
from snnsurrogate.surrogate.surrogate import Surrogate
from snnsurrogate.surrogate.unfolding import parameter_of, trained_value
from snnsurrogate.surrogate.unfolding import unfolding as unfolding

__all__ = ["MISSING", "NAMES", "affine_relation", "control_sweep", "order", "regime_table"]
__all__ += ["unfolding"]

NAMES = ("rest", "tonic", "bursting", "other")
MISSING, OTHER = -1, 3
STILL = 0.01  # of the range: what moves less in the last third of a record is at rest
AROUND = 0.5  # of the range: silence farther away than this is no rest of this cell
INTERVALS = 256  # interspike intervals kept per value


def regime_table(
    dataset: xr.Dataset,
    parameter: str,
    *,
    transient: Any = "0 s",
    span: tuple[float, float] | None = None,
) -> xr.Dataset:
    """What every sample of a dataset does after a transient, along one parameter.

    Args:
        dataset: of the schema, with spikes of one observed variable.
        parameter: the one that varies.
        transient: begin of the record that is left out, a time with unit.
        span: lowest and highest value of the observed variable that the cell is known to have;
            default those of the dataset.

    Returns:
        Dataset over ``value`` (ascending) and ``event``: ``regime`` CF flag (missing where the run
        diverged; tonic, bursting by the package's rule; rest: silent below the spike threshold,
        still, and not farther than half the span away from it; other: silent in another way);
        ``period`` of the bursts, of a tonic cell the mean interval; ``spikes_per_burst`` (bursting
        only); ``interval`` (value, event) interspike intervals; ``lowest``, ``highest`` of the
        observed variable.
    """
    clock = dataset.attrs["time_unit"]
    begin = units.magnitude(transient, clock, what="transient")
    time = dataset["time"].values
    stop = float(time[-1])
    if not 0 <= begin < stop:
        msg = f"transient={transient!r}; expected less than the record of {stop:g} {clock}."
        raise ValueError(msg)
    rule = json.loads(dataset.attrs["spike_rule"])
    watched = dataset[rule["state"]].values[:, time >= begin]
    trains, good = schema.unpack_spikes(dataset), schema.ok(dataset)
    n = len(trains)
    codes = np.full(n, MISSING, dtype=np.int8)
    low, high = span or (watched[good].min(initial=np.inf), watched[good].max(initial=-np.inf))
    last = watched[:, -(watched.shape[1] // 3) :]
    with np.errstate(invalid="ignore"):  # of runs that diverged
        still = np.ptp(last, axis=1) < STILL * (high - low)
        still &= last.max(axis=1) < rule["threshold"]
        still &= last.min(axis=1) > low - AROUND * (high - low)
    period, count = np.full(n, np.nan), np.full(n, np.nan)
    kept = np.full((n, INTERVALS), np.nan)
    for i in np.flatnonzero(good):
        train = trains[i][trains[i] >= begin]
        codes[i] = classify(train, start=begin, stop=stop)
        if codes[i] == QUIESCENT:
            codes[i] = 0 if still[i] else OTHER
            continue
        gaps = np.diff(train)
        kept[i, : min(INTERVALS, gaps.size)] = gaps[:INTERVALS]
        period[i] = gaps.mean()
        if codes[i] == BURSTING:
            found = bursts.segment(train, start=begin, stop=stop)
            period[i], count[i] = found.period, found.spikes_per_burst
    ends = [np.where(good, f(watched, axis=1), np.nan) for f in (np.min, np.max)]
    about = {
        "flag_values": np.arange(MISSING, len(NAMES), dtype=np.int8),
        "flag_meanings": " ".join(("missing", *NAMES)),
    }
    unit = {"units": str(dataset[rule["state"]].attrs["units"])}
    values = dataset[parameter].values
    table = xr.Dataset(
        {
            "regime": ("value", codes, about),
            "period": ("value", period, {"units": clock}),
            "spikes_per_burst": ("value", count, {"units": "1"}),
            "interval": (("value", "event"), kept, {"units": clock}),
            "lowest": ("value", ends[0], unit),
            "highest": ("value", ends[1], unit),
        },
        {"value": ("value", values, {"units": str(dataset[parameter].attrs["units"])})},
        {"parameter": parameter},
    )
    return table.isel(value=np.argsort(values, kind="stable"))


def control_sweep(
    surrogate: Surrogate,
    parameter: str | None = None,
    values: ArrayLike | None = None,
    *,
    at: float | None = None,
    start: Any = None,
    duration: Any = "60 s",
    transient: Any = "60 s",
    reach: float = 10.0,
    points: int = 61,
    equilibria: bool = True,
) -> xr.Dataset:
    """Regimes of a map along one of its inputs, far beyond the values it was trained at.

    Without ``values`` a first sweep in logarithmic steps on both sides of the trained value finds
    where its regime ends; a second one in even steps covers that stretch and a quarter more on
    each side. All runs start from one state.

    Args:
        surrogate: a deterministic map with spikes, or a family of :func:`unfolding`.
        parameter: the input that varies; default the only one. Others keep the middle of their box.
        values: of the input, in its unit.
        at: the trained value; default the middle of the training data.
        start: initial states as :meth:`Surrogate.rollout` takes them; None where the surrogate
            has a start of its own.
        duration: of the record.
        transient: before it.
        reach: of the first sweep, in half widths of the trained box (1 for a constant input).
        points: of the second sweep; the first has a third of them, at least 9, on each side.
        equilibria: look for fixed points too.

    Returns:
        :func:`regime_table` with ``attrs`` parameter and at; ``fine`` (value) whether a value
        belongs to the even steps; and, with ``equilibria``, over ``point``: ``rest`` observed value
        of the fixed points in the state box, ``leading`` largest real part of their eigenvalues,
        ``stable`` (value) number of stable ones below the spike threshold.

    Raises:
        ValueError: unknown parameter, a surrogate without spikes, or one that diverges at ``at``.
    """
    j = parameter_of(surrogate, parameter)
    name = surrogate.parameters[j]
    centre = trained_value(surrogate, name) if at is None else float(at)
    if not surrogate.card["truth"].get("spike_rule"):
        msg = f"{surrogate!r} has no spike rule; regimes are read off spikes."
        raise ValueError(msg)

    def swept(grid: np.ndarray, span: tuple[float, float] | None = None) -> xr.Dataset:
        clock = surrogate.card["time_unit"]
        total = sum(units.magnitude(t, clock, what="time") for t in (duration, transient))
        fixed = {n: 0.5 * (a + b) for n, (a, b) in surrogate.box.items()}
        starts = start
        if isinstance(start, dict):
            starts = {k: np.broadcast_to(v, len(grid)) for k, v in start.items()}
        with warnings.catch_warnings():  # to leave the trained box is what is asked for
            warnings.simplefilter("ignore", ExtrapolationWarning)
            ds = surrogate.rollout(
                starts, fixed | {name: grid}, units.format_quantity(total, clock)
            )
        return regime_table(ds, name, transient=transient, span=span)

    own = swept(np.array([centre]))
    span = float(own["lowest"][0]), float(own["highest"][0])
    if not np.isfinite(span).all():
        msg = f"the run at the trained value {centre:g} diverges; there is nothing to vary"
        raise ValueError(msg)
    if values is not None:
        table = swept(np.unique(np.asarray(values, dtype=float)), span)
        table["fine"] = ("value", np.ones(table.sizes["value"], dtype=bool))
    else:
        side = surrogate.scaling.half[j] * reach * np.logspace(-4, 0, max(9, points // 3))
        first = swept(np.concatenate([centre - side[::-1], [centre], centre + side]), span)
        low, high = _stretch(first, centre)
        margin = 0.25 * (high - low)
        second = swept(np.linspace(low - margin, high + margin, points), span)
        beyond = (first["value"] < low - margin) | (first["value"] > high + margin)
        beyond |= first["value"] == centre
        parts = [
            t.assign(fine=("value", np.full(t.sizes["value"], even)))
            for t, even in ((first.isel(value=beyond.values), False), (second, True))
        ]
        joined = xr.concat(parts, "value", data_vars="all", combine_attrs="override")
        table = joined.sortby("value")
    table.attrs["at"] = centre
    return _with_equilibria(surrogate, table, name) if equilibria else table


def _runs(codes: np.ndarray) -> list[tuple[int, int, int]]:
    """Runs of equal codes: (code, first, last)."""
    edges = np.flatnonzero(np.diff(codes)) + 1
    first = np.concatenate([[0], edges])
    last = np.concatenate([edges, [len(codes)]]) - 1
    return [(int(codes[a]), int(a), int(b)) for a, b in zip(first, last, strict=True)]


def _around(codes: np.ndarray, x: np.ndarray, at: float) -> tuple[list[tuple[int, int, int]], int]:
    """Runs of equal codes, and which of them holds the trained value."""
    runs, i = _runs(codes), int(np.argmin(abs(x - at)))
    return runs, next(n for n, r in enumerate(runs) if r[1] <= i <= r[2])


def _without_slivers(codes: np.ndarray, most: int = 2) -> np.ndarray:
    """Codes in which short stretches of another silence between bursting and rest are rest."""
    codes, runs = codes.copy(), _runs(codes)
    for before, run, after in zip(runs[:-2], runs[1:-1], runs[2:], strict=True):
        if run[0] == OTHER and run[2] - run[1] < most and {before[0], after[0]} == {0, BURSTING}:
            codes[run[1] : run[2] + 1] = 0
    return codes


def _stretch(table: xr.Dataset, centre: float) -> tuple[float, float]:
    """The values between which the regime of the trained value lasts."""
    x, codes = table["value"].values, table["regime"].values
    i = int(np.argmin(abs(x - centre)))
    _, a, b = next(r for r in _runs(codes) if r[1] <= i <= r[2])
    return float(x[max(a - 1, 0)]), float(x[min(b + 1, len(x) - 1)])


def _with_equilibria(surrogate: Surrogate, table: xr.Dataset, name: str) -> xr.Dataset:
    fixed = {n: 0.5 * (a + b) for n, (a, b) in surrogate.box.items()}
    found = dynamics.fixed_points(surrogate, fixed | {name: table["value"].values}, starts=16)
    states = np.stack([found[s].values for s in surrogate.states], axis=-1)
    rule = surrogate.card["truth"]["spike_rule"]
    inside = found["inside"].values
    observed = np.where(inside, surrogate.observe(np.nan_to_num(states))[rule["state"]], np.nan)
    leading = np.where(inside, found["eigenvalue_real"].values.max(-1), np.nan)
    stable = (leading < 0) & (observed < rule["threshold"])
    pair = ("value", "point")
    return table.assign(
        rest=(pair, observed, {"units": table["lowest"].attrs["units"]}),
        leading=(pair, leading, {"units": f"1/{found.attrs['time_unit']}"}),
        stable=("value", stable.sum(1), {"units": "1"}),
    )


def order(table: xr.Dataset) -> dict[str, Any]:
    """Whether rest, bursting and spiking are there, and in the order of the neuron.

    Args:
        table: of :func:`control_sweep`.

    Returns:
        ``present`` (rest, tonic and bursting all occur), ``in_order`` (the trained value bursts,
        and its stretch of bursting ends in rest on one side and in tonic spiking on the other),
        ``nearly_in_order`` (the same, where up to two values of another silence between bursting
        and rest are passed over: runs that come to rest too slowly for the record),
        ``orientation`` (1: tonic at larger values, -1: at smaller ones, 0: not in order),
        ``lower``, ``upper`` ends of that stretch (NaN: it reaches the end of the sweep), ``below``,
        ``above`` what follows there, ``missing`` share of values whose run diverged.
    """
    x, codes = table["value"].values, table["regime"].values
    strict, k = _around(codes, x, table.attrs["at"])
    runs, here = _around(_without_slivers(codes), x, table.attrs["at"])
    ends = [{runs[i][0] for i in (j - 1, j + 1) if 0 <= i < len(runs)}
            for runs, j in ((strict, k), (runs, here))]  # fmt: skip
    code, a, b = strict[k]
    below = strict[k - 1][0] if k else None
    above = strict[k + 1][0] if k + 1 < len(strict) else None
    in_order, nearly = (code == BURSTING and found == {0, TONIC} for found in ends)
    sides = [runs[i][0] for i in (here - 1, here + 1)] if nearly else []

    def named(c: int | None) -> str:
        return "end of the sweep" if c is None else "missing" if c == MISSING else NAMES[c]

    return {
        "present": set(codes.tolist()) >= {0, TONIC, BURSTING},
        "in_order": in_order,
        "nearly_in_order": nearly,
        "orientation": (1 if sides[1] == TONIC else -1) if nearly else 0,
        "lower": float(0.5 * (x[a - 1] + x[a])) if k else float("nan"),
        "upper": float(0.5 * (x[b] + x[b + 1])) if above is not None else float("nan"),
        "below": named(below),
        "trained": named(code),
        "above": named(above),
        "missing": float((codes == MISSING).mean()),
    }


def affine_relation(table: xr.Dataset, truth: xr.Dataset) -> dict[str, float]:
    """The best affine relation of a swept input to the parameter of the truth, and how good it is.

    The distance of two runs is 1 where their regimes differ or one has none; of two bursting ones
    |ln ratio of periods| + |ln ratio of spikes per burst|, of two tonic ones |ln ratio of
    intervals|, at most 1; of two at rest 0. The relation with the least mean distance over the
    evenly spaced values is searched on a grid of the value that the trained one maps to and of
    the slope, twice refined.

    Args:
        table: of :func:`control_sweep`.
        truth: :func:`regime_table` of the equations along their parameter, evenly spaced and
            reaching beyond both ends of bursting; beyond its range its ends hold.

    Returns:
        ``offset``, ``slope`` (parameter of the truth = offset + slope * input), ``at`` what the
        trained value maps to, ``distance``, ``distance_constant`` the same of the best relation of
        slope 0 (the floor), ``agreement`` share of equal regimes, ``period_error`` and
        ``spikes_error`` (%) medians over values where both burst.
    """
    fine = table.isel(value=table["fine"].values)
    x = fine["value"].values - table.attrs["at"]
    y = truth["value"].values
    step = y[1] - y[0]
    numbers = [
        np.stack([t["regime"].values.astype(float), np.log(t["period"].values),
                  np.log(t["spikes_per_burst"].values)])
        for t in (fine, truth)
    ]  # fmt: skip
    own, known = (np.where(np.isfinite(n), n, 0.0) for n in numbers)

    def distance(centre: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """(relation,) mean distances."""
        place = (centre[:, None] + slope[:, None] * x - y[0]) / step
        there = known[:, np.clip(np.rint(place).astype(int), 0, len(y) - 1)]
        same = (there[0] == own[0]) & (own[0] != MISSING)
        return np.where(same, np.minimum(abs(there[1:] - own[1:, None]).sum(0), 1.0), 1.0).mean(1)

    width = np.ptp(y[truth["regime"].values == BURSTING]) or np.ptp(y)
    stretch = np.ptp(x[fine["regime"].values == BURSTING]) if (own[0] == BURSTING).any() else 0.0
    usual = width / (stretch or np.ptp(x))
    slopes = usual * np.logspace(-0.7, 0.7, 57)
    slopes = np.concatenate([-slopes, slopes])
    centre, slope = (g.ravel() for g in np.meshgrid(y[:: max(1, len(y) // 200)], slopes))
    for spread in (0.1, 0.02, 0.004):
        d = distance(centre, slope)
        best = int(np.argmin(d))
        c, s = centre[best], slope[best]
        grid = np.linspace(-1, 1, 31)
        centre, slope = (g.ravel() for g in np.meshgrid(c + spread * width * grid,
                                                        s * (1 + spread * grid)))  # fmt: skip
        centre, slope = np.append(centre, c), np.append(slope, s)
    d = distance(centre, slope)
    best = int(np.argmin(d))
    c, s = float(centre[best]), float(slope[best])
    i = np.clip(np.rint((c + s * x - y[0]) / step).astype(int), 0, len(y) - 1)
    both = (known[0, i] == BURSTING) & (own[0] == BURSTING)
    error = 100 * np.expm1(abs(known[1:, i] - own[1:]))[:, both]
    period, spikes = np.median(error, axis=1) if both.any() else (np.nan, np.nan)
    return {
        "offset": c - s * float(table.attrs["at"]),
        "slope": s,
        "at": c,
        "distance": float(d[best]),
        "distance_constant": float(distance(y, 0 * y).min()),
        "agreement": float((known[0, i] == own[0]).mean()),
        "period_error": float(period),
        "spikes_error": float(spikes),
    }
