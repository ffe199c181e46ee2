"""A system as a page of text, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._base import System
    from ._model import Model
    from ._network import Network

__all__ = ["describe", "describe_network"]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [head, tuple("-" * width for width in widths), *rows]
    return [
        "  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in lines
    ]


def _parameters(model: Model) -> list[str]:
    rows = [
        (p.name, f"{p.value:g}", p.unit, f"[{p.low:g}, {p.high:g}]", p.meaning)
        for p in model.parameters
    ]
    return ["", "Parameters", *_table(("name", "default", "unit", "range", "meaning"), rows)]


def describe(system: System) -> str:
    """Title, equations, parameters and states with units, rules, step and source."""
    lines = [f"{system.name}: {system.title}", "", "Equations"]
    lines += ["  " + line.strip() for line in system.equations.strip().splitlines()]
    lines += _parameters(system)
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


def describe_network(network: Network) -> str:
    """Title, Brian2 text, parameters with units, presets, what is recorded, step and source."""
    lines = [f"{network.name}: {network.title}", ""]
    lines += network.equations.splitlines()
    lines += _parameters(network)
    if network.presets:
        lines += ["", "Presets"]
        lines += _table(
            ("name", "differs from the defaults in"),
            [
                (name, ", ".join(f"{k} = {v:g}" for k, v in values.items()) or "nothing")
                for name, values in network.presets.items()
            ],
        )
    rows = [
        (f"rate_{p.name}", "Hz", f"spikes per {p.name} cell and time") for p in network.populations
    ]
    rows += [(s.name, s.unit, s.meaning) for s in network.series]
    rows += [(h.name, "1", f"histogram: {h.meaning}") for h in network.histograms]
    lines += ["", "Recorded, besides spikes", *_table(("name", "unit", "meaning"), rows)]
    engines = "brian2, exact" if network.exact else "brian2"
    lines += ["", f"Time in {network.time_unit}; default step {network.dt}; engines: {engines}."]
    lines.append(f"A run is stopped where a rate exceeds {network.runaway:g} Hz over 100 ms.")
    lines += ["", f"Source: {network.source}"]
    return "\n".join(lines)
