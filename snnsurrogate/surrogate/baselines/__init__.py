"""Baselines of networks, one file each: `@register` names one, one import line below loads it.

    fitted = baselines.get("nearest-run").fit(train, seed=0)
    run = fitted.rollout(None, parameters, "20 s", seed=1)

What they roll out is a network dataset like that of a surrogate, so that they stand in one table.
"""

from __future__ import annotations

from typing import Any

from snnsurrogate._names import suggestion
from snnsurrogate.surrogate.baselines._base import REGISTRY
from snnsurrogate.surrogate.baselines._base import Baseline as Baseline
from snnsurrogate.surrogate.baselines._base import register as register
from snnsurrogate.surrogate.baselines._fitted import Fitted as Fitted
from snnsurrogate.surrogate.baselines.analogues import Analogues as Analogues
from snnsurrogate.surrogate.baselines.coarse_step import CoarseStep as CoarseStep
from snnsurrogate.surrogate.baselines.count_gru import CountGRU as CountGRU
from snnsurrogate.surrogate.baselines.event_resampling import EventResampling as EventResampling
from snnsurrogate.surrogate.baselines.gate_chain import GateChain as GateChain
from snnsurrogate.surrogate.baselines.linear_gaussian import LinearGaussian as LinearGaussian
from snnsurrogate.surrogate.baselines.nearest_run import NearestRun as NearestRun


def names() -> list[str]:
    """Names of the registered baselines."""
    return sorted(REGISTRY)


def get(name: str, /, **settings: Any) -> Baseline:
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
