"""Free runs of a stochastic surrogate of a network, as datasets."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from snnsurrogate import schema, systems, units
from snnsurrogate._names import suggestion
from snnsurrogate.simulate._engine import RUNAWAY_WINDOW
from snnsurrogate.surrogate import _random, coarse, runtime
from snnsurrogate.surrogate._emission import LANES
from snnsurrogate.surrogate._lowering import NotLowerableError
from snnsurrogate.surrogate._warnings import ExtrapolationWarning

if TYPE_CHECKING:
    from snnsurrogate.surrogate.surrogate import Surrogate

BURN_IN = "1 s"  # from the mean training state, where no state is given
MARGIN = 0.25  # of the visited range: a state further outside is clipped, and counted
LFP = "lfp"
_FEW = 8  # samples that run faster one by one than together
_TOLERATED = 1e-3  # clipped values per step that are reported without a warning


@dataclass(frozen=True, kw_only=True)
class Request:
    """What one call of `rollout` asks for, checked.

    Attributes:
        initial: coarse states (sample, state), or None for the stationary regime.
        columns: parameter -> (sample,) value.
        steps: number of steps.
        duration: text with unit.
        seed: of the random numbers.
        record: names of the series to keep.
    """

    initial: np.ndarray | None
    columns: dict[str, np.ndarray]
    steps: int
    duration: str
    seed: int
    record: tuple[str, ...]


def compiled(surrogate: Surrogate) -> runtime.Rollout:
    """The compiled free runs; in torch, with a warning, if the step has no compiled form."""
    scaling, visited = surrogate.scaling, surrogate.card["visited"]
    low, high = (scaling.states(np.asarray(visited[k], dtype=float)) for k in ("low", "high"))
    margin = MARGIN * (high - low)
    try:
        return runtime.compile_rollout(surrogate.module, scaling, low - margin, high + margin)
    except NotLowerableError as error:
        runtime.warn_not_lowered(surrogate.model.name, error)
        return runtime.torch_rollout(surrogate.module, scaling, low - margin, high + margin)


def names_of_record(surrogate: Surrogate, record: Sequence[str] | None) -> tuple[str, ...]:
    """The series of a rollout, rates first.

    Raises:
        ValueError: an unknown name.
    """
    known = [*surrogate.states]
    if surrogate.system == "markov-if":
        known.append(LFP)
    if record is None:
        return tuple(known)
    for name in record:
        if name not in known:
            hint = suggestion(name, known)
            msg = f"record names {name!r}; expected some of {known}.{hint}"
            raise ValueError(msg)
    return tuple(n for n in known if n in record or n.startswith("rate_"))


def initial_states(surrogate: Surrogate, initial: Any) -> dict[str, np.ndarray] | None:
    """Coarse states as columns over sample, or None.

    Args:
        surrogate: of a network.
        initial: None; a network dataset, whose first record is taken; or a mapping of the series
            and coefficients to values or (sample,) arrays, in the units of a rollout.
    """
    if initial is None:
        return None
    if isinstance(initial, xr.Dataset):
        state = coarse.values(initial.isel(time=[0]))[:, 0]
        return {name: state[:, i].astype(float) for i, name in enumerate(surrogate.states)}
    lost = [s for s in surrogate.states if s not in initial]
    extra = [s for s in initial if s not in surrogate.states]
    if lost or extra:
        msg = (
            f"the initial state of {surrogate!r} is None, a network dataset, or holds all of "
            f"{list(surrogate.states)}; missing {lost}, unknown {extra}"
        )
        raise ValueError(msg)
    return {s: np.atleast_1d(np.asarray(initial[s], dtype=float)) for s in surrogate.states}


def per_cell(surrogate: Surrogate, state: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
    """Divide sums over cells (sample, state) by the sizes of their populations, in place."""
    sizes = json.loads(surrogate.card["truth"]["populations"])
    for i, about in enumerate(surrogate.card["states"]):
        if about["kind"] == "sum":
            state[:, i] /= columns[sizes[about["population"]]]


def run(surrogate: Surrogate, request: Request) -> xr.Dataset:
    """All samples; one is the same alone and among others, bit by bit."""
    card = surrogate.card
    n = len(next(iter(request.columns.values())))
    p = np.stack([request.columns[k] for k in surrogate.parameters] or [np.empty(0)], 1)
    p = p.astype(float) if surrogate.parameters else np.empty((n, 0))
    step = units.magnitude(surrogate.dt, card["time_unit"], what="dt")
    burn = round(units.magnitude(BURN_IN, card["time_unit"], what="burn-in") / step)
    names = list(surrogate.states)
    needed = {*request.record, *(("H_EE", "H_EI") if LFP in request.record else ())}
    kept = [i for i, name in enumerate(names) if name in needed]
    form = _form(surrogate, request.columns, kept)
    out = np.empty((n, len(kept), request.steps + 1), dtype=np.float32)
    if request.initial is None:
        x = np.tile(surrogate.scaling.mean.astype(np.float32), (n, 1))
        skip = burn - 1
    else:
        x = request.initial.astype(np.float32)
        out[:, :, 0] = np.maximum(x[:, kept] * form[:, 0], form[:, 1])
        skip = -1  # the first record is already there
    clipped = np.zeros((n, len(names)), dtype=np.int64)
    keys = np.stack([_random.key(request.seed, i) for i in range(n)])
    which = np.array(kept, dtype=np.int64)
    in_groups(surrogate.compiled_rollout, (x, p, keys), (skip, which), (form, out, clipped))
    steps = request.steps + (burn if request.initial is None else 0)
    status = _status(surrogate, out, clipped, steps)
    _warn_of_clipping(surrogate, clipped, steps)
    series = {names[k]: out[:, i] for i, k in enumerate(kept) if names[k] in request.record}
    if LFP in request.record:
        series[LFP] = _drive(surrogate, out, [names[k] for k in kept], request.columns)
    return _dataset(surrogate, request, series, status, clipped, step)


def in_groups(
    rollout: runtime.Rollout,
    given: tuple[np.ndarray, np.ndarray, np.ndarray],
    how: tuple[int, np.ndarray],
    results: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Samples in groups that are computed together; what is left over one after another."""
    (x, p, keys), (skip, which) = given, how
    n, i = len(x), 0
    while i < n:
        size = min(LANES, n - i)
        if rollout.several is None or size < _FEW:
            rollout.one(x[i], p[i], keys[i], 0, skip, which, *(r[i] for r in results))
            i += 1
            continue
        at = slice(i, i + size)
        rollout.several(x[at], p[at], keys[at], 0, skip, which, *(r[at] for r in results))
        i += size


