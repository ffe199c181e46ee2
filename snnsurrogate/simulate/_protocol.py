"""How blocks of neurons are sent to a worker process and how their records come back.

Plan (stdin): magic, first step, steps without record, steps per record, records, block (int64);
step in seconds (float64); then all states and all parameters, each (block,) float64 in SI units.
A driven program reads the pieces of its input too: their number (int64), the steps at which they
begin (int64), and (piece, block) since (int64), value and slope per step (float64, SI); see
``protocols.Events``.
Records (stdout): the state after the unrecorded steps and after every record, (state, block)
float64 in SI units each. A worker takes plan after plan until its input ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from snnsurrogate.protocols import Events
from snnsurrogate.simulate._process import SimulatorProcess, WorkerError

__all__ = ["MAGIC", "Plan", "Worker", "WorkerError"]

MAGIC = 0x736E7331
_HEAD = 7 * 8


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a worker integrates.

    Attributes:
        states: (state, block) in SI units.
        parameters: (parameter, block) in SI units.
        dt: step in seconds.
        start: number of the first step (time = start * dt).
        skip: steps before the first record.
        every: steps per record.
        records: records after the first.
        events: (piece, block) input in SI units, steps counted as ``start``; None if not driven.
    """

    states: np.ndarray
    parameters: np.ndarray
    dt: float
    start: int
    skip: int
    every: int
    records: int
    events: Events | None = None

    def to_bytes(self) -> bytes:
        """The plan as the worker reads it."""
        block = self.states.shape[1]
        numbers = [MAGIC, self.start, self.skip, self.every, self.records, block]
        parts = [np.array(numbers, np.int64), np.array(self.dt), self.states, self.parameters]
        if self.events is not None:
            e = self.events
            parts += [np.array(e.steps.size, np.int64), e.steps, e.since, e.value, e.slope]
        return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)

    @classmethod
    def read(
        cls, file: IO[bytes], *, states: int, parameters: int, driven: bool = False
    ) -> Plan | None:
        """The next plan of a worker's input, or None at its end."""
        head = file.read(_HEAD)
        if not head:
            return None
        magic, start, skip, every, records, block = np.frombuffer(head, np.int64, 6).tolist()
        rows = states + parameters
        body = file.read(rows * block * 8)
        if magic != MAGIC or len(body) != rows * block * 8:
            msg = "the plan is incomplete or not a plan."
            raise ValueError(msg)
        values = np.frombuffer(body).reshape(rows, block)
        events = None
        if driven:
            (pieces,) = np.frombuffer(file.read(8), np.int64)
            steps, since = (
                np.frombuffer(file.read(8 * n), np.int64) for n in (pieces, pieces * block)
            )
            value, slope = (np.frombuffer(file.read(8 * pieces * block)) for _ in range(2))
            shape = (pieces, block)
            events = Events(
                steps=steps,
                since=since.reshape(shape),
                value=value.reshape(shape),
                slope=slope.reshape(shape),
            )
        return cls(
            states=values[:states],
            parameters=values[states:],
            dt=float(np.frombuffer(head, offset=48)[0]),
            start=start,
            skip=skip,
            every=every,
            records=records,
            events=events,
        )


class Worker:
    """One simulator process, started at the first plan; use as a context manager.

    Args:
        command: the program.
        environment: of the process.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]):
        self._command = list(command)
        self._environment = dict(environment)
        self._process: SimulatorProcess | None = None
        self._result = np.empty(0)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.close()

    def kill(self) -> None:
        """End the process, from any thread."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """Release the pipes of a process that has ended."""
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def run(
        self, plan: Plan, *, progress: Callable[[float], None] = lambda share: None
    ) -> np.ndarray:
        """Integrate one plan.

        Args:
            plan: what to integrate.
            progress: receives the share of the records that arrived since the last call.

        Returns:
            (records + 1, state, block) in SI units; valid until the next run.

        Raises:
            WorkerError: the process failed, with what it wrote on stderr.
        """
        shape = (plan.records + 1, *plan.states.shape)
        if self._result.shape != shape:
            self._result = np.empty(shape)
        result = self._result
        view = memoryview(result.data).cast("B")
        if self._process is None:
            self._process = SimulatorProcess(self._command, self._environment)
        process = self._process
        process.send(plan.to_bytes())
        got, piece = 0, max(1 << 16, len(view) // 50)
        while got < len(view):
            count = process.source.readinto(view[got : got + piece])
            if not count:
                msg = f"{got} of {len(view)} bytes"
                raise process.failure(msg)
            got += count
            progress(count / len(view))
        return result
