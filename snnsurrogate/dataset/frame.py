"""A dataset before its states are known, and how shards fill it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from snnsurrogate import schema
from snnsurrogate.dataset.populations import assemble_network

__all__ = ["Frame", "assemble", "in_memory", "judge"]

Reader = Callable[[int, int], "Mapping[str, np.ndarray] | None"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """Everything about a sweep but its states.

    Attributes:
        parameters: name -> (sample,) in declared units.
        initial: state -> (sample,) before the transient.
        seeds: (sample,).
        units: of states, parameters and "time".
        meanings: long names.
        attrs: attributes of the dataset.
        limits: state -> (low, high); a sample that leaves them has diverged.
        spike_rule: state, threshold and reset, or None.
        step: recording step in the time unit.
        records: points of the time axis.
        block: samples per shard.
        chunk: records per shard.
        network: what is recorded of a network (series, histograms, populations, causes, spikes), or
            None for a neuron.
        inputs: input -> how it runs between its records; shards hold it as ``input_<i>``.
        stimuli: name -> (sample,) values of the protocol that differ between samples.
    """

    parameters: Mapping[str, np.ndarray]
    initial: Mapping[str, np.ndarray]
    seeds: np.ndarray
    units: Mapping[str, str]
    meanings: Mapping[str, str]
    attrs: Mapping[str, Any]
    limits: Mapping[str, tuple[float, float]]
    spike_rule: Mapping[str, Any] | None
    step: float
    records: int
    block: int
    chunk: int
    network: Mapping[str, Any] | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    stimuli: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def keys(self) -> dict[str, str]:
        """Recorded variable -> its key in a shard: the states, then the inputs."""
        states = {name: f"state_{i}" for i, name in enumerate(self.initial)}
        return states | {name: f"input_{i}" for i, name in enumerate(self.inputs)}

    @property
    def samples(self) -> int:
        """Number of samples."""
        return self.seeds.size

    @property
    def blocks(self) -> int:
        """Number of blocks of samples."""
        return -(-self.samples // self.block)

    @property
    def chunks(self) -> int:
        """Number of chunks of records of each block."""
        return -(-self.records // self.chunk)

    def members(self, block: int) -> slice:
        """The samples of one block."""
        return slice(block * self.block, min((block + 1) * self.block, self.samples))

    def span(self, chunk: int) -> slice:
        """The records of one chunk."""
        return slice(chunk * self.chunk, min((chunk + 1) * self.chunk, self.records))

    def to_header(self) -> dict[str, np.ndarray]:
        """Arrays from which :meth:`from_header` makes the frame again."""
        plain = {
            "parameters": list(self.parameters),
            "states": list(self.initial),
            "units": dict(self.units),
            "meanings": dict(self.meanings),
            "attrs": dict(self.attrs),
            "limits": {name: list(pair) for name, pair in self.limits.items()},
            "spike_rule": dict(self.spike_rule) if self.spike_rule else None,
            "step": self.step,
            "records": self.records,
            "block": self.block,
            "chunk": self.chunk,
            "network": self.network,
            "inputs": dict(self.inputs),
            "stimuli": list(self.stimuli),
        }
        return {
            "plain": np.array(json.dumps(plain)),
            "parameters": np.array(list(self.parameters.values())).reshape(-1, self.samples),
            "initial": np.array(list(self.initial.values())).reshape(-1, self.samples),
            "seeds": self.seeds,
            "stimuli": np.array(list(self.stimuli.values())).reshape(-1, self.samples),
        }

    @classmethod
    def from_header(cls, header: Mapping[str, np.ndarray]) -> Frame:
        """Undo :meth:`to_header`."""
        plain = json.loads(str(header["plain"]))
        return cls(
            parameters=dict(zip(plain.pop("parameters"), header["parameters"], strict=True)),
            initial=dict(zip(plain.pop("states"), header["initial"], strict=True)),
            seeds=header["seeds"],
            limits={name: (low, high) for name, (low, high) in plain.pop("limits").items()},
            stimuli=dict(zip(plain.pop("stimuli", []), header.get("stimuli", ()), strict=True)),
            **plain,
        )


def judge(states: Sequence[np.ndarray], limits: Mapping[str, tuple[float, float]]) -> np.ndarray:
    """(sample,) status flags of the (sample, time) records of all states.

    A sample is diverged where a state leaves its limits and non-finite where it is no number.
    """
    status = np.full(len(states[0]), schema.FLAGS["ok"], dtype=np.int8)
    infinite = np.zeros(len(states[0]), dtype=bool)
    for values, (low, high) in zip(states, limits.values(), strict=True):
        smallest, largest = values.min(axis=1), values.max(axis=1)  # NaN if there is one
        infinite |= ~(np.isfinite(smallest) & np.isfinite(largest))
        status[(smallest < low) | (largest > high)] = schema.FLAGS["diverged"]
    status[infinite] = schema.FLAGS["non_finite"]
    return status


def spikes_in(traces: np.ndarray, frame: Frame) -> list[np.ndarray]:
    """Spike times of (sample, time) traces by the frame's rule, in its time unit."""
    from snnsurrogate.features.spikes import detect_batch

    rule = frame.spike_rule or {}
    return detect_batch(traces, frame.step, threshold=rule["threshold"], reset=rule["reset"])


