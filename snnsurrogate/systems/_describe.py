"""A system as a page of text, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._base import System

__all__ = ["describe"]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [head, tuple("-" * width for width in widths), *rows]
    return [
        "  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in lines
    ]


def describe(system: System) -> str:
    """Title, equations, parameters and states with units, rules, step and source."""
    lines = [f"{system.name}: {system.title}", "", "Equations"]
    lines += ["  " + line.strip() for line in system.equations.strip().splitlines()]
    lines += ["", "Parameters"]
    lines += _table(
        ("name", "default", "unit", "range", "meaning"),
        [
            (p.name, f"{p.value:g}", p.unit, f"[{p.low:g}, {p.high:g}]", p.meaning)
            for p in system.parameters
        ],
    )
    lines += ["", "States"]
    lines += _table(
        ("name", "initial", "unit", "box", "scale", "meaning"),
        [
            (s.name, f"{system.initial[s.name]:g}", s.unit, f"[{s.low:g}, {s.high:g}]",
             f"{s.scale:g}", s.meaning)
            for s in system.states
        ],
    )  # fmt: skip
    lines += ["", f"Time in {system.time_unit}; default step {system.dt} ({system.method})."]
    if system.spikes is not None:
        rule, unit = system.spikes, system.state(system.spikes.state).unit
        unit = "" if unit == "1" else f" {unit}"
        lines.append(
            f"Spike: {rule.state} rises through {rule.threshold:g}{unit}, counted again after it "
            f"fell below {rule.reset:g}{unit}; recording step at most {rule.max_step}."
        )
    if system.input is not None:
        lines.append(f"Injected current enters through {system.input}.")
    if system.convergence:
        lines += ["", "Convergence (largest spike-time or state error, relative; see docs)"]
        methods = list(dict.fromkeys(row.method for row in system.convergence))
        steps = list(dict.fromkeys(row.dt for row in system.convergence))
        error = {(row.dt, row.method): f"{row.error:.1e}" for row in system.convergence}
        rows = [(dt, *(error.get((dt, method), "") for method in methods)) for dt in steps]
        lines += _table(("dt", *methods), rows)
    lines += ["", f"Source: {system.source}"]
    return "\n".join(lines)
