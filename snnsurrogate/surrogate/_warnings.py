"""Warnings and errors of rollouts."""

from __future__ import annotations

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
