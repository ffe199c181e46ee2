"""What a model is built for: from data before training, from a card after it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from snnsurrogate import schema, units
from snnsurrogate.surrogate import coarse, events
from snnsurrogate.surrogate.driven_data import DrivenData
from snnsurrogate.surrogate.models import Layout, Physical
from snnsurrogate.surrogate.scaling import Scaling
from snnsurrogate.surrogate.series_data import SeriesData
from snnsurrogate.surrogate.training_data import TrainingData


def outline(data: TrainingData | DrivenData | SeriesData) -> dict[str, Any]:
    """The part of a card that a model is built from, of training data."""
    ds = data.datasets[0]
    truth = {}
    more: dict[str, Any] = {}
    if isinstance(data, DrivenData):
        states: list[dict[str, Any]] = []
        more = data.outline()
    elif isinstance(data, SeriesData):
        states = []
        more = data.outline()
    elif data.view != "states":
        view = coarse if data.view == "coarse" else events
        states = [c.to_dict() for c in view.columns(ds)]
        truth = {k: ds.attrs[k] for k in ("populations", "regime_rule") if k in ds.attrs}
    else:
        states = [{"name": s, "unit": ds[s].attrs["units"]} for s in data.columns]
    return {
        "view": data.view,
        "states": states,
        "parameters": [{"name": name} for name in data.names],
        "fixed_parameters": {
            name: float(np.asarray(ds[name].values).flat[0])
            for name in schema.parameters_of(ds)
            if name not in data.names
        },
        "dt": ds.attrs["record_every"],
        "time_unit": ds["time"].attrs["units"],
        "truth": truth,
        **more,
    }


def layout(card: dict[str, Any], scaling: Scaling) -> Layout:
    """What the model of a card, or of an outline, is built for."""
    names = tuple(p["name"] for p in card["parameters"])
    physical = None
    if card.get("view", "states") not in ("states", "driven", "series"):
        physical = Physical(
            columns=tuple(coarse.Column(**s) for s in card["states"]),
            parameters=names,
            fixed=card["fixed_parameters"],
            sizes=json.loads(card["truth"]["populations"]),
            scaling=scaling,
            step=units.magnitude(card["dt"], card["time_unit"], what="dt"),
            step_seconds=units.magnitude(card["dt"], "s", what="dt"),
        )
    return Layout(
        states=tuple(s["name"] for s in card["states"]),
        parameters=names,
        increment_scale=np.asarray(scaling.increment),
        physical=physical,
        recorded=tuple(card.get("recorded", {}).get("names", ())),
    )
