"""The Brian2 engine of networks: one compiled program per network and sizes, cached on disk.

Weights, time constants, drives, connection probabilities, delays, step, duration and recording
step are run-time values: only another text, other sizes, another compiler or processor build anew.
A sample runs in a process of its own, piece after piece; a piece that is repeated or taken up in
another process gives the same numbers, because connections are drawn from the sample's seed, the
random numbers of a piece from seed and piece, and the state is carried over.
"""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsurrogate import units
from snnsurrogate.simulate import _cache, _network_build, _network_protocol, _programs
from snnsurrogate.simulate._engine import RUNAWAY_WINDOW, EngineError, Piece, Task
from snnsurrogate.simulate._process import SimulatorProcess, WorkerError

if TYPE_CHECKING:
    from snnsurrogate.systems import Network

__all__ = ["Brian2Network", "Worker", "prepare"]

BUILDER = "snnsurrogate.simulate._network_build"
STANDALONE = "brian2 (C++ standalone)"


class Worker:
    """Runs one sample's pieces in one process, the next sample's in another; a context manager."""

    def __init__(self, command: tuple[str, ...]):
        self._command = command
        self._process: SimulatorProcess | None = None
        self._ended = False
        self._lock = threading.Lock()
        self._next: Any = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.close()

    def kill(self) -> None:
        """End the process, from any thread; no other one is started."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """Release the pipes of a process that has ended."""
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def process(self, task: Task) -> tuple[SimulatorProcess, bool]:
        """The process of a task, and whether it holds the state at the end of the piece before.

        Raises:
            WorkerError: the worker was killed.
        """
        with self._lock:
            if self._ended:
                msg = "the simulator process was ended."
                raise WorkerError(msg)
            if self._process is not None and self._next == _place(task, task.chunk):
                return self._process, True
            if self._process is not None:
                self._process.kill()
                self._process.close()
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            self._process, self._next = SimulatorProcess(self._command, environment), None
            return self._process, False

    def finished(self, task: Task) -> None:
        """The piece of a task is complete: the process waits for the next one."""
        self._next = _place(task, task.chunk + 1)


def _place(task: Task, chunk: int) -> Any:
    return chunk, task.seed, task.dt, dict(task.parameters)


@dataclass(frozen=True, kw_only=True)
class Brian2Network:
    """A compiled network of given sizes.

    Attributes:
        name: of the engine.
        built: True if this call compiled it, False if it came from the cache.
        command: the program.
        model: the network.
        sizes: population -> number of cells.
        record: what is recorded besides the series: "spikes", "histograms".
    """

    name: str
    built: bool
    command: tuple[str, ...]
    model: Network
    sizes: Mapping[str, int]
    record: tuple[str, ...]

    def worker(self) -> Worker:
        """A worker of this program, to be used as a context manager."""
        return Worker(self.command)

    def run(
        self, worker: Worker, task: Task, *, progress: Callable[[float], None] = lambda share: None
    ) -> Piece:
        """Simulate one piece; ``progress`` receives shares of it that sum to 1.

        Raises:
            EngineError: the program failed, or the task has other sizes.
        """
        if dict(task.sizes) != dict(self.sizes):
            msg = f"the task has sizes {dict(task.sizes)}; expected {dict(self.sizes)}."
            raise EngineError(msg)
        told = 0

        def done(steps: int) -> None:
            nonlocal told
            steps = min(steps, task.steps - told)
            told += steps
            progress(steps / max(task.steps, 1))

        bins = tuple(
            h.bins(task.parameters) if "histograms" in self.record else 0
            for h in self.model.histograms
        )
        layout = _network_protocol.Layout(
            populations=len(self.sizes), series=len(self.model.series), bins=bins
        )
        try:
            process, goes_on = worker.process(task)
            process.send(self._plan(task, bins, goes_on).to_bytes())
            frames = _network_protocol.read_frames(process, layout, done)
        except WorkerError as error:
            raise EngineError(str(error)) from error
        worker.finished(task)
        progress(1 - told / max(task.steps, 1))
        return self._piece(task, frames, bins)

    def _plan(
        self, task: Task, bins: tuple[int, ...], goes_on: bool
    ) -> _network_protocol.NetworkPlan:
        model = self.model
        histograms = []
        for histogram, n in zip(model.histograms, bins, strict=True):
            low, _ = histogram.edges(task.parameters)
            factor = units.si_factor(histogram.unit)
            histograms.append((low * factor, histogram.width * factor, n))
        return _network_protocol.NetworkPlan(
            parameters=tuple(
                task.parameters[p.name] * units.si_factor(p.unit) for p in model.parameters
            ),
            seed=task.seed,
            stream=task.chunk,
            skip=task.skip,
            every=task.every,
            records=task.records,
            first=task.first,
            goes_on=goes_on,
            spikes="spikes" in self.record,
            window=max(1, round(RUNAWAY_WINDOW / task.dt)),
            dt=task.dt * 1e-3,
            runaway=model.runaway,
            histograms=tuple(histograms),
            carry=task.carry,
        )

    def _piece(self, task: Task, frames: _network_protocol.Frames, bins: tuple[int, ...]) -> Piece:
        rows = np.concatenate(frames.rows) if frames.rows else None
        n = 0 if rows is None else len(rows)
        series = np.full((len(self.model.series_names), task.records), np.nan)
        histograms = {
            h.name: np.zeros((task.records, width), np.uint16)
            for h, width in zip(self.model.histograms, bins, strict=True)
            if width
        }
        if rows is not None:
            cells = np.array([self.sizes[name] for name in self.model.population_names])
            seconds = task.every * task.dt * 1e-3
            series[: len(cells), :n] = (rows["spikes"] / (cells * seconds)).T
            if task.first and task.skip < task.every:  # the first record covers the transient only
                series[: len(cells), 0] *= task.every / max(task.skip, 1)
            scale = np.array([s.scale for s in self.model.series])
            series[len(cells) :, :n] = (rows["series"] * scale).T
            at = 0
            for counts in histograms.values():
                counts[:n] = rows["counts"][:, at : at + counts.shape[1]]
                at += counts.shape[1]
        if frames.status == _network_protocol.NON_FINITE and n:
            series[:, n - 1] = np.nan  # found at the end of the piece: that record shows it
        spikes = [np.concatenate(parts) for parts in zip(*frames.spikes, strict=True)]
        step, neuron, population, cause = spikes or [
            np.empty(0, dtype) for dtype in (np.int64, np.int32, np.int8, np.int8)
        ]
        return Piece(
            series=series,
            histograms=histograms,
            spike_time=step * task.dt,
            spike_neuron=neuron,
            spike_population=population,
            spike_cause=cause if self.model.causes else np.empty(0, np.int8),
            stopped=frames.status == _network_protocol.RUNAWAY,
            carry=frames.carry,
        )


def prepare(model: Network, sizes: Mapping[str, int], record: tuple[str, ...]) -> Brian2Network:
    """The program of a network: from the cache, else compiled.

    Args:
        model: the network.
        sizes: population -> number of cells.
        record: what is recorded besides the series, "spikes" and "histograms"; no other build.

    Raises:
        EngineError: no compiler, the compiler failed, or Brian2 refused the text.
    """
    cxx = _cache.compiler()
    if cxx is None:
        exact = (
            f" {model.name!r} also runs with engine='exact', which needs none."
            if model.exact
            else ""
        )
        msg = (
            "no C++ compiler (and make) found, which Brian2 needs for networks. Install g++ and "
            f"make, or set CXX.{exact}"
        )
        raise EngineError(msg)
    job: dict[str, Any] = {
        "magic": _network_protocol.MAGIC,
        "flags": list(_programs.FLAGS),
        "sizes": {name: int(sizes[name]) for name in model.population_names},
        "parameters": {p.name: units.base_unit(p.unit) for p in model.parameters},
        "populations": [dataclasses.asdict(p) for p in model.populations],
        "projections": [{"degree": ""} | dataclasses.asdict(p) for p in model.projections],
        "functions": [dataclasses.asdict(f) for f in model.functions],
        "series": [_part(s, "name", "population", "variable", "reduce") for s in model.series],
        "histograms": [
            _part(h, "name", "population", "variable", "where") for h in model.histograms
        ],
        "causes": model.causes,
    }
    path, built = _programs.program(BUILDER, job, cxx, driver=_network_build.sources())
    return Brian2Network(
        name=STANDALONE,
        built=built,
        command=(str(path),),
        model=model,
        sizes=job["sizes"],
        record=tuple(record),
    )


def _part(item: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(item, name) for name in names}
