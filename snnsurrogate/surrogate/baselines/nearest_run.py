"""NearestRun: the record of the nearest training point, played again.

The floor of all lookups: what knows nothing but the training runs reaches this much. Beyond its
length the record is played round and round; the seed chooses where it begins and, where several
runs lie at that point, which of them it is. More seconds than the record has bring no information.

Source: nearest-neighbour rule, Cover & Hart (1967), doi:10.1109/TIT.1967.1053964.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnsurrogate.surrogate.baselines._base import Baseline, OneByOne, register
from snnsurrogate.surrogate.baselines._runs import Runs


@register
@dataclass(frozen=True, kw_only=True)
class NearestRun(Baseline):
    """Lookup of the nearest training run in scaled parameters."""

    name: ClassVar[str] = "nearest-run"

    def learn(self, runs: Runs, seed: int) -> OneByOne:
        """Nothing but the runs."""
        return _Lookup(runs=runs)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Lookup(OneByOne):
    def sample(
        self, parameters: Mapping[str, float], records: int, rng: np.random.Generator
    ) -> np.ndarray:
        order, apart = self.runs.nearest(parameters)
        record = self.runs.x[rng.choice(order[apart <= apart[0] * (1 + 1e-9)])]
        # the first record of a run may cover its transient: its rate is of another length
        begin = rng.integers(1, len(record))
        return record[1 + (begin - 1 + np.arange(records)) % (len(record) - 1)]
