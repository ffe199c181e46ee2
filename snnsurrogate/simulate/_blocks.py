"""Running the blocks of a sweep in parallel processes, chunk after chunk."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from snnsurrogate._progress import progress as progress_bar
from snnsurrogate.dataset.frame import Frame

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


def run_blocks(
    frame: Frame,
    steps: Steps,
    make_worker: Callable[[], Any],
    workers: int,
    show: bool | None,
    *,
    produce: Callable[..., Mapping[str, Any]],
    read: Callable[[int, int], Mapping[str, Any] | None],
    write: Callable[[int, int, Mapping[str, Any]], None],
) -> None:
    """Make every shard that ``read`` does not find.

    Args:
        frame: the sweep.
        steps: its time axis.
        make_worker: a simulator with ``kill()`` and ``close()``.
        workers: how many of them.
        show: the progress bar; None: if stderr is a terminal.
        produce: (worker, block, chunk, carry, span, first step, steps before the first record,
            progress) -> arrays of a shard. Among them ``carry``, the state at its end, from which
            the next chunk goes on to the last bit (None starts a block), and ``stopped`` where the
            rest of the block is not to be made.
        read: (block, chunk) -> arrays of a shard that is there, else None.
        write: takes block, chunk and arrays, which it must not keep: their memory is used again.

    A thread per worker keeps one simulator and collects its records; the numbers of a sample do not
    depend on its block, nor on the number of workers.
    """
    total = frame.blocks * (steps.skip + steps.every * (steps.records - 1))
    workers = min(workers, frame.blocks)
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for block in range(frame.blocks):
        todo.put(block)
    simulators = [make_worker() for _ in range(workers)]
    stop = threading.Event()

    def one(simulator: Any, block: int) -> None:
        carry = None
        left = steps.skip + steps.every * (steps.records - 1)
        for chunk in range(frame.chunks):
            span = frame.span(chunk)
            first = chunk == 0
            skip = steps.skip if first else steps.every
            work = skip + steps.every * (span.stop - span.start - 1)
            left -= work
            if stop.is_set():
                return
            shard = read(block, chunk)
            if shard is None:
                shard = produce(
                    simulator,
                    block,
                    chunk,
                    carry,
                    span,
                    0 if first else steps.skip + (span.start - 1) * steps.every,
                    skip,
                    lambda share, work=work: advance(share * work),
                )
                carry = shard["carry"]
                write(block, chunk, shard)
            else:
                carry = shard["carry"]
                advance(work)
            if shard.get("stopped", False):
                advance(left)
                return

    def serve(simulator: Any) -> None:
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