def assemble(frame: Frame, read: Reader, *, lazy: bool = False) -> xr.Dataset:
    """The dataset of a frame and its shards; samples whose shards are absent are "interrupted".

    Args:
        frame: the sweep.
        read: (block, chunk) -> the shard's arrays, among them ``state_<i>`` and ``input_<i>``
            (sample, record); None if there is no such shard.
        lazy: leave the states where ``read`` finds them; memory then holds one block at a time.
    """
    if frame.network is not None:
        return assemble_network(frame, read, lazy=lazy)
    names, keys = list(frame.initial), frame.keys
    shape = (frame.samples, frame.records)
    states: dict[str, Any] = {}
    for name, key in keys.items():
        if lazy:
            data = indexing.LazilyIndexedArray(_Stored(frame, read, key))
            states[name] = xr.Variable(("sample", "time"), data)
        else:
            states[name] = np.empty(shape)
    status = np.empty(frame.samples, dtype=np.int8)
    trains: list[np.ndarray] = []
    for block in range(frame.blocks):
        members = frame.members(block)
        size = members.stop - members.start
        # Inputs are not judged: left in the shards, they are not read here.
        whole = {
            n: np.empty((size, frame.records)) if lazy else states[n][members]
            for n in (names if lazy else keys)
        }
        missing = False
        for chunk in range(frame.chunks):
            shard = read(block, chunk)
            missing |= shard is None
            for name, values in whole.items():
                values[:, frame.span(chunk)] = np.nan if shard is None else shard[keys[name]]
        record = [whole[n] for n in names]
        status[members] = schema.FLAGS["interrupted"] if missing else judge(record, frame.limits)
        if frame.spike_rule:
            trains += spikes_in(whole[frame.spike_rule["state"]], frame)
    return finish(frame, states, status, trains)


def in_memory(frame: Frame, states: Sequence[np.ndarray]) -> xr.Dataset:
    """The dataset of a frame and the (sample, record) arrays of its states and inputs."""
    named = dict(zip(frame.keys, states, strict=True))
    trains: list[np.ndarray] = []
    if frame.spike_rule:
        trains = spikes_in(named[frame.spike_rule["state"]], frame)
    record = [named[name] for name in frame.initial]
    return finish(frame, named, judge(record, frame.limits), trains)


def finish(
    frame: Frame, records: Mapping[str, Any], status: np.ndarray, trains: list[np.ndarray]
) -> xr.Dataset:
    """Build and validate the dataset of the records of states and inputs."""
    return schema.build(
        states={name: records[name] for name in frame.initial},
        inputs={name: records[name] for name in frame.inputs},
        input_rule=next(iter(frame.inputs.values()), "hold"),
        stimuli=frame.stimuli,
        time=np.arange(frame.records) * frame.step,
        parameters=frame.parameters,
        initial=frame.initial,
        seeds=frame.seeds,
        units=frame.units,
        meanings=frame.meanings,
        attrs=frame.attrs,
        status=status,
        spikes=trains if frame.spike_rule else None,
    )


class _Stored(BackendArray):
    """One state of all samples, read from the shards on demand."""

    def __init__(self, frame: Frame, read: Reader, key: str):
        self.shape = (frame.samples, frame.records)
        self.dtype = np.dtype(np.float64)
        self._frame, self._read, self._key = frame, read, key

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._get
        )

    def _get(self, key: tuple[Any, Any]) -> np.ndarray:
        frame = self._frame
        rows, columns = (
            np.atleast_1d(np.arange(n)[k]) for n, k in zip(self.shape, key, strict=True)
        )
        values = np.full((rows.size, columns.size), np.nan)
        for block in np.unique(rows // frame.block):
            mine = np.flatnonzero(rows // frame.block == block)
            for chunk in np.unique(columns // frame.chunk):
                those = np.flatnonzero(columns // frame.chunk == chunk)
                shard = self._read(int(block), int(chunk))
                if shard is None:
                    continue
                inside = np.ix_(rows[mine] % frame.block, columns[those] % frame.chunk)
                values[np.ix_(mine, those)] = shard[self._key][inside]
        keep = tuple(
            0 if np.ndim(k) == 0 and not isinstance(k, slice) else slice(None) for k in key
        )
        return values[keep]
