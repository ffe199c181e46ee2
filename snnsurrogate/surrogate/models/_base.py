"""The contract of a surrogate model: a frozen configuration, and a module with `init` and `step`.

Everything else is shared: scaling to and from physical units, conditioning on parameters, training,
compiled rollouts, guards, saving and loading.
"""

from __future__ import annotations

import abc
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from snnsurrogate.surrogate.stages import Stage
from snnsurrogate.systems._names import suggestion

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
        x (batch, d), q (batch, k), carry (batch, c): the first d columns of a carry are the scaled
        states. `step` is written with linear layers, activations and arithmetic only, so that it
        can be compiled.
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
