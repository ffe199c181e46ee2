"""Speed figures, both sides of every ratio measured in one run on the same machine.

A benchmark is a function ``quick -> list of Figure``; one line in BENCHMARKS registers it.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from snnsurrogate._names import suggestion


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


Labels = Mapping[str, tuple[str, str]]  # key of a result -> (what it is, unit)
_SWEEP: Labels = {
    "ratio": ("Brian2 program / C++ kernel", "1"),
    "ratio_simulate": ("simulate(), all included / C++ kernel", "1"),
    "program": ("Brian2 program, 2048 bursting neurons", "neuron-steps/s"),
    "simulate": ("simulate(), all included", "neuron-steps/s"),
    "kernel": ("C++ kernel, by hand", "neuron-steps/s"),
    "ratio_without_K2": ("Brian2 program / C++ kernel without I_K2", "1"),
    "kernel_without_K2": ("C++ kernel without I_K2", "neuron-steps/s"),
    "largest_difference": ("largest difference of summed final voltages", "mV"),
}
_ROLLOUT: Labels = {
    "ratio": ("compiled rollout / torch eager", "1"),
    "ratio_min": ("smallest ratio of the pairs", "1"),
    "ratio_max": ("largest ratio of the pairs", "1"),
    "compiled_steps_per_s": ("compiled rollout, one trajectory", "step/s"),
    "torch_steps_per_s": ("torch eager, one trajectory", "step/s"),
}


def _figures(
    benchmark: str, found: Mapping[str, float], labels: Labels, *, target: float
) -> list[Figure]:
    """Return what a benchmark function found; its "ratio" is what has to reach the target."""
    return [
        Figure(
            benchmark=benchmark,
            name=name,
            value=float(found[key]),
            unit=unit,
            target=target if key == "ratio" else None,
            better="lower" if unit == "mV" else "higher",
        )
        for key, (name, unit) in labels.items()
        if key in found
    ]


def _sweep(quick: bool) -> list[Figure]:
    """Brian2 sweep of bursting neurons beside a hand-vectorised C++ kernel, one core."""
    from snnsurrogate.simulate.benchmark import brian2_against_kernel

    less: dict[str, int] = {"steps": 2000, "rounds": 1} if quick else {}
    return _figures("sweep", brian2_against_kernel(**less), _SWEEP, target=0.5)


def _rollout(quick: bool) -> list[Figure]:
    """Compiled rollout of one trajectory beside torch eager, one process."""
    from snnsurrogate.surrogate.benchmark import rollout_against_torch

    less: dict[str, int] = {"steps": 4000, "repeats": 3} if quick else {}
    return _figures("rollout", rollout_against_torch(**less), _ROLLOUT, target=30)  # type: ignore[arg-type]


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


def _networks(quick: bool) -> list[Figure]:
    """Both engines of the Markovian network, 300 + 100 cells, one core, all included."""
    from snnsurrogate.simulate.network_benchmark import engines

    found = engines(seconds=1.0 if quick else 10.0)
    unit = {"benchmark": "networks", "unit": "biological s/s"}
    return [
        Figure(name="exact engine", value=found["exact"], target=5, **unit),  # type: ignore[arg-type]
        Figure(name="Brian2 at the default step", value=found["brian2"], target=2, **unit),  # type: ignore[arg-type]
        Figure(benchmark="networks", name="Brian2 / exact", value=found["ratio"], unit="1"),
    ]


def _network_sweep(quick: bool) -> list[Figure]:
    """A sweep of 200 parameter points x 2 s of the Markovian network on all cores, to a file."""
    from snnsurrogate.simulate.network_benchmark import sweep_of_points

    size = {"points": 8, "seconds": 0.5} if quick else {"points": 200, "seconds": 2.0}
    figures = []
    for engine, found in sweep_of_points(**size).items():  # type: ignore[arg-type]
        for key, name, unit, target, better in (
            ("busy", "share of all cores that is busy", "1", 0.9, "higher"),
            ("peak", "peak memory of the collecting process", "MiB", 1536, "lower"),
            ("built", "programs compiled", "1", 0, "lower"),
            ("rate", "all cores, all included", "biological s/s", None, "higher"),
        ):
            figures.append(
                Figure(
                    benchmark="network-sweep",
                    name=f"{engine}: {name}",
                    value=found[key],
                    unit=unit,
                    target=target,
                    better=better,  # type: ignore[arg-type]
                )
            )
    return figures


def _network_surrogate(quick: bool) -> list[Figure]:
    """A map of the network beside the exact engine: one, 256 together, and 400 to 6400 cells."""
    from snnsurrogate.surrogate.network_benchmark import CELLS, map_against_exact

    less = {"seconds": 150.0, "batch": 64, "together": 5.0, "exact": 0.5} if quick else {}
    found = map_against_exact(**less)  # type: ignore[arg-type]
    figures = []
    for cells in CELLS:
        first = cells == CELLS[0]
        for key, name, unit, target in (
            ("alone", "one map", "biological s/s", 2500 if first else None),
            ("batch", f"{less.get('batch', 256)} maps together", "biological s/s", 3500),
            ("alone-rates", "one map, rates only", "biological s/s", None),
            ("batch-rates", "maps together, rates only", "biological s/s", None),
            ("exact", "exact engine", "biological s/s", None),
            ("alone-ratio", "one map / exact engine", "1", None),
            ("batch-ratio", "maps together / exact engine", "1", None),
        ):
            if f"{key}-{cells}" in found:
                figures.append(
                    Figure(
                        benchmark="network-surrogate",
                        name=f"{cells} cells: {name}",
                        value=found[f"{key}-{cells}"],
                        unit=unit,
                        target=target,
                    )
                )
    return figures


BENCHMARKS: dict[str, Callable[[bool], list[Figure]]] = {
    "sweep": _sweep,
    "rollout": _rollout,
    "second-sweep": _second_sweep,
    "networks": _networks,
    "network-sweep": _network_sweep,
    "network-surrogate": _network_surrogate,
}


def run(only: Sequence[str] | None = None, *, quick: bool = False) -> list[Figure]:
    """Run benchmarks by name, or all.

    Raises:
        ValueError: unknown name, with the names there are and the nearest.
    """
    names = list(only or BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            hint = suggestion(name, BENCHMARKS)
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
