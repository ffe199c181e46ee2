"""What an engine of networks is given and gives back; engines and the sweep know only this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

__all__ = ["RUNAWAY_WINDOW", "EngineError", "NetworkEngine", "NetworkWorker", "Piece", "Task"]

RUNAWAY_WINDOW = 100.0  # ms over which a rate is averaged that must not exceed Network.runaway


class EngineError(RuntimeError):
    """Building or running a program failed; the message holds the compiler's or program's words."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """One piece of one sample.

    Attributes:
        parameters: name -> value in declared units.
        sizes: population -> number of cells.
        seed: of the sample; the random numbers of the piece follow from it and ``chunk``.
        chunk: number of the piece.
        dt: step in ms. An exact engine uses it as the unit of ``skip`` and ``every`` only.
        skip: steps before the first record; 0 but for the first piece.
        every: steps per record.
        records: records to write. The first piece writes one after ``skip`` and the others after
            ``every`` steps each; later pieces write each after ``every`` steps.
        elapsed: steps before this piece, from time 0 of the run.
        carry: state at the end of the piece before; None for the first.
    """

    parameters: Mapping[str, float]
    sizes: Mapping[str, int]
    seed: int
    chunk: int
    dt: float
    skip: int
    every: int
    records: int
    elapsed: int
    carry: np.ndarray | None

    @property
    def first(self) -> bool:
        """Whether this is the first piece of its sample."""
        return self.carry is None

    @property
    def steps(self) -> int:
        """Steps of the piece."""
        return self.skip + self.every * (self.records - self.first)


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """What an engine recorded.

    Attributes:
        series: (series, record) in declared units, the order of ``Network.series_names``. NaN from
            the stop of a runaway on.
        histograms: name -> (record, bin) counts, uint16.
        spike_time: (spike,) in ms from the end of the transient, increasing, above 0.
        spike_neuron: (spike,) int32, index in its population.
        spike_population: (spike,) int8, index of the population.
        spike_cause: (spike,) int8, 0 external, 1 recurrent; empty if the network states no causes.
        stopped: the run was stopped as a runaway.
        carry: state at the end, uint8.
    """

    series: np.ndarray
    histograms: Mapping[str, np.ndarray]
    spike_time: np.ndarray
    spike_neuron: np.ndarray
    spike_population: np.ndarray
    spike_cause: np.ndarray
    stopped: bool
    carry: np.ndarray


class NetworkWorker(Protocol):
    """A simulator that works on one piece at a time; a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def kill(self) -> None:
        """End what it does, from any thread."""

    def close(self) -> None:
        """Release what it holds."""


class NetworkEngine(Protocol):
    """A simulator of one network at given sizes, ready to run.

    Attributes:
        name: as stored with the data.
        built: True if this process compiled it, False if it came from the cache.
    """

    @property
    def name(self) -> str: ...

    @property
    def built(self) -> bool: ...

    def worker(self) -> Any:
        """A :class:`NetworkWorker`."""

    def run(self, worker: Any, task: Task, *, progress: Callable[[float], None]) -> Piece:
        """Simulate one piece; ``progress`` receives shares of it that sum to 1.

        Raises:
            EngineError: the simulator failed.
        """
