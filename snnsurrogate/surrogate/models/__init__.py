"""Surrogate models, one file each: `@register` names a model, one import line below loads it."""

from __future__ import annotations

from typing import Any

from snnsurrogate._names import suggestion
from snnsurrogate.surrogate.models._base import REGISTRY
from snnsurrogate.surrogate.models._base import Layout as Layout
from snnsurrogate.surrogate.models._base import ModelConfig as ModelConfig
from snnsurrogate.surrogate.models._base import Physical as Physical
from snnsurrogate.surrogate.models._base import register as register
from snnsurrogate.surrogate.models.continuous_gru import ContinuousGRU as ContinuousGRU
from snnsurrogate.surrogate.models.delay_map import DelayMap as DelayMap
from snnsurrogate.surrogate.models.event_map import EventMap as EventMap
from snnsurrogate.surrogate.models.mlp_field import MLPField as MLPField
from snnsurrogate.surrogate.models.population_map import PopulationMap as PopulationMap
from snnsurrogate.surrogate.models.recurrent_map import RecurrentMap as RecurrentMap
from snnsurrogate.surrogate.stages import Adam as Adam
from snnsurrogate.surrogate.stages import Calibrate as Calibrate
from snnsurrogate.surrogate.stages import Embed as Embed
from snnsurrogate.surrogate.stages import FreeRun as FreeRun
from snnsurrogate.surrogate.stages import FromRest as FromRest
from snnsurrogate.surrogate.stages import LevenbergMarquardt as LevenbergMarquardt
from snnsurrogate.surrogate.stages import Likelihood as Likelihood
from snnsurrogate.surrogate.stages import MultiStep as MultiStep
from snnsurrogate.surrogate.stages import Starts as Starts


def names() -> list[str]:
    """Names of the registered models."""
    return sorted(REGISTRY)


def get(name: str, /, **settings: Any) -> ModelConfig:
    """A model's configuration by name.

    Raises:
        ValueError: for an unknown model (with the nearest match) or an unknown setting.
    """
    if name not in REGISTRY:
        hint = suggestion(name, REGISTRY)
        msg = f"unknown model {name!r}; known are {sorted(REGISTRY)}.{hint}"
        raise ValueError(msg)
    return REGISTRY[name].from_dict(settings)
