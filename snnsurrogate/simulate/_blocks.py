"""Running the blocks of a sweep in parallel processes, chunk after chunk."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np

from snnsurrogate._progress import progress as progress_bar
from snnsurrogate.dataset.frame import Frame
from snnsurrogate.simulate._protocol import Worker
from snnsurrogate.simulate.brian2_engine import Program

__all__ = ["Steps", "declared", "run_blocks"]


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The time axis in whole steps.

    Attributes:
        dt: integration step in seconds.
        skip: steps of the transient.
        every: steps per record.
        records: points of the record, the first at the end of the transient.
        texts: duration, record_every, transient and dt as text with units.
    """

    dt: float
    skip: int
    every: int
    records: int
    texts: Mapping[str, str]


def run_blocks(
    program: Program,
    frame: Frame,
    steps: Steps,
    workers: int,
    show: bool | None,
    *,
    read: Callable[[int, int], Mapping[str, np.ndarray] | None],
    write: Callable[[int, int, np.ndarray], None],
) -> None:
    """Make every shard that ``read`` does not find.

    ``write`` takes block, chunk and records (record, state, sample) in SI units, which it must not
    keep: their memory is used again. Of a shard that is there, ``carry`` is read: the state
    (state, sample) at its end in SI units, from which the next chunk goes on to the last bit.

    A thread per worker keeps one simulator process and collects its records; the numbers of a
    sample do not depend on its block, nor on the number of workers.
    """
    total = frame.blocks * (steps.skip + steps.every * (steps.records - 1))
    workers = min(workers, frame.blocks)
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for block in range(frame.blocks):
        todo.put(block)
    simulators = [program.worker() for _ in range(workers)]
    stop = threading.Event()

    def one(simulator: Worker, block: int) -> None:
        carry = _start(program, frame, block)
        for chunk in range(frame.chunks):
            span = frame.span(chunk)
            first = chunk == 0
            skip = steps.skip if first else steps.every
            work = skip + steps.every * (span.stop - span.start - 1)
            if stop.is_set():
                return
            shard = read(block, chunk)
            if shard is not None:
                carry = shard["carry"]
                advance(work)
                continue
            records = program.run(
                simulator,
                carry,
                {name: values[frame.members(block)] for name, values in frame.parameters.items()},
                dt=steps.dt,
                every=steps.every,
                records=span.stop - span.start - 1,
                skip=skip,
                start=0 if first else steps.skip + (span.start - 1) * steps.every,
                progress=lambda share, work=work: advance(share * work),  # type: ignore[misc]
            )
            carry = records[-1].copy()
            write(block, chunk, records)

    def serve(simulator: Worker) -> None:
        while not stop.is_set():
            try:
                block = todo.get_nowait()
            except queue.Empty:
                return
            one(simulator, block)

    with progress_bar("simulate", total, show=show) as advance:
        pool = ThreadPoolExecutor(max_workers=workers)
        try:
            futures = [pool.submit(serve, simulator) for simulator in simulators]
            finished, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in finished:
                future.result()
        finally:
            stop.set()
            for simulator in simulators:
                simulator.kill()
            pool.shutdown(wait=True)
            for simulator in simulators:
                simulator.close()


def _start(program: Program, frame: Frame, block: int) -> np.ndarray:
    members = frame.members(block)
    return np.stack([frame.initial[n][members] * factor for n, factor in program.states.items()])


def declared(program: Program, records: np.ndarray, out: Sequence[np.ndarray]) -> None:
    """Put records (record, state, sample) in SI units into (sample, record) arrays of each state.

    The arrays are in declared units.
    """
    for i, (values, factor) in enumerate(zip(out, program.states.values(), strict=True)):
        np.divide(records[:, i].T, factor, out=values)
