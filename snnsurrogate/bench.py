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


def _figures(benchmark: str, found: Mapping[str, float], *, target: float) -> list[Figure]:
    """Return what a benchmark function found; its "ratio" is what has to reach the target."""
    figures = []
    for key, value in found.items():
        unit = key.rpartition("_per_")[2] if "_per_" in key else ""
        figures.append(
            Figure(
                benchmark=benchmark,
                name=key.removesuffix(f"_per_{unit}").replace("_", " "),
                value=float(value),
                unit=f"1/{unit}" if unit else "1",
                target=target if key == "ratio" else None,
            )
        )
    return figures


def _sweep(quick: bool) -> list[Figure]:
    """Brian2 sweep of bursting neurons beside a hand-vectorised C++ kernel."""
    from snnsurrogate.simulate.benchmark import brian2_against_kernel

    return _figures("sweep", brian2_against_kernel(), target=0.5)


def _rollout(quick: bool) -> list[Figure]:
    """Compiled rollout of one trajectory beside torch eager."""
    from snnsurrogate.surrogate.benchmark import rollout_against_torch

    found = rollout_against_torch(steps=4000, repeats=3) if quick else rollout_against_torch()
    return _figures("rollout", found, target=30)


def _second_sweep(quick: bool) -> list[Figure]:
    """A second sweep with other parameters, sample count and duration: it must not compile."""
    from snnsurrogate import systems
    from snnsurrogate.simulate import Design, simulate
    from snnsurrogate.simulate.brian2_engine import prepare

    def timed(design: Design, duration: str) -> float:
        start = time.perf_counter()
        simulate("sherman", design, duration=duration, record_every="10 ms", progress=False)
        return time.perf_counter() - start

    timed(Design.grid({"V_S": [-40.0, -36.0]}), "1 s")
    wall = timed(Design.grid({"V_S": [-43.0, -38.0, -34.0], "g_S": [3.9, 4.1]}), "2 s")
    built = prepare(systems.get("sherman")).built
    lower: dict[str, Any] = {"benchmark": "second-sweep", "better": "lower"}
    return [
        Figure(name="programs compiled", value=float(built), unit="1", target=0, **lower),
        Figure(name="wall time", value=wall, unit="s", **lower),
    ]


BENCHMARKS: dict[str, Callable[[bool], list[Figure]]] = {
    "sweep": _sweep,
    "rollout": _rollout,
    "second-sweep": _second_sweep,
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
