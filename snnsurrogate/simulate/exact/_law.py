"""What a Markov network brings to the event-exact engine, and the engine that runs it."""

from __future__ import annotations

import abc
import io
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from snnsurrogate.simulate._engine import EngineError, Piece, Task
from snnsurrogate.systems import Network

__all__ = ["ExactEngine", "Law", "Record", "Simulation", "Worker", "pack", "unpack"]

_STEPS = "steps"  # entry of the carried state: steps since the end of the transient


@dataclass(frozen=True, eq=False)
class Record:
    """What a stretch of a simulation left: see :meth:`Simulation.advance`.

    Attributes:
        series: (series, record) float64: first the number of spikes of every population since the
            record before, then the law's own series. Records after a stop are missing.
        histograms: (record, bin) uint16 for every histogram of the law; empty if not asked for.
        spike_time: (spike,) ms from the beginning of the stretch.
        spike_cell: (spike,) index over all populations in order.
        spike_cause: (spike,) 0 external, 1 recurrent.
    """

    series: np.ndarray
    histograms: tuple[np.ndarray, ...]
    spike_time: np.ndarray
    spike_cell: np.ndarray
    spike_cause: np.ndarray


class Simulation(abc.ABC):
    """One network in memory, at some time of its life."""

    stopped: bool = False

    @abc.abstractmethod
    def advance(self, step: float, records: int, *, spikes: bool) -> Iterator[float]:
        """Simulate ``records`` times ``step`` ms; what was recorded is then in :meth:`taken`.

        Yields every few hundredths of a second of computing, so that the caller can stop it; the
        value is the share of the stretch that is done. Ends early with ``stopped`` set when a
        population exceeds its bound. ``step`` may be 0 (a record of the state as it is).
        """

    @abc.abstractmethod
    def taken(self) -> Record:
        """What the last stretch recorded."""

    @abc.abstractmethod
    def state(self) -> Mapping[str, np.ndarray]:
        """Everything but the random generator, as arrays; ``Law.begin`` takes it back."""

    @abc.abstractmethod
    def place(self, coarse: Mapping[str, Any]) -> None:
        """Replace all cells by cells drawn from numbers of the populations; time is 0 again.

        Args:
            coarse: every histogram of the law (bin,) as shares of the cells it counts, and every
                of its series, a number, rounded to a whole one.

        Raises:
            ValueError: a negative number, more cells than there are, or an empty histogram.
        """

    @abc.abstractmethod
    def until_onset(self, step: float, records: int, *, level: float) -> Record:
        """Simulate until an event begins, ``records`` times ``step`` ms at most.

        An event begins where the spikes of the first population in three successive records are
        ``level`` or more in all; the last of them is the last of the result. Its arrays are
        overwritten by the next call. Sets ``stopped`` as `advance` does.
        """


class Law(abc.ABC):
    """A network whose every event is drawn from its exact law. One instance per network.

    Attributes:
        parameters: names it reads.
        series: names of the recorded series after the rates.
        histograms: names of the histograms.
        populations: names.
    """

    parameters: tuple[str, ...]
    series: tuple[str, ...]
    histograms: tuple[str, ...]
    populations: tuple[str, ...]

    @property
    @abc.abstractmethod
    def built(self) -> bool:
        """Whether this process compiled the event loop instead of reading it from disk."""

    @abc.abstractmethod
    def begin(
        self,
        model: Network,
        task: Task,
        state: Mapping[str, np.ndarray] | None,
        record: tuple[str, ...],
    ) -> Simulation:
        """The network at the beginning (``state`` None) or where another piece left it."""


class Worker:
    """The right to run one piece after another; ``kill`` ends a piece from another thread."""

    def __init__(self) -> None:
        self._killed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def kill(self) -> None:
        """End what it does, from any thread."""
        self._killed.set()

    def close(self) -> None:
        """Release what it holds."""

    @property
    def killed(self) -> bool:
        """Whether :meth:`kill` was called."""
        return self._killed.is_set()


