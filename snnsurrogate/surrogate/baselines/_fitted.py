"""A baseline that has learned: checked rollouts, as datasets like those of a surrogate."""

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
from snnsurrogate.features.field import drive_of
from snnsurrogate.surrogate import _inputs
from snnsurrogate.surrogate._warnings import ExtrapolationWarning

if TYPE_CHECKING:
    from snnsurrogate.surrogate.baselines._base import Roller

__all__ = ["Fitted", "Request", "dataset"]

LFP = "lfp"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What one call of `rollout` asks for, checked.

    Attributes:
        columns: parameter -> (sample,) value.
        records: number of recorded times.
        duration: text with unit.
        seed: of the random numbers.
        record: series to keep besides the rates; None keeps all.
    """

    columns: dict[str, np.ndarray]
    records: int
    duration: str
    seed: int
    record: tuple[str, ...] | None


class Fitted:
    """A baseline after learning; made by `Baseline.fit`.

    Attributes:
        card: what it is and what it has seen (JSON-able).
    """

    def __init__(self, roller: Roller, card: dict[str, Any]) -> None:
        self.card = card
        self._roller = roller

    @property
    def name(self) -> str:
        """Of the baseline."""
        return str(self.card["model"]["name"])

    @property
    def box(self) -> dict[str, tuple[float, float]]:
        """Range of each parameter that varied in training, in its declared unit."""
        return {p["name"]: (p["low"], p["high"]) for p in self.card["parameters"]}

    def __repr__(self) -> str:
        """One line: baseline, system, what it has seen."""
        n, system = self.card["training"]["samples"], self.card["truth"]["system"]
        return f"<Baseline {self.name} of {system}, {n} training runs>"

    def rollout(
        self,
        initial: None,
        parameters: Mapping[str, Any],
        duration: Any,
        *,
        seed: int = 0,
        strict: bool = False,
        record: Sequence[str] | None = None,
    ) -> xr.Dataset:
        """One run per parameter point, from the baseline's own stationary regime.

        Args:
            initial: None; a baseline has no state to start from.
            parameters: parameter -> value or (sample,) array, in the declared unit, or text with a
                unit; parameters that did not vary in training may be left out.
            duration: text with unit; a whole number of training steps.
            seed: of the random numbers; stored.
            strict: raise, instead of warning, where parameters lie outside the training runs.
            record: series to keep besides the rates; None keeps all.

        Returns:
            A network dataset, recorded at the step of the training runs.

        Raises:
            ValueError: an initial state, a missing or unknown name, arrays of different lengths, a
                duration that is no whole number of steps, another value of a parameter that did
                not vary, or, with ``strict``, parameters outside the training runs.
        """
        if initial is not None:
            msg = (
                f"{self!r} starts from its own regime; got an initial state "
                f"({type(initial).__name__}). Pass None."
            )
            raise ValueError(msg)
        unit = self.card["time_unit"]
        total = units.magnitude(duration, unit, what="duration")
        step = units.magnitude(self.card["dt"], unit, what="dt")
        steps = round(total / step)
        if steps < 1 or abs(steps * step - total) > 1e-6 * step:
            msg = f"duration {duration!r} is not a whole number of steps of {self.card['dt']}"
            raise ValueError(msg)
        self._check_record(record)
        columns, _, _ = _inputs.columns(self.card, parameters, {})
        for said in _inputs.outside_box(self.card, columns):
            if strict:
                msg = f"{said}; strict=True allows no extrapolation"
                raise ValueError(msg)
            warnings.warn(said, ExtrapolationWarning, stacklevel=2)
        request = Request(
            columns=columns,
            records=steps + 1,
            duration=units.format_quantity(total, unit),
            seed=seed,
            record=None if record is None else tuple(record),
        )
        return self._roller.run(request, self.card)

    def _check_record(self, record: Sequence[str] | None) -> None:
        known = [about["name"] for about in self.card["states"]] + [LFP]
        for name in record or ():
            if name not in known:
                hint = suggestion(name, known)
                msg = f"record names {name!r}; expected some of {known}.{hint}"
                raise ValueError(msg)


def dataset(
    request: Request, card: Mapping[str, Any], names: Sequence[str], x: np.ndarray
) -> xr.Dataset:
    """Columns per cell (sample, time, name) as a network dataset of kind "rollout"."""
    truth = card["truth"]
    described = truth["parameters"]
    abouts = {about["name"]: about for about in card["states"]}
    sizes = json.loads(truth["populations"])
    status = np.where(
        np.isfinite(x).all(axis=(1, 2)), schema.FLAGS["ok"], schema.FLAGS["non_finite"]
    )
    series, unit, meanings = {}, {"time": card["time_unit"]}, {}
    for i, name in enumerate(names):
        about = abouts[name]
        cells = request.columns[sizes[about["population"]]][:, None]
        if not _kept(name, request):
            continue
        values = x[..., i] * cells if about["kind"] == "sum" else x[..., i]
        series[name] = np.asarray(values, dtype=np.float32)
        unit[name], meanings[name] = about["unit"], about["meaning"]
    if truth["system"] == "markov-if" and {"H_EE", "H_EI"} <= set(names) and _kept(LFP, request):
        h = [x[..., list(names).index(pending)] for pending in ("H_EE", "H_EI")]
        p = {k: v[:, None] for k, v in request.columns.items()}
        series[LFP] = drive_of(h[0], h[1], p)
        unit[LFP], meanings[LFP] = "1/ms", "LFP proxy: mean synaptic drive of the E cells"
    step = units.magnitude(card["dt"], card["time_unit"], what="dt")
    return schema.build(
        states={},
        series=series,
        time=np.arange(request.records) * step,
        parameters={name: request.columns[name] for name in described},
        initial={},
        seeds=np.full(len(x), request.seed),
        units=unit | {name: p["unit"] for name, p in described.items()},
        meanings=meanings,
        status=status,
        attrs={
            **{k: truth[k] for k in ("system", "title", "source", "equations", "equations_hash")},
            "kind": "rollout",
            "parameters": described,
            "populations": truth["populations"],
            "regime_rule": truth["regime_rule"],
            "record": [],
            "spike_rule": "",
            "duration": request.duration,
            "transient": f"0 {card['time_unit']}",
            "record_every": card["dt"],
            "dt": card["dt"],
            "method": "baseline",
            "engine": f"baseline {card['model']['name']}",
            "seed": request.seed,
            "design": "",
            "protocol": "",
            "versions": card["versions"],
        },
    )


def _kept(name: str, request: Request) -> bool:
    return request.record is None or name in request.record or name.startswith("rate_")
