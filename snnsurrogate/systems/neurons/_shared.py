"""Shorthand of the system files."""

from __future__ import annotations

from snnsurrogate.systems._declarations import Check, Convergence, Parameter, State

# Source of rates and spike counts made without the package's own integrator.
INTEGRATED = (
    "computed from the equations, written out again by hand: scipy's DOP853, relative tolerance "
    "1e-10; LSODA agrees"
)


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


def rate(current: float, hertz: float, transient: str, duration: str, source: str) -> Check:
    """A known steady firing rate at an injected current ``I`` (uA/cm**2 or dimensionless)."""
    return Check(
        name=f"steady firing rate at I = {current:g}: {hertz:g} Hz", kind="rate",
        parameters={"I": current}, value=hertz / 1000, atol=1e-4 * hertz / 1000, unit="1/ms",
        transient=transient, duration=duration, source=source,
    )  # fmt: skip


def spikes(current: float, count: int, start: int, stop: int, source: str) -> Check:
    """A known number of spikes between ``start`` and ``stop`` (ms) at an injected current ``I``."""
    return Check(
        name=f"{count} spikes from {start} to {stop} ms at I = {current:g}", kind="spike_count",
        parameters={"I": current}, value=count, atol=0, unit="1",
        transient=f"{start} ms", duration=f"{stop - start} ms", source=source,
    )  # fmt: skip


def errors(*rows: tuple[str, float, float]) -> tuple[Convergence, ...]:
    """A stored convergence table: (dt, error of RK4, error of exponential Euler) per row."""
    rk4 = [Convergence(dt=dt, method="rk4", error=error) for dt, error, _ in rows]
    euler = [Convergence(dt=dt, method="exponential_euler", error=error) for dt, _, error in rows]
    return (*rk4, *euler)
