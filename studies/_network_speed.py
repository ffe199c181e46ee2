"""Speed of the study network-surrogate: simulators and surrogate measured in one run, one core."""

from __future__ import annotations

import resource
from typing import Any

import numpy as np

import snnsurrogate as sns

REGULAR = "markov-if:regular"
LEVELS = {"single": 2500.0, "batch": 3500.0}  # biological seconds per second, to reach
REPEATS = 3  # of which the fastest counts
HOPES = {"single": 4000.0, "batch": 7000.0}


def processor_seconds() -> float:
    """Of this process and its children that have ended."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def simulator(engine: str, seconds: float, n: int = 400, repeats: int = REPEATS) -> float:
    """Biological seconds per processor second; builds and start-up are in the run taken off."""
    network = sns.systems.get(REGULAR)
    weights = {k: network.defaults[k] * 400 / n for k in ("S_EE", "S_IE", "S_EI", "S_II")}
    point = weights | {"N_E": 0.75 * n, "N_I": 0.25 * n}
    lengths = [100, 100 + round(1000 * seconds)]

    def used(duration: int) -> float:
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
        return processor_seconds() - before

    used(lengths[0])  # may build
    rows = [[used(duration) for duration in lengths] for _ in range(repeats)]
    short, long = np.min(rows, axis=0)
    return (lengths[1] - lengths[0]) / 1000 / max(long - short, 1e-9)


def surrogate(model: Any, samples: int, seconds: float, repeats: int = REPEATS) -> float:
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


def measured(
    model: Any, *, seconds: float, batch: int, brian2: bool, sizes: tuple[int, ...]
) -> dict[str, float]:
    """Biological seconds per second of one core, by what makes them."""
    found = {"exact": simulator("exact", seconds)}
    if brian2:
        found["brian2"] = simulator("brian2", seconds / 2)
    for n in sizes:  # pending kicks grow as n squared
        found[f"exact.{n}"] = simulator("exact", seconds * (400 / n) ** 1.5, n, repeats=1)
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
    words |= {k: f"exact engine, N = {k[6:]}" for k in found if k.startswith("exact.")}
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
    for name in (k for k in found if k.startswith("exact.")):
        ratio = {"value": found["single"] / found[name], "unit": "1", "floor": None}
        flat[f"speed.single.over_{name}"] = ratio
    caption = "Biological seconds per processor second of one core, regular regime, N = 400 where "
    caption += "none is said, weights times 400 / N; all in one run on one machine, the best of "
    caption += "three (of other N: once). Simulators without builds and start-up; rollouts with "
    caption += "their random numbers, the 1 s before the record and the dataset. A step of the map "
    caption += "has no part that depends on N."
    head = ["", "biological s / s", "over exact", "to reach"]
    return {"title": "Speed", "caption": caption, "head": head, "rows": rows}, flat
