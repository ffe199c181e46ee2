"""How a block of neurons is sent to a worker process and how its records come back.

Plan (stdin): magic, first step, steps without record, steps per record, records (int64); step in
seconds (float64); then all states and all parameters, each (block,) float64 in SI units.
Records (stdout): the state after the unrecorded steps and after every record, (state, block)
float64 in SI units each.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

MAGIC = 0x736E7331


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
    """

    states: np.ndarray
    parameters: np.ndarray
    dt: float
    start: int
    skip: int
    every: int
    records: int

    def to_bytes(self) -> bytes:
        """The plan as the worker reads it."""
        head = np.array([MAGIC, self.start, self.skip, self.every, self.records], dtype=np.int64)
        parts = (head, np.array(self.dt), self.states, self.parameters)
        return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)

    @classmethod
    def from_bytes(cls, data: bytes, *, states: int, parameters: int) -> Plan:
        """Undo :meth:`to_bytes`."""
        head = np.frombuffer(data, dtype=np.int64, count=5)
        if head[0] != MAGIC:
            msg = "the plan does not begin with its magic number."
            raise ValueError(msg)
        dt = np.frombuffer(data, count=1, offset=40)[0]
        values = np.frombuffer(data, offset=48).reshape(states + parameters, -1)
        return cls(
            states=values[:states],
            parameters=values[states:],
            dt=float(dt),
            start=int(head[1]),
            skip=int(head[2]),
            every=int(head[3]),
            records=int(head[4]),
        )


class WorkerError(RuntimeError):
    """A worker process ended without all its records."""


def run(
    command: Sequence[str],
    plan: Plan,
    *,
    started: Callable[[subprocess.Popen], None] = lambda process: None,
    progress: Callable[[float], None] = lambda fraction: None,
    environment: dict[str, str] | None = None,
) -> np.ndarray:
    """Run one plan in a process and collect its records.

    Args:
        command: the worker.
        plan: what it integrates.
        started: receives the process, so that the caller can end it.
        progress: receives the share of the records that arrived since the last call.
        environment: of the process.

    Returns:
        (records + 1, state, block) in SI units.

    Raises:
        WorkerError: the process failed, with what it wrote on stderr.
    """
    result = np.empty((plan.records + 1, *plan.states.shape))
    view = memoryview(result.reshape(-1).view(np.uint8))
    process = subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # Ctrl-C reaches the caller alone, which ends its workers itself
    )
    with process:
        started(process)
        if process.stdin is None or process.stdout is None or process.stderr is None:
            msg = "the worker has no pipes."
            raise WorkerError(msg)
        try:
            process.stdin.write(plan.to_bytes())
            process.stdin.close()
        except BrokenPipeError:
            pass  # the worker died early; its exit status says why
        got = 0
        piece = max(1 << 16, len(view) // 50)
        while got < len(view):
            count = process.stdout.readinto(view[got : got + piece])  # type: ignore[attr-defined]
            if not count:
                break
            got += count
            progress(count / len(view))
        message = process.stderr.read().decode(errors="replace").strip()
        status = process.wait()
    if status != 0 or got < len(view):
        msg = (
            f"the simulator process ended with status {status} after {got} of {len(view)} bytes"
            f"{': ' + message[-2000:] if message else '.'}"
        )
        raise WorkerError(msg)
    return result
