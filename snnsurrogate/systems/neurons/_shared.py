"""Shorthand of the system files."""

from __future__ import annotations

from snnsurrogate.systems._declarations import Check, Convergence, Parameter, State


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


def errors(*rows: tuple[str, float, float]) -> tuple[Convergence, ...]:
    """A stored convergence table: (dt, error of RK4, error of exponential Euler) per row."""
    rk4 = [Convergence(dt=dt, method="rk4", error=error) for dt, error, _ in rows]
    euler = [Convergence(dt=dt, method="exponential_euler", error=error) for dt, _, error in rows]
    return (*rk4, *euler)
