"""Maps of a recovered state at work: states of a series, free runs read out as that series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from snnsurrogate import schema
from snnsurrogate.features.spikes import detect_batch
from snnsurrogate.kernels import integrate
from snnsurrogate.surrogate import _inputs, _visited, embedding

if TYPE_CHECKING:
    from snnsurrogate.surrogate.surrogate import Surrogate

_MARGIN = 0.5  # of the visited range: readouts of states farther away are not to be believed


def encode(surrogate: Surrogate, source: xr.Dataset | np.ndarray) -> list[np.ndarray]:
    """Recovered states of a series.

    Args:
        surrogate: whose card has the view "series".
        source: a dataset with the observed variable, or one uninterrupted piece (n,) in its unit,
            sampled with the surrogate's step.

    Returns:
        Per ok sample (time', d); the first samples, which the embedding looks back to, have none.

    Raises:
        ValueError: no such surrogate or variable, another sampling step, a piece that is too short.
    """
    import torch

    card = surrogate.card
    if card.get("view") != "series":
        msg = f"{surrogate!r} was not trained on scalar series; it has no embedding to encode with"
        raise ValueError(msg)
    if isinstance(source, xr.Dataset):
        series = embedding.series_of(source, card["observed"][0]["name"])
        step = surrogate.kernel().time_step
        if series.time_unit != card["time_unit"] or abs(series.time_step / step - 1) > 1e-9:
            msg = (
                f"the series is sampled every {series.time_step:g} {series.time_unit}, the "
                f"surrogate was trained with {surrogate.dt}; resample the series"
            )
            raise ValueError(msg)
        pieces = list(series.pieces)
    else:
        pieces = [np.asarray(source, dtype=float)]
    module: Any = surrogate.module
    with torch.no_grad():
        return [
            module.encode(torch.as_tensor(v.copy())).numpy()
            for v in module.embedding.vectors(pieces)
        ]


def run(
    surrogate: Surrogate,
    initial: Any,
    parameters: Mapping[str, Any],
    length: tuple[int, str],
    *,
    seed: int,
    strict: bool,
    record: Sequence[str] | None,
) -> xr.Dataset:
    """Free runs, see `Surrogate.rollout`."""
    kept = surrogate.states if record is None else tuple(record)
    unknown = sorted(set(kept) - set(surrogate.states))
    if unknown:
        msg = f"record names {unknown}; expected some of the latent states {list(surrogate.states)}"
        raise ValueError(msg)
    if isinstance(initial, xr.Dataset):
        pieces = encode(surrogate, initial)
        initial = {s: np.array([p[-1, i] for p in pieces]) for i, s in enumerate(surrogate.states)}
    columns, given, n = _inputs.columns(surrogate.card, parameters, initial or {})
    p = np.stack([columns[name] for name in surrogate.parameters], 1)
    if initial is None:
        x0 = _nearest_starts(surrogate, p)
    else:
        x0 = np.stack([given[s] for s in surrogate.states], 1)
    surrogate._outside_box(columns, strict=strict)
    x = integrate(surrogate.kernel(), x0, p, n_steps=length[0])
    status = _visited.guard(surrogate.card, x)
    return _dataset(surrogate, x, columns, status, length, seed, kept)


def _nearest_starts(surrogate: Surrogate, p: np.ndarray) -> np.ndarray:
    """The last kept state of the piece whose parameters are nearest, for every sample."""
    kept = surrogate.card["starts"]
    at = surrogate.scaling.parameters(np.array([s["parameters"] for s in kept], dtype=float))
    far = np.abs(surrogate.scaling.parameters(p)[:, None] - at[None]).sum(axis=2)
    return np.array([s["states"][-1] for s in kept], dtype=float)[far.argmin(axis=1)]


def _dataset(
    surrogate: Surrogate,
    x: np.ndarray,
    columns: Mapping[str, np.ndarray],
    status: np.ndarray,
    length: tuple[int, str],
    seed: int,
    kept: Sequence[str],
) -> xr.Dataset:
    card, kernel = surrogate.card, surrogate.kernel()
    name, truth = card["observed"][0]["name"], card["truth"]
    low, high = (np.asarray(card["visited"][k], dtype=float) for k in ("low", "high"))
    gone = ~np.isfinite(x).all(axis=2)
    # the decoder is asked for what it has seen, or a little beyond
    margin = _MARGIN * (high - low)
    near = np.clip(np.where(gone[..., None], 0.0, x), low - margin, high + margin)
    seen = np.where(gone, np.nan, surrogate.observe(near)[name])
    rule = truth["spike_rule"]
    spikes = None
    if rule and rule["state"] == name:
        spikes = detect_batch(
            seen, kernel.time_step, threshold=rule["threshold"], reset=rule["reset"]
        )
    described = truth["parameters"]
    return schema.build(
        states={name: seen},
        series={s: x[..., surrogate.states.index(s)] for s in kept},
        time=np.arange(x.shape[1]) * kernel.time_step,
        parameters={p: columns[p] for p in described},
        initial={name: seen[:, 0]},
        seeds=seed,
        units={
            **{s["name"]: s["unit"] for s in (*card["observed"], *card["states"])},
            **{p: about["unit"] for p, about in described.items()},
            "time": card["time_unit"],
        },
        status=status,
        spikes=spikes,
        attrs={
            **{k: truth[k] for k in ("system", "title", "source", "equations", "equations_hash")},
            "kind": "rollout",
            "parameters": described,
            "spike_rule": rule if spikes is not None else "",
            "duration": length[1],
            "transient": f"0 {card['time_unit']}",
            "record_every": surrogate.dt,
            "dt": surrogate.dt,
            "method": "map",
            "engine": f"surrogate {surrogate.model.name} {card['checksum'][:12]}",
            "seed": seed,
            "design": "",
            "protocol": "",
            "versions": card["versions"],
        },
    )
