"""What is observed of a surrogate: its states, or a readout of latent ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from snnsurrogate.surrogate.surrogate import Surrogate


def observe(surrogate: Surrogate, states: Any) -> dict[str, np.ndarray]:
    """Observed quantities of states (..., d): name -> (...)."""
    x = np.asarray(states, dtype=float)
    if not surrogate.model.latent_states:
        return {name: x[..., i] for i, name in enumerate(surrogate.states)}
    import torch

    with torch.no_grad():
        y = surrogate.module.observe(torch.as_tensor(x.reshape(-1, x.shape[-1])))  # type: ignore[operator]
    columns = y.numpy().reshape(*x.shape[:-1], len(surrogate.observed))
    return {name: columns[..., i] for i, name in enumerate(surrogate.observed)}
