"""The catalogue of systems, models, features, metrics and studies, written from the registries."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Iterable, Sequence
from typing import Any


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in rows:
        cells = [str(cell).replace("|", r"\|").replace("\n", " ") for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit


def _error(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1e}" if math.isfinite(value) else "unusable"


def _system(system: Any) -> list[str]:
    lines = [f"### `{system.name}`", "", f"{system.title}. Source: {system.source}", ""]
    equations = [line.strip() for line in system.equations.strip().splitlines()]
    lines += ["```", *equations, "```", ""]
    lines += _table(
        ("parameter", "default", "unit", "range", "meaning"),
        [
            (p.name, f"{p.value:g}", _unit(p.unit), f"{p.low:g} to {p.high:g}", p.meaning)
            for p in system.parameters
        ],
    )
    lines += _table(
        ("state", "unit", "box of initial states", "meaning"),
        [(s.name, _unit(s.unit), f"{s.low:g} to {s.high:g}", s.meaning) for s in system.states],
    )
    lines += [f"Time in {system.time_unit}; default step {system.dt}, method {system.method}.", ""]
    if system.convergence:
        lines += ["Why this step (largest relative error of spike times or states):", ""]
        methods = list(dict.fromkeys(row.method for row in system.convergence))
        steps = list(dict.fromkeys(row.dt for row in system.convergence))
        error = {(row.dt, row.method): row.error for row in system.convergence}
        lines += _table(
            ("step", *methods),
            [(dt, *(_error(error.get((dt, method))) for method in methods)) for dt in steps],
        )
    return lines


def _first(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ")


def _model(model: Any) -> list[str]:
    lines = [f"### `{model.name}`", "", _first(model), ""]
    rows = [(f.name, repr(f.default), f.type) for f in dataclasses.fields(model)]
    return lines + (_table(("setting", "default", "type"), rows) if rows else [])


def markdown() -> str:
    """Return the catalogue as one Markdown page."""
    import snnsurrogate as sns
    from snnsurrogate import _studies
    from snnsurrogate.evaluate.metrics import METRICS, NETWORK_METRICS

    lines = [
        "# Catalogue",
        "",
        "Written by `make catalogue` from the registries; do not edit.",
        "",
        "## Systems",
        "",
    ]
    systems = [sns.systems.get(name) for name in sns.systems.names("neuron")]
    lines += _table(("name", "what"), [(f"`{s.name}`", s.title) for s in systems])
    for system in systems:
        lines += _system(system)
    networks = [sns.systems.get(name) for name in sns.systems.names("network")]
    lines += ["## Networks", ""]
    lines += _table(("name", "what"), [(f"`{n.name}`", n.title) for n in networks])
    for network in networks:
        lines += [f"### `{network.name}`", "", "```", network.describe(), "```", ""]
    lines += ["## Surrogate models", ""]
    for name in sns.models.names():
        lines += _model(sns.models.get(name))
    for kind, of in (("network", "networks"), ("driven", "driven neurons")):
        lines += [f"## Baselines of {of}", ""]
        for name in sns.baselines.names(kind):
            lines += _model(sns.baselines.get(name))
    lines += ["## Features", ""]
    features = sns.features.FEATURES.items()
    lines += _table(
        ("name", "unit", "what"), [(f"`{n}`", f.unit, f.long_name) for n, f in features]
    )
    lines += ["## Metrics", ""]
    metrics = (METRICS | NETWORK_METRICS).values()
    lines += _table(
        ("name", "reads", "unit", "ideal", "better", "what"),
        [(f"`{m.name}`", m.reads, m.unit, f"{m.ideal:g}", m.better, m.long_name) for m in metrics],
    )
    lines += ["## Studies", ""]
    studies = _studies.studies().values()
    lines += _table(("name", "question"), [(f"`{s.name}`", s.question) for s in studies])
    return "\n".join(lines).rstrip() + "\n"
