"""What a design draws: sequences in the unit box, random states, and the recipe of it all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snnsurrogate.simulate._values import Entry, read


def read_initial(
    initial: Mapping[str, Any] | None, given: dict[str, str | None]
) -> dict[str, Entry]:
    """Read the initial states of a design."""
    entries = {}
    for name, value in (initial or {}).items():
        entries[name] = read(f"initial_{name}", value, given)
    return entries


def draw(starts: Mapping[str, Entry], n: int, seed: int) -> dict[str, np.ndarray]:
    """States from boxes, uniform and independent, and numbers that are the same for all."""
    rng = np.random.default_rng(seed)
    states = {}
    for name, entry in starts.items():
        if entry.kind == "box":
            states[name] = rng.uniform(entry.values[0], entry.values[1], size=n)
        elif entry.kind == "number":
            states[name] = np.full(n, entry.values)
    return states


def ordered(states: Mapping[str, np.ndarray], starts: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The states in the order in which they were given."""
    return {name: states[name] for name in starts}


def scaled(boxes: Mapping[str, Entry], points: np.ndarray) -> dict[str, np.ndarray]:
    """Points of the unit box, stretched to the boxes of the names."""
    return {
        name: entry.values[0] + (entry.values[1] - entry.values[0]) * points[:, i]
        for i, (name, entry) in enumerate(boxes.items())
    }


def recipe(
    scheme: str,
    parameters: Mapping[str, Entry],
    initial: Mapping[str, Entry],
    given: Mapping[str, str | None],
    repeats: int,
    seed: int,
) -> dict[str, Any]:
    """What :meth:`Design.from_json` needs to make the design again."""
    return {
        "scheme": scheme,
        "parameters": {name: entry.to_json() for name, entry in parameters.items()},
        "initial": {name: entry.to_json() for name, entry in initial.items()},
        "units": {name: unit for name, unit in given.items() if unit is not None},
        "repeats": repeats,
        "seed": seed,
    }


def _sobol(d: int, n: int, seed: int) -> np.ndarray:
    from scipy.stats import qmc

    # scipy warns unless a power of two is drawn; the first n of one are the same points.
    return qmc.Sobol(d, seed=seed).random_base2(max(n - 1, 0).bit_length())[:n]


def _lhs(d: int, n: int, seed: int) -> np.ndarray:
    from scipy.stats import qmc

    return qmc.LatinHypercube(d, seed=seed).random(n)


SEQUENCES = {"sobol": _sobol, "lhs": _lhs}
