"""How large may the integration step be? Errors of fixed-step methods against a tight reference."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsurrogate import units

from ._base import System
from ._declarations import Convergence, SpikeRule

if TYPE_CHECKING:
    from snnsurrogate.kernels import Kernel

__all__ = ["convergence", "convergence_page", "default_step"]

METHODS = ("rk4", "exponential_euler")


def convergence(
    system: System,
    dts: Iterable[str] | None = None,
    *,
    methods: Iterable[str] = METHODS,
) -> tuple[Convergence, ...]:
    """Error of each method at each step, over the runs of ``system.benchmark``.

    The error of a run with spikes is the largest error of a spike time divided by the duration
    (infinite if the number of spikes differs); of a run without spikes, the largest difference of
    the state at the end, relative to the state scales. The worst run counts. Reference: DOP853
    with relative tolerance 1e-12 (scipy). Spike times are interpolated by cubic Hermite
    polynomials, so that the recording does not limit the answer.

    Args:
        system: a system with a benchmark.
        dts: steps, text with units; default those of the stored table.
        methods: "rk4" and "exponential_euler" (each variable exact for frozen others, using the
            diagonal of the Jacobian).

    Raises:
        ValueError: no benchmark, no steps, or an unknown method.
    """
    if system.benchmark is None:
        msg = f"system {system.name!r} has no benchmark; declare Benchmark(duration=..., at=...)."
        raise ValueError(msg)
    duration = units.magnitude(system.benchmark.duration, system.time_unit, what="duration")
    steps = list(dict.fromkeys(row.dt for row in system.convergence) if dts is None else dts)
    if not steps:
        msg = f"no steps to test for {system.name!r}; give dts=('0.01 ms', '0.02 ms', ...)."
        raise ValueError(msg)
    unknown = sorted(set(methods) - set(METHODS))
    if unknown:
        msg = f"unknown method {unknown[0]!r}; expected one of {', '.join(METHODS)}."
        raise ValueError(msg)
    references = [_reference(system, case, duration) for case in system.benchmark.at]
    rows = []
    for method in methods:
        for dt in steps:
            errors = [
                _error(system, case, duration, reference, method, dt)
                for case, reference in zip(system.benchmark.at, references, strict=True)
            ]
            rows.append(Convergence(dt=dt, method=method, error=max(errors)))
    return tuple(rows)


def default_step(rows: Iterable[Convergence], tolerance: float, method: str = "rk4") -> str:
    """The largest tabulated step of ``method`` with errors below ``tolerance`` up to it.

    Raises:
        ValueError: no step is accurate enough.
    """
    best = ""
    table = [row for row in rows if row.method == method]
    for row in sorted(table, key=lambda row: units.seconds(row.dt, what="dt")):
        if not row.error < tolerance:
            break
        best = row.dt
    if not best:
        msg = f"no step of {method} has an error below {tolerance:g}; test smaller steps."
        raise ValueError(msg)
    return best


def _start(system: System, case: Mapping[str, float]) -> tuple[Kernel, np.ndarray, np.ndarray]:
    kernel = system.kernel()
    x0 = np.array([system.initial[name] for name in system.state_names])
    return kernel, x0, kernel.parameter_matrix(case, 1)[0]


def _reference(
    system: System, case: Mapping[str, float], duration: float
) -> tuple[np.ndarray, np.ndarray]:
    """(spike times, final state) of the tight run."""
    from scipy.integrate import solve_ivp

    kernel, x0, p = _start(system, case)
    out = np.empty(len(x0))

    def rhs(_t: float, x: np.ndarray) -> np.ndarray:
        kernel.f(np.ascontiguousarray(x), p, out)
        return out.copy()

    events: Any = None
    if system.spikes is not None:
        index = system.state_names.index(system.spikes.state)
        threshold = system.spikes.threshold

        def events(_t: float, x: np.ndarray) -> float:
            return float(x[index] - threshold)

        events.direction = 1
    scale = np.array([state.scale for state in system.states])
    answer = solve_ivp(
        rhs, (0.0, duration), x0, method="DOP853", rtol=1e-12, atol=1e-13 * scale,
        events=events,
    )  # fmt: skip
    times = answer.t_events[0] if system.spikes is not None else np.empty(0)
    return times[times > 0], answer.y[:, -1]  # a start on the threshold is no crossing


def _error(
    system: System,
    case: Mapping[str, float],
    duration: float,
    reference: tuple[np.ndarray, np.ndarray],
    method: str,
    dt: str,
) -> float:
    from snnsurrogate.kernels import integrate, run_exponential_euler

    kernel, x0, p = _start(system, case)
    h = units.magnitude(dt, system.time_unit, what="dt")
    n = int(round(duration / h))
    if abs(n * h - duration) > 1e-6 * h:
        msg = f"dt {dt} does not divide the benchmark's duration {duration:g} {system.time_unit}."
        raise ValueError(msg)
    if method == "rk4":
        trace = integrate(kernel, x0, p, n_steps=n, dt=h)
    else:
        trace = np.empty((n + 1, len(x0)))
        run_exponential_euler(kernel.f, kernel.jac, x0, p, h, trace)
    if not np.isfinite(trace).all():
        return math.inf
    times, final = reference
    found = np.empty(0)
    if system.spikes is not None:
        found = _crossings(system, system.spikes, trace, p, h)
    if len(found) != len(times):
        return math.inf
    if len(times):
        return float(np.max(np.abs(found - times)) / duration)
    scale = np.array([state.scale for state in system.states])
    return float(np.max(np.abs(trace[-1] - final) / scale))


def _crossings(
    system: System, rule: SpikeRule, trace: np.ndarray, p: np.ndarray, h: float
) -> np.ndarray:
    """Upward crossings of the spike threshold, by cubic Hermite interpolation between steps."""
    index = system.state_names.index(rule.state)
    v = trace[:, index] - rule.threshold
    at = np.nonzero((v[:-1] < 0) & (v[1:] >= 0))[0]
    names = dict(zip(system.parameter_names, p, strict=True))
    a, b = v[at], v[at + 1]
    da = h * system.rhs(trace[at], names)[:, index]
    db = h * system.rhs(trace[at + 1], names)[:, index]
    low, high = np.zeros(len(at)), np.ones(len(at))
    for _ in range(50):  # bisection on the polynomial
        u = 0.5 * (low + high)
        cubic = (
            (2 * u**3 - 3 * u**2 + 1) * a
            + (u**3 - 2 * u**2 + u) * da
            + (3 * u**2 - 2 * u**3) * b
            + (u**3 - u**2) * db
        )
        low, high = np.where(cubic < 0, u, low), np.where(cubic < 0, high, u)
    return (at + 0.5 * (low + high)) * h


def convergence_page(systems: Iterable[System]) -> str:
    """The stored tables of ``systems`` as a Markdown page."""
    lines = [
        "# Integration steps",
        "",
        "The default step of a system is the largest tabulated step of RK4 whose error, and that "
        "of all smaller steps, stays below the tolerance. Error of a run with spikes: largest "
        "error of a spike time divided by the duration of the run (inf: another number of spikes, "
        "or divergence); of a run without spikes: difference of the final state relative to the "
        "state scales. The worst run of the benchmark counts. Reference: DOP853, relative "
        "tolerance 1e-12. `exponential_euler` is shown for contrast.",
        "",
        "Made by `snnsurrogate.systems.convergence`; a test computes the default's row again.",
    ]
    seen: set[tuple[Convergence, ...]] = set()
    for system in systems:
        if not system.convergence or system.convergence in seen or system.benchmark is None:
            continue
        seen.add(system.convergence)
        runs = "; ".join(
            ", ".join(f"{name} = {value:g}" for name, value in case.items()) or "defaults"
            for case in system.benchmark.at
        )
        lines += [
            "",
            f"## {system.name}",
            "",
            f"Default **{system.dt}** ({system.method}), tolerance {system.benchmark.tolerance:g}. "
            f"Runs of {system.benchmark.duration} at {runs}.",
            "",
            "| dt | " + " | ".join(METHODS) + " |",
            "|---|" + "---|" * len(METHODS),
        ]
        error = {(row.dt, row.method): row.error for row in system.convergence}
        for dt in dict.fromkeys(row.dt for row in system.convergence):
            cells = [f"{error[dt, m]:.1e}" if (dt, m) in error else "" for m in METHODS]
            lines.append(f"| {dt} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
