"""The contract of a surrogate model: a frozen configuration, and a module with `init` and `step`.

Everything else is shared: scaling to and from physical units, conditioning on parameters, training,
compiled rollouts, guards, saving and loading.
"""

from __future__ import annotations

import abc
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from snnsurrogate._names import suggestion
from snnsurrogate.surrogate.stages import Stage

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a model is built for, in scaled coordinates.

    States are standardised, parameters mapped to [-1, 1] over the training box.

    Attributes:
        states: names of the observed states, d of them.
        parameters: names of the parameters the model is conditioned on, k of them (may be none).
        increment_scale: (d,) standard deviation of one step's increment of each scaled state.
    """

    states: tuple[str, ...]
    parameters: tuple[str, ...]
    increment_scale: np.ndarray


class ModelConfig(abc.ABC):
    """Base of the frozen dataclasses that describe a model; unknown fields are a TypeError."""

    name: ClassVar[str]

    @abc.abstractmethod
    def build(self, layout: Layout, *, generator_seed: int) -> nn.Module:
        """Make the module with weights drawn from the seed.

        The module has ``init(x, q) -> carry`` and ``step(carry, q) -> carry`` for batches
        x (batch, d), q (batch, k), carry (batch, d): the carry holds the scaled states. A wider
        carry (hidden memory beside the states) has no compiled rollout yet, and `fit` refuses it.
        `step` is written with linear layers, activations and arithmetic only, so that it can be
        compiled.
        """

    @abc.abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """The training schedule used when none is given."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able fields."""
        return asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """Inverse of `to_dict`.

        Raises:
            ValueError: for a field this model does not have.
        """
        known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - known)
        if unknown:
            hint = suggestion(unknown[0], known)
            msg = f"{cls.name} has no setting {unknown}; it has {sorted(known)}.{hint}"
            raise ValueError(msg)
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


REGISTRY: dict[str, type[ModelConfig]] = {}
Model = TypeVar("Model", bound=ModelConfig)


def register(cls: type[Model]) -> type[Model]:
    """Class decorator that makes a model known under its ``name``.

    Raises:
        ValueError: no name, or one that another model has.
    """
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or not name:
        msg = f"{cls.__qualname__} has no name; add name: ClassVar[str] = 'my-model' to it"
        raise ValueError(msg)
    held = REGISTRY.get(name)
    if held is not None and (held.__module__, held.__qualname__) != (
        cls.__module__,
        cls.__qualname__,
    ):
        msg = (
            f"model {name!r} of {cls.__module__}.{cls.__qualname__} is already registered by "
            f"{held.__module__}.{held.__qualname__}; choose another name"
        )
        raise ValueError(msg)
    REGISTRY[name] = cls
    return cls
