"""Sweeps of single neurons: one vectorised program, blocks of samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from snnsurrogate.dataset.frame import Frame, in_memory
from snnsurrogate.simulate import brian2_engine
from snnsurrogate.simulate._blocks import Steps

if TYPE_CHECKING:
    from snnsurrogate.protocols import Drive, Events
    from snnsurrogate.simulate.brian2_engine import Program
    from snnsurrogate.systems import System

__all__ = ["Cells"]

SHARD_BYTES = 32 << 20  # of one shard: bounds memory, and what a killed sweep loses
INPUT_BYTES = 64 << 20  # of the pieces of an input that a program receives at a time
PIECE_BYTES = 24  # per sample
DIVERGED = 100.0  # widths of the declared box of a state beyond which a run counts as diverged


class Cells:
    """How a neuron's blocks are simulated, stored and collected.

    Attributes:
        block, chunk: samples and records of a shard.
        engine: as stored with the data.
        limits: state -> (low, high); a sample that leaves them has diverged.
    """

    network: Mapping[str, Any] | None = None

    def __init__(self, model: System, method: str | None, drive: Drive | None, steps: Steps):
        driven = drive is not None
        self.program: Program = brian2_engine.prepare(model, method=method, driven=driven)
        self.block = self.program.block
        self.engine = self.program.engine
        self.chunk = max(1, SHARD_BYTES // (8 * (len(model.states) + driven) * self.block))
        self.limits = {s.name: _limits(s.low, s.high) for s in model.states}
        self.drive = drive
        self.inputs: dict[str, str] = {}
        if drive is not None and model.input is not None:
            self.inputs[model.input] = drive.rule
            self._unit = model.parameter(model.input).unit
            total = steps.every * (steps.records - 1)
            density = drive.density(steps.texts["dt"], total, unit=self._unit)
            per_record = steps.every * density
            self.chunk = min(
                self.chunk, max(1, int(INPUT_BYTES / (PIECE_BYTES * self.block * per_record)))
            )

    def worker(self) -> Any:
        """One simulator process."""
        return self.program.worker()

    def producer(self, frame: Frame, steps: Steps) -> Callable[..., Mapping[str, Any]]:
        """The function that makes shards; see ``run_blocks``."""
        parts: dict[int, Drive] = {}  # of each block: noise goes on from chunk to chunk

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
            count = span.stop - span.start - 1
            events, given = None, None
            if self.drive is not None:
                drive = parts.setdefault(block, self.drive.select(members))
                last = start + skip + count * steps.every
                events = self._events(drive, steps, start, last)
                given = self._input(drive, steps, span, final=chunk == frame.chunks - 1)
                if chunk == frame.chunks - 1:
                    del parts[block]
            records = self.program.run(
                worker,
                carry,
                {name: values[members] for name, values in frame.parameters.items()},
                dt=steps.dt,
                every=steps.every,
                records=count,
                skip=skip,
                start=start,
                events=events,
                progress=progress,
            )
            return {"records": records, "input": given, "carry": records[-1].copy()}

        return produce

    def _events(self, drive: Drive, steps: Steps, first: int, last: int) -> Events:
        """Pieces of the input over steps of the run, in which the record begins at ``skip``."""
        begin = steps.skip
        events = drive.events(steps.texts["dt"], first - begin, last - begin, unit=self._unit)
        return dataclasses.replace(events, steps=events.steps + begin, since=events.since + begin)

    def _input(self, drive: Drive, steps: Steps, span: slice, *, final: bool) -> np.ndarray:
        """(sample, record) input at the records of a chunk."""
        count = span.stop - span.start
        step = steps.texts["record_every"]
        # Only the last point of the record shows the value before a jump.
        values = drive.values(step, count - final, unit=self._unit, first=span.start)
        return values if final else values[:, :-1]

    def to_arrays(self, shard: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """A shard as it is stored: states (sample, record) in declared units, and the carry."""
        records = shard["records"]
        parts = [np.empty((records.shape[2], records.shape[0])) for _ in self.program.states]
        self._declared(records, parts)
        arrays = {f"state_{i}": values for i, values in enumerate(parts)}
        if shard["input"] is not None:
            arrays["input_0"] = shard["input"]
        return arrays | {"carry": shard["carry"]}

    def collector(self, frame: Frame) -> tuple[Callable[..., None], Callable[[], xr.Dataset]]:
        """Keeps shards in memory: (takes block, chunk, shard; gives the dataset)."""
        kept = [np.empty((frame.samples, frame.records)) for _ in frame.keys]
        states, inputs = kept[: len(frame.initial)], kept[len(frame.initial) :]

        def keep(block: int, chunk: int, shard: Mapping[str, Any]) -> None:
            members, span = frame.members(block), frame.span(chunk)
            self._declared(shard["records"], [values[members, span] for values in states])
            for values in inputs:
                values[members, span] = shard["input"]

        return keep, lambda: in_memory(frame, kept)

    def _declared(self, records: np.ndarray, out: Sequence[np.ndarray]) -> None:
        """Put (record, state, sample) in SI units into (sample, record) arrays of each state."""
        for i, (values, factor) in enumerate(zip(out, self.program.states.values(), strict=True)):
            np.divide(records[:, i].T, factor, out=values)


def _limits(low: float, high: float) -> tuple[float, float]:
    width = high - low
    return low - DIVERGED * width, high + DIVERGED * width
