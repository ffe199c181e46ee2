"""The card of a surrogate: what it is, in words and numbers that outlive this package."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from typing import Any

import numpy as np

from snnsurrogate.surrogate import _layout
from snnsurrogate.surrogate.artefact import FORMAT, FORMAT_VERSION
from snnsurrogate.surrogate.driven_data import DrivenData
from snnsurrogate.surrogate.models import ModelConfig
from snnsurrogate.surrogate.scaling import Scaling
from snnsurrogate.surrogate.series_data import SeriesData
from snnsurrogate.surrogate.training_data import TrainingData


def versions() -> dict[str, str]:
    """Versions of what computed it."""
    names = ("snnsurrogate", "torch", "numpy", "numba")
    return {
        "python": platform.python_version(),
        **{n: importlib.metadata.version(n) for n in names},
    }


def describe(
    model: ModelConfig,
    scaling: Scaling,
    data: TrainingData | DrivenData | SeriesData,
    training: dict[str, Any],
) -> dict[str, Any]:
    """Everything but weights and checksums."""
    ds = data.datasets[0]
    attrs = ds.attrs
    described = json.loads(attrs["parameters"])
    if isinstance(data, SeriesData):
        described = data.described()
    known = _layout.outline(data)
    latent = [{"name": name, "unit": "1"} for name in model.latent_states]
    card = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "model": {"name": model.name, "settings": model.to_dict()},
        **known,
        "parameters": [
            {
                **about,
                "unit": described[about["name"]]["unit"],
                "low": float(data.p[:, i].min()),
                "high": float(data.p[:, i].max()),
            }
            for i, about in enumerate(known["parameters"])
        ],
        **({"states": latent} if latent else {}),
        "tied_parameters": _tied(data),
        "scaling": scaling.to_dict(),
        "visited": data.visited,
        "truth": {
            **known["truth"],
            **{k: attrs[k] for k in ("system", "title", "source", "equations", "equations_hash")},
            "parameters": described,
            "spike_rule": json.loads(attrs["spike_rule"]) if attrs["spike_rule"] else None,
        },
        "training": training,
        "scores": {},
        "versions": versions(),
    }
    return dict(json.loads(json.dumps(card)))  # as it will be read back: lists, not tuples


def _tied(data: TrainingData | DrivenData | SeriesData) -> list[list[str]]:
    """Pairs of parameters that had the same value in every record: no data beside the diagonal."""
    return [
        [a, b]
        for i, a in enumerate(data.names)
        for j, b in enumerate(data.names)
        if i < j and np.array_equal(data.p[:, i], data.p[:, j])
    ]
