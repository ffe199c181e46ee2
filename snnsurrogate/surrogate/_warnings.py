"""Warnings and errors of rollouts, and when a driven one gives them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any


class ExtrapolationWarning(UserWarning):
    """Parameters or states outside what the surrogate was trained on."""


class RejectedError(ValueError):
    """No map was found whose free runs are like the series it was trained on.

    Attributes:
        surrogate: the best one that was found, for a report; its card says what is wrong with it.
    """

    def __init__(self, message: str, surrogate: Any) -> None:
        super().__init__(message)
        self.surrogate = surrogate


class NoRestError(ValueError):
    """A driven neuron without a stable state without input, from which a run could begin."""


def check_input_range(
    about: Mapping[str, Any], low: float, high: float, *, strict: bool, stacklevel: int
) -> None:
    """Warn where an input leaves the range that a card says was trained, or raise if strict."""
    slack = 1e-9 * (about["high"] - about["low"])
    if low >= about["low"] - slack and high <= about["high"] + slack:
        return
    said = (
        f"{about['name']} runs over [{low:g}, {high:g}] {about['unit']}, outside the trained range "
        f"[{about['low']:g}, {about['high']:g}]"
    )
    if strict:
        msg = f"{said}; strict=True allows no extrapolation"
        raise ValueError(msg)
    warnings.warn(said, ExtrapolationWarning, stacklevel=stacklevel + 1)
