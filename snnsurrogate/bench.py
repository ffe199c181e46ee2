"""Speed figures, both sides of every ratio measured in one run on the same machine.

A benchmark is a function ``quick -> list of Figure``; one line in BENCHMARKS registers it.
"""

from __future__ import annotations

import difflib
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Value = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number.

    Attributes:
        benchmark: name of the benchmark that measured it.
        name: what the number is.
        value: the number.
        unit: its unit; "1" for a ratio.
        target: what it has to reach, or None.
        better: which way is good.
    """

    benchmark: str
    name: str
    value: float
    unit: str
    target: float | None = None
    better: Literal["higher", "lower"] = "higher"


def _sweep(quick: bool) -> list[Figure]:
    from snnsurrogate.simulate import benchmark

    found = benchmark.brian2_against_kernel(quick=quick)
    name = "sweep"
    return [
        Figure(
            benchmark=name, name="Brian2, bursting neurons", value=found["brian2"], unit="step/s"
        ),
        Figure(benchmark=name, name="C++ kernel", value=found["kernel"], unit="step/s"),
        Figure(
            benchmark=name,
            name="Brian2 / kernel",
            value=found["brian2"] / found["kernel"],
            unit="1",
            target=0.5,
        ),
    ]


def _rollout(quick: bool) -> list[Figure]:
    from snnsurrogate.surrogate import benchmark

    found = benchmark.rollout_against_torch(quick=quick)
    name = "rollout"
    return [
        Figure(benchmark=name, name="compiled rollout", value=found["rollout"], unit="step/s"),
        Figure(benchmark=name, name="torch eager", value=found["torch"], unit="step/s"),
        Figure(
            benchmark=name,
            name="compiled / torch",
            value=found["rollout"] / found["torch"],
            unit="1",
            target=30,
        ),
    ]


def _rebuild(quick: bool) -> list[Figure]:
    """Builds made by a second sweep of the same system, with everything but the system changed."""
    from snnsurrogate.simulate import Design, benchmark, simulate

    common = {"record_every": "10 ms"}
    simulate("sherman", Design.grid({"V_S": [-40.0, -36.0]}), duration="1 s", **common)
    before, start = benchmark.builds(), time.perf_counter()
    changed = Design.grid({"V_S": [-43.0, -38.0, -34.0], "g_S": [3.9, 4.1]})
    simulate("sherman", changed, duration="2 s", **common)
    wall = time.perf_counter() - start
    name = "second sweep"
    return [
        Figure(
            benchmark=name,
            name="programs compiled",
            value=float(benchmark.builds() - before),
            unit="1",
            target=0,
            better="lower",
        ),
        Figure(benchmark=name, name="wall time", value=wall, unit="s", better="lower"),
    ]


BENCHMARKS: dict[str, Callable[[bool], list[Figure]]] = {
    "sweep": _sweep,
    "rollout": _rollout,
    "second-sweep": _rebuild,
}


def run(only: Sequence[str] | None = None, *, quick: bool = False) -> list[Figure]:
    """Run benchmarks by name, or all.

    Raises:
        ValueError: unknown name, with the names there are and the nearest.
    """
    names = list(only or BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            near = difflib.get_close_matches(name, BENCHMARKS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            msg = f"no benchmark {name!r}; expected one of {', '.join(BENCHMARKS)}.{hint}"
            raise ValueError(msg)
    return [figure for name in names for figure in BENCHMARKS[name](quick)]


def to_json(figures: Sequence[Figure]) -> dict[str, Any]:
    """Return the figures and the machine they were measured on, as JSON-able data."""
    return {
        "machine": {
            "platform": platform.platform(),
            "python": platform.python_version(),
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
        },
        "figures": [asdict(figure) for figure in figures],
    }
