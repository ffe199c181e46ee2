"""Surrogate models, one file each, registered by one import line below."""

from __future__ import annotations

import difflib
from typing import Any

from snnsurrogate.surrogate.models._base import Layout as Layout
from snnsurrogate.surrogate.models._base import ModelConfig as ModelConfig
from snnsurrogate.surrogate.models.recurrent_map import RecurrentMap as RecurrentMap
from snnsurrogate.surrogate.stages import Adam as Adam
from snnsurrogate.surrogate.stages import LevenbergMarquardt as LevenbergMarquardt


def _registry() -> dict[str, type[ModelConfig]]:
    return {cls.name: cls for cls in ModelConfig.__subclasses__()}


def names() -> list[str]:
    """Names of the registered models."""
    return sorted(_registry())


def get(name: str, /, **settings: Any) -> ModelConfig:
    """A model's configuration by name.

    Raises:
        ValueError: for an unknown model (with the nearest match) or an unknown setting.
    """
    registry = _registry()
    if name not in registry:
        near = difflib.get_close_matches(name, registry, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        msg = f"unknown model {name!r}; known are {sorted(registry)}.{hint}"
        raise ValueError(msg)
    return registry[name].from_dict(settings)
