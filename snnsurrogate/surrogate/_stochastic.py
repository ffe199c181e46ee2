"""Free runs of a stochastic surrogate of a network, as datasets."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from snnsurrogate import schema, units
from snnsurrogate._names import suggestion
from snnsurrogate.surrogate import _random, coarse, runtime
from snnsurrogate.surrogate._lowering import NotLowerableError
from snnsurrogate.surrogate._warnings import ExtrapolationWarning

if TYPE_CHECKING:
    from snnsurrogate.surrogate.surrogate import Surrogate

BURN_IN = "1 s"  # from the mean training state, where no state is given
MARGIN = 0.25  # of the visited range: a state further outside is clipped, and counted
LFP = "lfp"
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
    """The compiled free run of one sample; in torch, with a warning, if it has no compiled form."""
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
    """All samples, one after another; a sample is the same alone and among others."""
    card, rollout = surrogate.card, surrogate.compiled_rollout
    n = len(next(iter(request.columns.values())))
    p = np.stack([request.columns[k] for k in surrogate.parameters] or [np.empty(0)], 1)
    p = p if surrogate.parameters else np.empty((n, 0))
    step = units.magnitude(surrogate.dt, card["time_unit"], what="dt")
    burn = round(units.magnitude(BURN_IN, card["time_unit"], what="burn-in") / step)
    names = list(surrogate.states)
    needed = {*request.record, *(("H_EE", "H_EI") if LFP in request.record else ())}
    kept = [i for i, name in enumerate(names) if name in needed]
    kept_names = [names[i] for i in kept]
    which = np.array(kept, dtype=np.int64)
    series = {k: np.empty((n, request.steps + 1), dtype=np.float32) for k in request.record}
    status = np.full(n, schema.FLAGS["ok"], dtype=np.int8)
    clipped = np.zeros((n, len(names)), dtype=np.int64)
    out = np.empty((request.steps + 1, len(kept)), dtype=np.float32)
    for i in range(n):
        random = _random.key(request.seed, i)
        if request.initial is None:
            x = surrogate.scaling.mean.astype(np.float32)
            rollout(x, p[i], random, 0, burn - 1, which, out, clipped[i])
        else:
            x = request.initial[i].astype(np.float32)
            out[0] = x[which]
            rollout(x, p[i], random, 0, 0, which, out[1:], clipped[i])
        if not np.isfinite(out).all():
            status[i] = schema.FLAGS["non_finite"]
        here = {k: v[i : i + 1, None] for k, v in request.columns.items()}
        _store(surrogate, series, i, out, kept_names, here)
    _warn_of_clipping(surrogate, clipped, request.steps)
    return _dataset(surrogate, request, series, status, clipped, step)


def _store(
    surrogate: Surrogate,
    series: dict[str, np.ndarray],
    sample: int,
    out: np.ndarray,
    names: list[str],
    parameters: dict[str, np.ndarray],
) -> None:
    """One sample's columns as series in the units of a dataset."""
    sizes = json.loads(surrogate.card["truth"]["populations"])
    seconds = units.magnitude(surrogate.dt, "s", what="dt")
    abouts = {about["name"]: about for about in surrogate.card["states"]}
    for name in series:
        if name == LFP:
            h = [out[:, names.index(h)] for h in ("H_EE", "H_EI")]
            p = {k: float(v[0, 0]) for k, v in parameters.items()}
            series[name][sample] = coarse.drive_of(h[0], h[1], p)
            continue
        about, column = abouts[name], out[:, names.index(name)]
        cells = float(parameters[sizes[about["population"]]][0, 0])
        if about["kind"] == "rate":  # back to whole spikes: single precision has rounded them
            column = np.round(column.astype(float) * cells * seconds) / (cells * seconds)
        elif about["kind"] == "sum":
            column = np.maximum(column * np.float32(cells), 0.0)  # rounding about zero
        series[name][sample] = column


def _warn_of_clipping(surrogate: Surrogate, clipped: np.ndarray, steps: int) -> None:
    share = clipped.sum(axis=0) / (len(clipped) * steps)
    if share.max(initial=0.0) > _TOLERATED:
        worst = "; ".join(
            f"{name} {100 * share[i]:.2g} %"
            for i, name in enumerate(surrogate.states)
            if share[i] > _TOLERATED
        )
        warnings.warn(
            f"states left the region seen in training by over a quarter of its width and were "
            f"clipped, in so many of all steps: {worst} (variable 'clipped' holds the counts)",
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