def _cells(surrogate: Surrogate, column: int, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
    """Size (sample,) of the population whose cells a column is of."""
    sizes = json.loads(surrogate.card["truth"]["populations"])
    return parameters[sizes[surrogate.card["states"][column]["population"]]]


def _form(
    surrogate: Surrogate, parameters: Mapping[str, np.ndarray], kept: Sequence[int]
) -> np.ndarray:
    """How columns of the coarse state become series (sample, 3, column), see `_recording`."""
    n = len(next(iter(parameters.values())))
    form = np.zeros((n, 3, len(kept)), dtype=np.float32)
    form[:, 0], form[:, 1] = 1.0, -np.inf
    seconds = units.magnitude(surrogate.dt, "s", what="dt")
    for i, column in enumerate(kept):
        kind = surrogate.card["states"][column]["kind"]
        if kind == "rate":  # back to whole spikes: single precision has rounded them
            form[:, 2, i] = _cells(surrogate, column, parameters) * seconds
        elif kind == "sum":
            form[:, 0, i] = _cells(surrogate, column, parameters)
            form[:, 1, i] = 0.0  # rounding about zero
    return form


def _drive(
    surrogate: Surrogate, out: np.ndarray, names: list[str], parameters: Mapping[str, np.ndarray]
) -> np.ndarray:
    """LFP proxy (sample, time) of recorded pending kicks."""
    at = [names.index(h) for h in ("H_EE", "H_EI")]
    cells = _cells(surrogate, surrogate.states.index("H_EE"), parameters)
    drive = np.empty((out.shape[0], out.shape[2]), dtype=np.float32)
    for i, (record, size) in enumerate(zip(out, cells, strict=True)):
        p = {name: float(v[i]) for name, v in parameters.items()}
        h_ee, h_ei = (record[j] / np.float32(size) for j in at)
        drive[i] = coarse.drive_of(h_ee, h_ei, p)
    return drive


def _status(surrogate: Surrogate, out: np.ndarray, clipped: np.ndarray, steps: int) -> np.ndarray:
    """Status (sample,); records of a runaway are NaN from the moment the simulator would stop.

    A runaway has a rate above ``Network.runaway`` over 100 ms; a sample diverged if one of its
    states had to be clipped in more than half of all steps.
    """
    flags = schema.FLAGS
    status = np.full(len(out), flags["ok"], dtype=np.int8)
    low, high = (np.asarray(surrogate.card["visited"][k], dtype=float) for k in ("low", "high"))
    free = clipped[:, high > low].max(axis=1, initial=0)
    status[free > 0.5 * steps] = flags["diverged"]
    for i, record in enumerate(out):
        if not np.isfinite(record.sum(axis=1)).all():
            status[i] = flags["non_finite"]
    if surrogate.system not in systems.names():
        return status
    found = systems.get(surrogate.system)
    window = round(RUNAWAY_WINDOW / units.magnitude(surrogate.dt, "ms", what="dt"))
    bound = getattr(found, "runaway", np.inf) * window
    rates = sum(s["kind"] == "rate" for s in surrogate.card["states"])  # they come first
    for i in np.flatnonzero(status != flags["non_finite"]):
        record = out[i]
        stop = min(_stop(record[r, 1:], window, bound) for r in range(rates))
        if stop < record.shape[1]:
            status[i] = flags["runaway"]
            record[:, stop + 1 :] = np.nan
    return status


def _stop(rate: np.ndarray, window: int, bound: float) -> int:
    """Steps until a rate, summed in windows, exceeds a bound; beyond all steps if it never does."""
    whole = len(rate) // window * window
    sums = np.append(rate[:whole].reshape(-1, window).sum(axis=1), rate[whole:].sum())
    over = np.flatnonzero(sums > bound)
    if not len(over):
        return len(rate) + 1
    begin = int(over[0]) * window
    inside = np.cumsum(rate[begin : begin + window], dtype=float)
    return begin + int(np.argmax(inside > bound)) + 1


def _warn_of_clipping(surrogate: Surrogate, clipped: np.ndarray, steps: int) -> None:
    # of the worst sample: one that is clipped all the time must not vanish among thousands
    share = clipped.max(axis=0, initial=0) / steps
    if share.max(initial=0.0) > _TOLERATED:
        worst = "; ".join(
            f"{name} {100 * share[i]:.2g} %"
            for i, name in enumerate(surrogate.states)
            if share[i] > _TOLERATED
        )
        warnings.warn(
            f"states left the region seen in training by over a quarter of its width and were "
            f"clipped, in so many of the steps of the worst sample: {worst} (variable 'clipped' "
            "holds the counts)",
            ExtrapolationWarning,
            stacklevel=4,
        )


def _dataset(
    surrogate: Surrogate,
    request: Request,
    series: dict[str, np.ndarray],
    status: np.ndarray,
    clipped: np.ndarray,
    step: float,
) -> xr.Dataset:
    card = surrogate.card
    truth, described = card["truth"], card["truth"]["parameters"]
    unit = {about["name"]: about["unit"] for about in card["states"]} | {LFP: "1/ms"}
    meanings = {about["name"]: about["meaning"] for about in card["states"]}
    meanings[LFP] = "LFP proxy: mean synaptic drive of the E cells"
    made = schema.build(
        states={},
        series=series,
        time=np.arange(request.steps + 1) * step,
        parameters={name: request.columns[name] for name in described},
        initial={},
        seeds=np.full(len(status), request.seed),
        units={
            **{name: unit[name] for name in series},
            **{name: p["unit"] for name, p in described.items()},
            "time": card["time_unit"],
        },
        meanings={name: meanings[name] for name in series},
        status=status,
        attrs={
            **{k: truth[k] for k in ("system", "title", "source", "equations", "equations_hash")},
            "kind": "rollout",
            "parameters": described,
            "populations": truth["populations"],
            "regime_rule": truth.get("regime_rule", ""),
            "record": [],
            "spike_rule": "",
            "duration": request.duration,
            "transient": BURN_IN if request.initial is None else f"0 {card['time_unit']}",
            "record_every": surrogate.dt,
            "dt": surrogate.dt,
            "method": "stochastic map",
            "engine": f"surrogate {surrogate.model.name} {card['checksum'][:12]}",
            "seed": request.seed,
            "design": "",
            "protocol": "",
            "versions": card["versions"],
        },
    )
    about = {
        "role": "feature",
        "units": "1",
        "long_name": "state values clipped to the region seen in training, over all steps",
    }
    return made.assign(clipped=("sample", clipped.sum(axis=1), about))
