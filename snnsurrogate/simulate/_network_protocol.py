"""How a piece of a network's run is sent to its program and how what it records comes back.

Plan (stdin): magic, number of parameters, seed, stream, skip, every, records, first piece, goes on
in the same process, spikes wanted, steps of the runaway window, bytes of the carried state
(int64); step in seconds, runaway rate in Hz (float64); parameters in SI units (float64); low end,
width and bins of every histogram (float64; no bins = not wanted); the carried state.

Frames (stdout): kind and n (int64), then for SPIKES n times: steps since the end of the transient
(int64), neurons (int32), populations (int8), causes (int8); for RECORDS n rows: spikes of every
population since the last row (int64), series (float64), histograms (uint16); for PROGRESS nothing
(n steps were done); for END (n = status) the number of bytes (int64) and bytes of the state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snnsurrogate.simulate._process import SimulatorProcess

__all__ = ["MAGIC", "Frames", "Layout", "NetworkPlan", "read_frames"]

MAGIC = 0x736E7332
SPIKES, RECORDS, PROGRESS, END = 1, 2, 3, 4
FINISHED, RUNAWAY, NON_FINITE = 0, 1, 2
_SPIKE = (("step", np.int64), ("neuron", np.int32), ("population", np.int8), ("cause", np.int8))


@dataclass(frozen=True, kw_only=True)
class NetworkPlan:
    """One piece. Quantities are in SI units; ``histograms`` holds (low, width, bins) of each."""

    parameters: tuple[float, ...]
    seed: int
    stream: int
    skip: int
    every: int
    records: int
    first: bool
    goes_on: bool
    spikes: bool
    window: int
    dt: float
    runaway: float
    histograms: tuple[tuple[float, float, int], ...]
    carry: np.ndarray | None

    def to_bytes(self) -> bytes:
        """The plan as the program reads it; a program that goes on has the state already."""
        carry = b"" if self.first or self.goes_on or self.carry is None else self.carry.tobytes()
        numbers = [MAGIC, len(self.parameters), self.seed, self.stream, self.skip, self.every]
        numbers += [self.records, self.first, self.goes_on, self.spikes, self.window, len(carry)]
        reals = [self.dt, self.runaway, *self.parameters]
        reals += [number for histogram in self.histograms for number in histogram]
        return np.array(numbers, np.int64).tobytes() + np.array(reals).tobytes() + carry


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A row of a RECORDS frame: numbers of populations and series, and bins of each histogram."""

    populations: int
    series: int
    bins: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype:
        """The row as a structured type, without padding."""
        return np.dtype(
            [
                ("spikes", np.int64, (self.populations,)),
                ("series", np.float64, (self.series,)),
                ("counts", np.uint16, (sum(self.bins),)),
            ]
        )


@dataclass(kw_only=True)
class Frames:
    """What arrived of one piece: rows and spikes in the order of their frames."""

    rows: list[np.ndarray] = field(default_factory=list)
    spikes: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    status: int = FINISHED
    carry: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint8))


def read_frames(process: SimulatorProcess, layout: Layout, done: Callable[[int], None]) -> Frames:
    """All frames of one piece; ``done`` receives numbers of steps.

    Raises:
        WorkerError: the process ended before it had sent them all.
    """
    frames = Frames()
    while True:
        kind, n = _numbers(process, 2)
        if kind == SPIKES:
            frames.spikes.append(tuple(_array(process, dtype, n) for _, dtype in _SPIKE))
        elif kind == RECORDS:
            frames.rows.append(_array(process, layout.dtype, n))
        elif kind == PROGRESS:
            done(n)
        elif kind == END:
            frames.status = n
            frames.carry = _array(process, np.uint8, _numbers(process, 1)[0])
            return frames
        else:
            msg = f"a frame of unknown kind {kind}"
            raise process.failure(msg)


def _numbers(process: SimulatorProcess, n: int) -> list[int]:
    return [int(number) for number in _array(process, np.int64, n)]


def _array(process: SimulatorProcess, dtype: Any, n: int) -> np.ndarray:
    data = bytearray(n * np.dtype(dtype).itemsize)
    view, got = memoryview(data), 0
    while got < len(data):
        count = process.source.readinto(view[got:])
        if not count:
            msg = "an incomplete frame"
            raise process.failure(msg)
        got += count
    return np.frombuffer(data, dtype)
