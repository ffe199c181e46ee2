"""Analogues: the next state is what followed a similar state of a training run.

The state is the coarse state of a stored time; a step looks for the nearest stored states, draws
one of them and takes its successor. States are standardised, parameters run from -1 to 1; both are
in the distance. Candidates are the nearest runs in parameter space. Every state of a rollout is one
that the network was in, so that a rollout is a walk on stored times: the neighbours of all of them
are found once per parameter point (k-d trees), and steps are lookups.

Source: analogues, Lorenz (1969), doi:10.1175/1520-0469(1969)26<636:APARBN>2.0.CO;2; draws among the
nearest, Lall & Sharma (1996), doi:10.1029/95WR02966.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numba import njit
from scipy.spatial import cKDTree

from snnsurrogate.surrogate.baselines._base import (
    BURN_IN,
    Baseline,
    OneByOne,
    register,
    whole_numbers,
)
from snnsurrogate.surrogate.baselines._runs import Runs


@register
@dataclass(frozen=True, kw_only=True)
class Analogues(Baseline):
    """Random walk on the states of the nearest training runs.

    Attributes:
        neighbours: nearest states a step draws from.
        runs: nearest training runs whose states are candidates.
    """

    name: ClassVar[str] = "analogues"
    view: ClassVar[str] = "coarse"
    neighbours: int = 5
    runs: int = 4

    def __post_init__(self) -> None:
        whole_numbers(self, "neighbours", "runs")

    def learn(self, runs: Runs, seed: int) -> OneByOne:
        """Nothing but the runs."""
        return _Walk(runs=runs, config=self)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Walk(OneByOne):
    config: Analogues
    kept: dict[bytes, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def sample(
        self, parameters: Mapping[str, float], records: int, rng: np.random.Generator
    ) -> np.ndarray:
        chosen, table = self._table(parameters)
        n = records + BURN_IN
        draws = rng.integers(0, table.shape[1], n)
        visited = _walk(table, int(rng.integers(len(table))), draws)
        x = self.runs.x[chosen].reshape(-1, len(self.columns))
        return x[visited[BURN_IN:]]

    def _table(self, parameters: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """The chosen runs, and for each of their times the times a step may lead to."""
        at = self.runs.scaled(parameters)
        if at.tobytes() not in self.kept:
            self.kept.clear()  # samples of one point follow each other; a table has some 10 MB
            order, apart = self.runs.nearest(parameters)
            chosen = order[: self.config.runs]
            x = self.runs.scaling.states(self.runs.x[chosen])
            self.kept[at.tobytes()] = chosen, successors(x, apart, self.config.neighbours)
        return self.kept[at.tobytes()]


def successors(x: np.ndarray, apart: np.ndarray, neighbours: int) -> np.ndarray:
    """For every stored time, numbered run after run, the times that follow its nearest states.

    Args:
        x: (run, time, column) scaled states; the first record of a run is left out, because it may
            cover the transient, and the last has no successor.
        apart: (run,) distance of each run in parameters, or more of them.
        neighbours: how many.

    Returns:
        (run times time, neighbours) numbers of times.
    """
    runs, times, columns = x.shape
    here = x.reshape(-1, columns)
    k = min(neighbours, times - 2)
    distances, following = [], []
    for run in range(runs):  # one tree each: what all states of a run are apart by needs no search
        tree = cKDTree(x[run, 1:-1], balanced_tree=False)
        far, near = tree.query(here, k=[*range(1, k + 1)])
        distances.append(far**2 + apart[run] ** 2)
        following.append(near + 2 + run * times)
    nearest = np.argpartition(np.concatenate(distances, 1), k - 1, axis=1)[:, :k]
    return np.take_along_axis(np.concatenate(following, 1), nearest, 1)


@njit(cache=True)
def _walk(table, start, draws):  # type: ignore[no-untyped-def]
    out = np.empty(draws.size, np.int64)
    j = start
    for i in range(draws.size):
        j = table[j, draws[i]]
        out[i] = j
    return out
