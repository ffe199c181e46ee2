"""Warnings and errors of rollouts."""


class ExtrapolationWarning(UserWarning):
    """Parameters or states outside what the surrogate was trained on."""


class NoRestError(ValueError):
    """A driven neuron without a stable state without input, from which a run could begin."""