@dataclass(frozen=True, kw_only=True, eq=False)
class ExactEngine:
    """A law at given sizes, ready to run; threads may share it."""

    model: Network
    law: Law
    sizes: Mapping[str, int]
    record: tuple[str, ...]
    name: str = "exact (direct method)"

    @property
    def built(self) -> bool:
        """Whether this process compiled the event loop."""
        return self.law.built

    def worker(self) -> Worker:
        """What :meth:`run` is given."""
        return Worker()

    def run(
        self,
        worker: Worker,
        task: Task,
        *,
        progress: Callable[[float], None],
        start: Mapping[str, Any] | None = None,
    ) -> Piece:
        """Simulate one piece.

        Args:
            worker: the right to run.
            task: what to run.
            progress: as in `NetworkEngine`.
            start: state that a first piece begins in: arrays as `Simulation.state` gives them, or
                numbers of the populations as `Simulation.place` takes them, from which cells are
                drawn.

        Raises:
            EngineError: the worker was killed, or the carried state is of another network.
            ValueError: ``start`` is not such a state, or the piece is not a first one.
        """
        state = None if task.carry is None else unpack(task.carry)
        begin = 0 if state is None else int(state.pop(_STEPS))  # steps since the transient
        if start is not None and state is not None:
            msg = "a piece that goes on from another one has its state; start is for the first one."
            raise ValueError(msg)
        drawn = start is not None and set(start) >= {*self.law.series, *self.law.histograms}
        given = start if start is not None and not drawn else state
        simulation = self.law.begin(self.model, task, given, self.record)
        if start is not None and drawn:
            simulation.place(start)
        total = max(task.steps, 1)
        piece = _Recorded(self, task)

        def stretch(steps: int, records: int, *, spikes: bool = False) -> Record:
            done = 0.0
            for share in simulation.advance(steps * task.dt, records, spikes=spikes):
                if worker.killed:
                    msg = "the simulation was ended before it was finished."
                    raise EngineError(msg)
                progress((share - done) * steps * records / total)
                done = share
            return simulation.taken()

        records = task.records
        if task.first:
            if task.skip > task.every:
                stretch(task.skip - task.every, 1)
            if not simulation.stopped:
                last = min(task.skip, task.every)
                piece.add(stretch(last, 1), last)
            records -= 1
        if records > 0 and not simulation.stopped:
            kept = stretch(task.every, records, spikes="spikes" in self.record)
            piece.add(kept, task.every)
        end = begin + task.every * (task.records - task.first)
        carry = pack({**simulation.state(), _STEPS: np.array(end)})
        return piece.finish(begin * task.dt, stopped=simulation.stopped, carry=carry)


class _Recorded:
    """Collects the stretches of a piece."""

    def __init__(self, engine: ExactEngine, task: Task) -> None:
        self.model, self.law, self.task = engine.model, engine.law, task
        self.wanted = "histograms" in engine.record
        self.sizes = np.array([task.sizes[name] for name in self.law.populations])
        self.series: list[np.ndarray] = []
        self.histograms: dict[str, list[np.ndarray]] = {name: [] for name in self.law.histograms}
        self.spikes = (np.empty(0), np.empty(0, np.int32), np.empty(0, np.int8))

    def add(self, record: Record, steps: int) -> None:
        block = record.series.copy()
        ms = steps * self.task.dt
        block[: self.sizes.size] *= 1e3 / (self.sizes[:, None] * ms) if steps else 0.0
        self.series.append(block)
        for name, counts in zip(self.law.histograms, record.histograms, strict=False):
            self.histograms[name].append(counts)
        if record.spike_time.size:
            self.spikes = (record.spike_time, record.spike_cell, record.spike_cause)

    def finish(self, begin: float, *, stopped: bool, carry: np.ndarray) -> Piece:
        own = [f"rate_{name}" for name in self.law.populations] + list(self.law.series)
        series = np.full((len(own), self.task.records), np.nan)
        if self.series:
            whole = np.concatenate(self.series, axis=1)
            series[:, : whole.shape[1]] = whole
        histograms = {}
        for histogram in self.model.histograms if self.wanted else ():
            n_bins = histogram.bins(self.task.parameters)
            counts = np.zeros((self.task.records, n_bins), np.uint16)
            at = 0
            for part in self.histograms[histogram.name]:
                counts[at : at + len(part)] = part
                at += len(part)
            histograms[histogram.name] = counts
        time, cell, cause = self.spikes
        first = np.concatenate([[0], np.cumsum(self.sizes)])
        population = np.searchsorted(first, cell, side="right") - 1
        return Piece(
            series=series[[own.index(name) for name in self.model.series_names]],
            histograms=histograms,
            spike_time=begin + time,
            spike_neuron=(cell - first[population]).astype(np.int32),
            spike_population=population.astype(np.int8),
            spike_cause=cause,
            stopped=stopped,
            carry=carry,
        )


def pack(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Arrays as bytes (uint8), NumPy's own file format."""
    buffer = io.BytesIO()
    np.savez(buffer, **dict[str, Any](arrays))
    return np.frombuffer(buffer.getvalue(), np.uint8).copy()


def unpack(carry: np.ndarray) -> dict[str, Any]:
    """Inverse of :func:`pack`.

    Raises:
        EngineError: the bytes are not such a file.
    """
    try:
        with np.load(io.BytesIO(carry.tobytes()), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        msg = f"the carried state cannot be read: {error}. Start the sample anew."
        raise EngineError(msg) from error
