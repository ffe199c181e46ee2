"""Shorthand of the system files."""

from __future__ import annotations

from .._base import Check, Parameter, State


def parameter(
    name: str, value: float, unit: str, low: float, high: float, meaning: str
) -> Parameter:
    """A :class:`Parameter` on one line."""
    return Parameter(name=name, value=value, unit=unit, low=low, high=high, meaning=meaning)


def state(
    name: str, unit: str, scale: float, low: float, high: float, initial: float, meaning: str
) -> State:
    """A :class:`State` on one line."""
    return State(
        name=name, unit=unit, scale=scale, low=low, high=high, initial=initial, meaning=meaning
    )


def hopf(
    along: str, value: float, bracket: tuple[float, float], atol: float, unit: str, source: str
) -> Check:
    """A known Hopf point on a branch of fixed points."""
    return Check(
        name=f"Hopf point at {along} = {value:g}", kind="hopf", along=along, bracket=bracket,
        value=value, atol=atol, unit=unit, source=source,
    )  # fmt: skip
