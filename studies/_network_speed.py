"""Speed of the study network-surrogate: simulators and surrogate measured in one run, one core."""

from __future__ import annotations

import resource
from typing import Any

import numpy as np

import snnsurrogate as sns

REGULAR = "markov-if:regular"
LEVELS = {"single": 2500.0, "batch": 3500.0}  # biological seconds per second, to reach
HOPES = {"single": 4000.0, "batch": 7000.0}


def processor_seconds() -> float:
    """Of this process and its children that have ended."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def simulator(engine: str, seconds: float, n: int = 400) -> float:
    """Biological seconds per processor second; builds and start-up are in the run taken off."""
    network = sns.systems.get(REGULAR)
    weights = {k: network.defaults[k] * 400 / n for k in ("S_EE", "S_IE", "S_EI", "S_II")}
    point = weights | {"N_E": 0.75 * n, "N_I": 0.25 * n}
    used, lengths = [], (100, 100 + round(1000 * seconds))
    for duration in (lengths[0], *lengths):  # the first one may build
        before = processor_seconds()
        sns.simulate(
            network,
            sns.Design.points({k: [v] for k, v in point.items()}),
            duration=f"{duration} ms",
            record_every="1 ms",
            engine=engine,
            record=[],
            processes=1,
        )
        used.append(processor_seconds() - before)
    return (lengths[1] - lengths[0]) / 1000 / max(used[2] - used[1], 1e-9)


def surrogate(model: Any, samples: int, seconds: float, repeats: int = 3) -> float:
    """Biological seconds per processor second of a rollout, random numbers and dataset included."""
    network = sns.systems.get(REGULAR)
    known = {k: np.full(samples, network.defaults[k]) for k in model.parameters}
    best = 0.0
    model.rollout(None, known, "10 ms", record=[])  # compiles
    for seed in range(repeats):
        before = processor_seconds()
        model.rollout(None, known, f"{seconds:g} s", seed=seed, record=[])
        best = max(best, samples * seconds / (processor_seconds() - before))
    return best


def measured(model: Any, *, seconds: float, batch: int, brian2: bool) -> dict[str, float]:
    """Biological seconds per second of one core, by what makes them."""
    found = {"exact": simulator("exact", seconds)}
    if brian2:
        found["brian2"] = simulator("brian2", seconds / 2)
    found["single"] = surrogate(model, 1, 60 * seconds)
    found["batch"] = surrogate(model, batch, 2 * seconds)
    return found


def table(found: dict[str, float], batch: int) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Rows of the page, and the numbers."""
    words = {
        "exact": "exact engine",
        "brian2": "Brian2, default step",
        "single": "surrogate, one network",
        "batch": f"surrogate, batch of {batch}",
    }
    rows, flat = [], {}
    for name, value in found.items():
        ratio = value / found["exact"]
        goal = f"{LEVELS[name]:g}, then {HOPES[name]:g}" if name in LEVELS else ""
        rows.append([words[name], f"{value:.3g}", f"{ratio:.3g}", goal])
        entry: dict[str, Any] = {"value": value, "unit": "s/s", "floor": None}
        if name in LEVELS:
            entry |= {"target": LEVELS[name], "met": value >= LEVELS[name]}
            entry |= {"hope": HOPES[name], "hope_met": value >= HOPES[name]}
        flat[f"speed.{name}"] = entry
        flat[f"speed.{name}.over_exact"] = {"value": ratio, "unit": "1", "floor": None}
    caption = "Biological seconds per processor second of one core, N = 400, regular regime, all "
    caption += "in one run on one machine. Simulators without builds and start-up, rollouts with "
    caption += "their random numbers, the 1 s before the record and the dataset."
    head = ["", "biological s / s", "over exact", "to reach"]
    return {"title": "Speed", "caption": caption, "head": head, "rows": rows}, flat
