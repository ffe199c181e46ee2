"""Baselines, one file each: `@register` names one, one import line below loads it.

    fitted = baselines.get("nearest-run").fit(train, seed=0)
    run = fitted.rollout(None, parameters, "20 s", seed=1)

What they roll out is a dataset like that of a surrogate, of a network or of a driven neuron, so
that they stand in one table.
"""

from __future__ import annotations

from typing import Any

from snnsurrogate._names import suggestion
from snnsurrogate.surrogate.baselines._base import REGISTRY
from snnsurrogate.surrogate.baselines._base import Baseline as Baseline
from snnsurrogate.surrogate.baselines._base import register as register
from snnsurrogate.surrogate.baselines._driven import DrivenBaseline as DrivenBaseline
from snnsurrogate.surrogate.baselines._driven import FittedNeuron as FittedNeuron
from snnsurrogate.surrogate.baselines._fitted import Fitted as Fitted
from snnsurrogate.surrogate.baselines.analogues import Analogues as Analogues
from snnsurrogate.surrogate.baselines.coarse_step import CoarseStep as CoarseStep
from snnsurrogate.surrogate.baselines.count_gru import CountGRU as CountGRU
from snnsurrogate.surrogate.baselines.driven_gru import DrivenGRU as DrivenGRU
from snnsurrogate.surrogate.baselines.event_resampling import EventResampling as EventResampling
from snnsurrogate.surrogate.baselines.fitted_system import FittedSystem as FittedSystem
from snnsurrogate.surrogate.baselines.gate_chain import GateChain as GateChain
from snnsurrogate.surrogate.baselines.linear_gaussian import LinearGaussian as LinearGaussian
from snnsurrogate.surrogate.baselines.nearest_run import NearestRun as NearestRun


def names(kind: str | None = None) -> list[str]:
    """Names of the registered baselines.

    Args:
        kind: "network" or "driven" for those of networks or of driven neurons alone.

    Raises:
        ValueError: another kind.
    """
    kinds: dict[str | None, Any] = {
        None: object, "network": Baseline, "driven": DrivenBaseline,
    }  # fmt: skip
    if kind not in kinds:
        msg = f"kind is {kind!r}; expected 'network', 'driven' or None"
        raise ValueError(msg)
    return sorted(name for name, made in REGISTRY.items() if issubclass(made, kinds[kind]))


def get(name: str, /, **settings: Any) -> Any:
    """A baseline by name.

    Raises:
        ValueError: for an unknown baseline (with the nearest match) or a bad setting.
        TypeError: for an unknown setting.
    """
    if name not in REGISTRY:
        hint = suggestion(name, REGISTRY)
        msg = f"unknown baseline {name!r}; known are {sorted(REGISTRY)}.{hint}"
        raise ValueError(msg)
    return REGISTRY[name](**settings)
