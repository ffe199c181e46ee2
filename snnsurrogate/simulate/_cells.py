"""Sweeps of single neurons: one vectorised program, blocks of samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from snnsurrogate.dataset.frame import Frame, in_memory
from snnsurrogate.simulate import brian2_engine
from snnsurrogate.simulate._blocks import Steps

if TYPE_CHECKING:
    from snnsurrogate.simulate.brian2_engine import Program
    from snnsurrogate.systems import System

__all__ = ["Cells"]

SHARD_BYTES = 32 << 20  # of one shard: bounds memory, and what a killed sweep loses
DIVERGED = 100.0  # widths of the declared box of a state beyond which a run counts as diverged


class Cells:
    """How a neuron's blocks are simulated, stored and collected.

    Attributes:
        block, chunk: samples and records of a shard.
        engine: as stored with the data.
        limits: state -> (low, high); a sample that leaves them has diverged.
    """

    network: Mapping[str, Any] | None = None

    def __init__(self, model: System, method: str | None):
        self.program: Program = brian2_engine.prepare(model, method=method)
        self.block = self.program.block
        self.engine = self.program.engine
        self.chunk = max(1, SHARD_BYTES // (8 * len(model.states) * self.block))
        self.limits = {s.name: _limits(s.low, s.high) for s in model.states}

    def worker(self) -> Any:
        """One simulator process."""
        return self.program.worker()

    def producer(self, frame: Frame, steps: Steps) -> Callable[..., Mapping[str, Any]]:
        """The function that makes shards; see ``run_blocks``."""

        def produce(
            worker: Any,
            block: int,
            chunk: int,
            carry: np.ndarray | None,
            span: slice,
            start: int,
            skip: int,
            progress: Callable[[float], None],
        ) -> Mapping[str, Any]:
            members = frame.members(block)
            if carry is None:
                carry = np.stack(
                    [frame.initial[n][members] * f for n, f in self.program.states.items()]
                )
            records = self.program.run(
                worker,
                carry,
                {name: values[members] for name, values in frame.parameters.items()},
                dt=steps.dt,
                every=steps.every,
                records=span.stop - span.start - 1,
                skip=skip,
                start=start,
                progress=progress,
            )
            return {"records": records, "carry": records[-1].copy()}

        return produce

    def to_arrays(self, shard: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """A shard as it is stored: states (sample, record) in declared units, and the carry."""
        records = shard["records"]
        parts = [np.empty((records.shape[2], records.shape[0])) for _ in self.program.states]
        self._declared(records, parts)
        return {f"state_{i}": values for i, values in enumerate(parts)} | {"carry": shard["carry"]}

    def collector(self, frame: Frame) -> tuple[Callable[..., None], Callable[[], xr.Dataset]]:
        """Keeps shards in memory: (takes block, chunk, shard; gives the dataset)."""
        states = [np.empty((frame.samples, frame.records)) for _ in frame.initial]

        def keep(block: int, chunk: int, shard: Mapping[str, Any]) -> None:
            members, span = frame.members(block), frame.span(chunk)
            self._declared(shard["records"], [values[members, span] for values in states])

        return keep, lambda: in_memory(frame, states)

    def _declared(self, records: np.ndarray, out: Sequence[np.ndarray]) -> None:
        """Put (record, state, sample) in SI units into (sample, record) arrays of each state."""
        for i, (values, factor) in enumerate(zip(out, self.program.states.values(), strict=True)):
            np.divide(records[:, i].T, factor, out=values)


def _limits(low: float, high: float) -> tuple[float, float]:
    width = high - low
    return low - DIVERGED * width, high + DIVERGED * width
