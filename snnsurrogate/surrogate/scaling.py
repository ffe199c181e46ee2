"""Physical units to the coordinates a network sees, and back; fitted once on the training data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaling:
    """Standardised states, parameters mapped to [-1, 1] over the training box.

    Attributes:
        mean: (state,) mean of each state over the training data, in its unit.
        sd: (state,) standard deviation.
        increment: (state,) standard deviation of one step's change of the scaled state.
        mid: (parameter,) middle of the training box.
        half: (parameter,) half width of the training box.
    """

    mean: np.ndarray
    sd: np.ndarray
    increment: np.ndarray
    mid: np.ndarray
    half: np.ndarray

    @classmethod
    def fitted(cls, x: np.ndarray, y: np.ndarray, p: np.ndarray) -> Scaling:
        """From pairs of states one step apart, x and y (pair, state), and parameters (pair, k).

        A state that never changes gets scale 1, so that nothing is divided by zero.
        """

        def positive(a: np.ndarray) -> np.ndarray:
            return np.where(a > 0, a, 1.0)

        sd = positive(x.std(axis=0))
        low, high = p.min(axis=0), p.max(axis=0)
        return cls(
            mean=x.mean(axis=0),
            sd=sd,
            increment=positive(((y - x) / sd).std(axis=0)),
            mid=(low + high) / 2,
            half=positive((high - low) / 2),
        )

    def states(self, x: np.ndarray) -> np.ndarray:
        """Scaled states (..., state)."""
        return (x - self.mean) / self.sd

    def parameters(self, p: np.ndarray) -> np.ndarray:
        """Scaled parameters (..., parameter)."""
        return (p - self.mid) / self.half

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; floats keep all their digits."""
        return {k: getattr(self, k).tolist() for k in ("mean", "sd", "increment", "mid", "half")}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Scaling:
        """Inverse of `to_dict`."""
        return cls(**{k: np.asarray(v, dtype=float) for k, v in values.items()})
