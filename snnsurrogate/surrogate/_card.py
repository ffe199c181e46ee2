"""The card of a surrogate: what it is, in words and numbers that outlive this package."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from typing import Any

import numpy as np

from snnsurrogate import schema
from snnsurrogate.surrogate.artefact import FORMAT, FORMAT_VERSION
from snnsurrogate.surrogate.models import ModelConfig
from snnsurrogate.surrogate.scaling import Scaling
from snnsurrogate.surrogate.training_data import TrainingData


def versions() -> dict[str, str]:
    """Versions of what computed it."""
    names = ("snnsurrogate", "torch", "numpy", "numba")
    return {
        "python": platform.python_version(),
        **{n: importlib.metadata.version(n) for n in names},
    }


def describe(
    model: ModelConfig, scaling: Scaling, data: TrainingData, training: dict[str, Any]
) -> dict[str, Any]:
    """Everything but weights and checksums."""
    ds = data.datasets[0]
    attrs = ds.attrs
    described = json.loads(attrs["parameters"])
    fixed = {
        name: float(np.asarray(ds[name].values).flat[0])
        for name in schema.parameters_of(ds)
        if name not in data.names
    }
    card = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "model": {"name": model.name, "settings": model.to_dict()},
        "states": [{"name": s, "unit": ds[s].attrs["units"]} for s in schema.states_of(ds)],
        "parameters": [
            {
                "name": name,
                "unit": ds[name].attrs["units"],
                "low": float(data.p[:, i].min()),
                "high": float(data.p[:, i].max()),
            }
            for i, name in enumerate(data.names)
        ],
        "fixed_parameters": fixed,
        "dt": attrs["record_every"],
        "time_unit": ds["time"].attrs["units"],
        "scaling": scaling.to_dict(),
        "visited": data.visited,
        "truth": {
            **{k: attrs[k] for k in ("system", "title", "source", "equations", "equations_hash")},
            "parameters": described,
            "spike_rule": json.loads(attrs["spike_rule"]) if attrs["spike_rule"] else None,
        },
        "training": training,
        "scores": {},
        "versions": versions(),
    }
    return dict(json.loads(json.dumps(card)))  # as it will be read back: lists, not tuples
