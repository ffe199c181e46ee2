"""What a rollout starts from: names, units and lengths of parameters and states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from snnsurrogate import units
from snnsurrogate._names import suggestion

__all__ = ["columns", "outside_box"]


def columns(
    card: Mapping[str, Any], parameters: Mapping[str, Any], initial: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], int]:
    """All parameters and the given states as (sample,) columns, and the number of samples.

    Args:
        card: of the surrogate.
        parameters: parameter -> value or (sample,) array; those that did not vary may be left out.
        initial: state -> value or (sample,) array; empty for none.

    Raises:
        ValueError: see `Surrogate.rollout`.
    """
    names = [p["name"] for p in card["parameters"]]
    states = [s["name"] for s in card["states"]] if initial else []
    fixed = card["fixed_parameters"]
    known = (*names, *fixed)
    for name in parameters:
        if name not in known:
            hint = suggestion(name, known)
            msg = f"no parameter {name!r}; expected some of {list(known)}.{hint}"
            raise ValueError(msg)
    missing = [p for p in names if p not in parameters]
    lost = [s for s in states if s not in initial]
    extra = [s for s in initial if s not in states]
    if missing or lost or extra:
        msg = (
            f"rollout needs the parameters {names} and the initial states "
            f"{states}; missing {missing + lost}, unknown {extra}"
        )
        raise ValueError(msg)
    given = {**{k: parameters[k] for k in parameters}, **{s: initial[s] for s in states}}
    unit = {name: about["unit"] for name, about in card["truth"]["parameters"].items()}
    unit |= {s["name"]: s["unit"] for s in card["states"]}
    arrays = {k: np.atleast_1d(units.magnitudes(v, unit[k], what=k)) for k, v in given.items()}
    lengths = {k: a.size for k, a in arrays.items() if a.size != 1}
    n = max(lengths.values(), default=1)
    if any(a.ndim > 1 for a in arrays.values()) or any(m != n for m in lengths.values()):
        msg = f"lengths over sample differ: {lengths}; expected one length (or single numbers)"
        raise ValueError(msg)
    bad = [k for k, a in arrays.items() if not np.isfinite(a).all()]
    if bad:
        msg = f"{bad} hold non-finite numbers; a rollout starts from finite states"
        raise ValueError(msg)
    full = {k: np.broadcast_to(a, (n,)).astype(float) for k, a in arrays.items()}
    for name, value in fixed.items():
        other = full.get(name, np.array([value]))
        if not np.allclose(other, value, rtol=1e-9, atol=0):
            msg = (
                f"{name} was {value:g} throughout training; got {np.unique(other)[:4]}. "
                f"Train on data in which {name} varies."
            )
            raise ValueError(msg)
    made = {name: full.get(name, np.full(n, fixed.get(name, np.nan))) for name in known}
    return made, {s: full[s] for s in states}, n


def outside_box(card: Mapping[str, Any], given: Mapping[str, np.ndarray]) -> Iterator[str]:
    """A sentence for every parameter outside its trained range, with the distance."""
    for about in card["parameters"]:
        name, low, high = about["name"], about["low"], about["high"]
        far = np.maximum(low - given[name], given[name] - high)
        outside = far > 1e-9 * max(abs(low), abs(high))
        if outside.any():
            share = 100 * far.max() / (high - low) if high > low else np.inf
            yield (
                f"{name} leaves the trained range [{low:g}, {high:g}] in {int(outside.sum())} of "
                f"{far.size} samples, by up to {far.max():g} ({share:.2g} % of the range)"
            )
    for a, b in card.get("tied_parameters", ()):
        apart = np.abs(given[a] - given[b])
        if (apart > 1e-9 * np.abs(given[a])).any():
            yield (
                f"{a} and {b} were equal in all training data; they differ in "
                f"{int((apart > 0).sum())} of {apart.size} samples, by up to {apart.max():g}"
            )
