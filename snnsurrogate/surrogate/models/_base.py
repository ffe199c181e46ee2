"""The contract of a surrogate model: a frozen configuration, and a module with `init` and `step`.

Everything else is shared: scaling to and from physical units, conditioning on parameters, training,
compiled rollouts, guards, saving and loading.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from snnsurrogate._names import suggestion
from snnsurrogate.surrogate.coarse import Column
from snnsurrogate.surrogate.scaling import Scaling
from snnsurrogate.surrogate.stages import Stage

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, eq=False)
class Physical:
    """What a model of a network may know of the network itself.

    Attributes:
        columns: the coarse state, in order.
        parameters: names of the conditioning parameters.
        fixed: parameters that did not vary, in declared units.
        sizes: population -> parameter that holds its number of cells.
        scaling: physical units to scaled coordinates.
        step: one step in the time unit of the system.
        step_seconds: one step in s.
    """

    columns: tuple[Column, ...]
    parameters: tuple[str, ...]
    fixed: Mapping[str, float]
    sizes: Mapping[str, str]
    scaling: Scaling
    step: float
    step_seconds: float


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a model is built for, in scaled coordinates.

    States are standardised, parameters mapped to [-1, 1] over the training box.

    Attributes:
        states: names of the observed states, d of them.
        parameters: names of the parameters the model is conditioned on, k of them (may be none).
        increment_scale: (d,) standard deviation of one step's increment of each scaled state.
        physical: of models of the coarse state of a network, else None.
        recorded: names of the recorded states, where the model's own states are latent ones.
    """

    states: tuple[str, ...]
    parameters: tuple[str, ...]
    increment_scale: np.ndarray
    physical: Physical | None = None
    recorded: tuple[str, ...] = ()


class ModelConfig(abc.ABC):
    """Base of the frozen dataclasses that describe a model; unknown fields are a TypeError.

    ``view`` is what of a dataset is learned: its "states", or the "coarse" state of a network.
    ``trained_by`` are the kinds of the stages that can train it.
    """

    name: ClassVar[str]
    view: ClassVar[str] = "states"
    trained_by: ClassVar[tuple[str, ...]] = ("adam", "levenberg-marquardt")

    @abc.abstractmethod
    def build(self, layout: Layout, *, generator_seed: int) -> nn.Module:
        """Make the module with weights drawn from the seed.

        The module has ``init(x, q) -> carry`` and ``step(carry, q) -> carry`` for batches
        x (batch, d), q (batch, k), carry (batch, d): the carry holds the scaled states. A wider
        carry (hidden memory beside the states) has no compiled rollout yet, and `fit` refuses it.
        `step` is written with linear layers, activations and arithmetic only, so that it can be
        compiled.

        A stochastic module has ``noise``, a number of standard normals above 0, and
        ``step(carry, q, z)`` with z (batch, noise). Its likelihood stages need besides
        ``condition(q)`` (what depends on the parameters alone), ``advance(carry, condition, z)``
        (the step with it) and ``log_likelihood(carry, condition, following)`` (batch,).

        A model whose states are not what is observed has ``observe(carry)``, the observed
        quantities (batch, o); it names its states in ``latent_states``, and its card lists the
        observed quantities beside them. A driven model (view "driven") is a flow: it has
        ``rhs(carry, x)`` with x (batch, 1 + k), the scaled input and parameters, instead of
        ``init`` and ``step``.
        """

    @property
    def latent_states(self) -> tuple[str, ...]:
        """Names of the states of a model whose states are not what is observed; else none."""
        return ()

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
