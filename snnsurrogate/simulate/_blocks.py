"""Running the blocks of a sweep in parallel processes, chunk after chunk."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np

from snnsurrogate._progress import progress as progress_bar
from snnsurrogate.dataset.frame import Frame
from snnsurrogate.simulate.brian2_engine import Program

__all__ = ["Steps", "run_blocks"]


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


class _Stopped(Exception):
    """Another block failed or the user interrupted."""


def run_blocks(
    program: Program,
    frame: Frame,
    steps: Steps,
    workers: int,
    show: bool | None,
    *,
    read: Callable[[int, int], dict[str, np.ndarray] | None],
    write: Callable[..., None],
) -> None:
    """Make every shard that ``read`` does not find.

    A thread per worker starts simulator processes and collects their records; the numbers of a
    sample do not depend on its block, nor on the number of workers.
    """
    stop = threading.Event()
    running: set[subprocess.Popen] = set()
    lock = threading.Lock()
    total = frame.blocks * (steps.skip + steps.every * (steps.records - 1))

    with progress_bar("simulate", total, show=show) as advance:

        def started(process: subprocess.Popen) -> None:
            with lock:
                running.add(process)
                if stop.is_set():
                    process.kill()

        def one(block: int) -> None:
            carry = _start(program, frame, block)
            done = 0  # records so far
            for chunk in range(frame.chunks):
                span = frame.span(chunk)
                count = span.stop - span.start
                first = chunk == 0
                skip = steps.skip if first else steps.every
                work = skip + steps.every * (count - 1)
                if stop.is_set():
                    raise _Stopped
                shard = read(block, chunk)
                if shard is not None:
                    carry = shard["carry"]
                    advance(work)
                else:
                    records = program.run(
                        carry,
                        {k: v[frame.members(block)] for k, v in frame.parameters.items()},
                        dt=steps.dt,
                        every=steps.every,
                        records=count - 1,
                        skip=skip,
                        start=0 if first else steps.skip + (done - 1) * steps.every,
                        started=started,
                        progress=lambda share, work=work: advance(share * work),
                    )
                    carry = records[-1]
                    write(block, chunk, states=_declared(program, records), carry=carry)
                done += count

        pool = ThreadPoolExecutor(max_workers=min(workers, frame.blocks))
        try:
            futures = [pool.submit(one, block) for block in range(frame.blocks)]
            finished, _ = wait(futures, return_when=FIRST_EXCEPTION)
            failed = [f for f in finished if f.exception() is not None]
            for future in failed:
                raise future.exception()  # type: ignore[misc]
        finally:
            stop.set()
            with lock:
                for process in running:
                    if process.poll() is None:
                        process.kill()
            pool.shutdown(wait=True, cancel_futures=True)


def _start(program: Program, frame: Frame, block: int) -> np.ndarray:
    members = frame.members(block)
    return np.stack([frame.initial[n][members] * factor for n, factor in program.states.items()])


def _declared(program: Program, records: np.ndarray) -> np.ndarray:
    """(record, state, sample) in SI units -> (state, sample, record) in declared units."""
    turned = np.ascontiguousarray(records.transpose(1, 2, 0))
    for row, factor in zip(turned, program.states.values(), strict=True):
        if factor != 1.0:
            row /= factor
    return turned
