"""Warnings of rollouts."""


class ExtrapolationWarning(UserWarning):
    """Parameters or states outside what the surrogate was trained on."""
