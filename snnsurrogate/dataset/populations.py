"""Datasets of networks from their shards: series, histograms and labelled spikes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from snnsurrogate import schema

if TYPE_CHECKING:
    from snnsurrogate.dataset.frame import Frame, Reader

__all__ = ["LABELS", "assemble_network"]

LABELS = {
    "spike_neuron": (np.int32, "index of the cell in its population"),
    "spike_population": (np.int8, "population of the cell"),
    "spike_cause": (np.int8, "what made the cell fire: an external kick, or a recurrent one"),
}
CAUSES = ("external", "recurrent")


def assemble_network(frame: Frame, read: Reader, *, lazy: bool = False) -> xr.Dataset:
    """The dataset of a network's frame and shards; one sample per block.

    Args:
        frame: the sweep, with ``frame.network``.
        read: (block, chunk) -> arrays of the shard; None if there is no such shard.
        lazy: leave the records where ``read`` finds them; memory then holds one sample at a time.
    """
    layout = frame.network or {}
    shape = (frame.samples, frame.records)
    series: dict[str, Any] = {}
    for i, name in enumerate(layout["series"]):
        series[name] = (
            _lazy(_Records(frame, read, "series", row=i), ("sample", "time"))
            if lazy
            else np.full(shape, np.nan, dtype=np.float32)
        )
    counts: dict[str, Any] = {}
    for histogram in layout["histograms"]:
        name, bins = histogram["name"], histogram["bins"]
        counts[name] = (
            _lazy(_Records(frame, read, name, bins=bins), ("sample", "time", histogram["dim"]))
            if lazy
            else np.zeros((*shape, bins), dtype=np.uint16)
        )
    labels = [name for name in LABELS if layout["causes"] or name != "spike_cause"]
    trains: dict[str, list[np.ndarray]] = {name: [] for name in ("spike_time", *labels)}
    sizes = np.zeros((frame.samples, frame.chunks), dtype=np.int64)
    status = np.full(frame.samples, schema.FLAGS["ok"], dtype=np.int8)
    for sample in range(frame.samples):
        for chunk in range(frame.chunks):
            shard = read(sample, chunk)
            if shard is None:
                status[sample] = schema.FLAGS["interrupted"]
                break
            span, values = frame.span(chunk), shard["series"]
            if not lazy:
                for row, filled in zip(values, series.values(), strict=True):
                    filled[sample, span] = row
                for name, filled in counts.items():
                    filled[sample, span] = shard[name]
            if layout["spikes"]:
                sizes[sample, chunk] = shard["spike_count"]
                if not lazy:
                    for name, parts in trains.items():
                        parts.append(shard[name])
            if shard["stopped"]:
                status[sample] = schema.FLAGS["runaway"]
                break
            if not np.isfinite(values).all():
                status[sample] = schema.FLAGS["non_finite"]
    spikes = None
    if layout["spikes"]:
        columns: dict[str, Any] = {
            name: _lazy(_Column(read, name, sizes), ("spike",))
            if lazy
            else np.concatenate([*parts, np.empty(0, _type(name))])
            for name, parts in trains.items()
        }
        spikes = schema.Spikes(
            times=columns.pop("spike_time"),
            counts=sizes.sum(axis=1),
            labels=columns,
            flags={"spike_population": layout["populations"], "spike_cause": CAUSES},
            meanings={name: LABELS[name][1] for name in labels},
        )
    return schema.build(
        states={},
        time=np.arange(frame.records) * frame.step,
        parameters=frame.parameters,
        initial={},
        seeds=frame.seeds,
        units=frame.units,
        meanings=frame.meanings,
        attrs=frame.attrs,
        status=status,
        spikes=spikes,
        series=series,
        histograms={
            h["name"]: (_centres(h), counts[h["name"]]) for h in layout["histograms"]
        },
    )  # fmt: skip


def _centres(histogram: Mapping[str, Any]) -> xr.Variable:
    centres = histogram["low"] + histogram["width"] * (0.5 + np.arange(histogram["bins"]))
    about = {"units": histogram["unit"], "long_name": "centre of the bin"}
    return xr.Variable((histogram["dim"],), centres, about)


def _type(name: str) -> Any:
    return LABELS[name][0] if name in LABELS else np.float64


def _lazy(array: BackendArray, dims: tuple[str, ...]) -> xr.Variable:
    return xr.Variable(dims, indexing.LazilyIndexedArray(array))


class _Stored(BackendArray):
    """An array in the shards, read on demand by positions along each dimension."""

    shape: tuple[int, ...]

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._get
        )

    def _get(self, key: tuple[Any, ...]) -> np.ndarray:
        where = [np.atleast_1d(np.arange(n)[k]) for n, k in zip(self.shape, key, strict=True)]
        keep = tuple(
            0 if np.ndim(k) == 0 and not isinstance(k, slice) else slice(None) for k in key
        )
        return np.asarray(self._take(*where)[keep])

    def _take(self, *where: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class _Records(_Stored):
    """A series (one row of it) or a histogram of all samples."""

    def __init__(self, frame: Frame, read: Reader, name: str, *, row: int = -1, bins: int = 0):
        self.shape = (frame.samples, frame.records) + ((bins,) if bins else ())
        self.dtype = np.dtype(np.uint16 if bins else np.float32)
        self._frame, self._read, self._name, self._row = frame, read, name, row

    def _take(self, *where: np.ndarray) -> np.ndarray:
        frame, (rows, columns, *rest) = self._frame, where
        empty = 0 if rest else np.nan
        shape = tuple(part.size for part in where)
        values = np.full(shape, empty, dtype=self.dtype)
        for i, sample in enumerate(rows):
            for chunk in np.unique(columns // frame.chunk):
                shard = self._read(int(sample), int(chunk))
                if shard is None:
                    continue
                mine = np.flatnonzero(columns // frame.chunk == chunk)
                stored = shard[self._name]
                stored = stored[self._row] if self._row >= 0 else stored[:, rest[0]]
                values[i, mine] = stored[columns[mine] % frame.chunk]
        return values


class _Column(_Stored):
    """One column of all spikes."""

    def __init__(self, read: Reader, name: str, sizes: np.ndarray):
        self.shape = (int(sizes.sum()),)
        self.dtype = np.dtype(_type(name))
        self._read, self._name, self._chunks = read, name, sizes.shape[1]
        self._ends = np.cumsum(sizes.reshape(-1))

    def _take(self, *where: np.ndarray) -> np.ndarray:
        (rows,) = where
        values = np.empty(rows.size, dtype=self.dtype)
        owner = np.searchsorted(self._ends, rows, side="right")
        for shard_number in np.unique(owner):
            shard = self._read(*(int(v) for v in divmod(shard_number, self._chunks)))
            mine = np.flatnonzero(owner == shard_number)
            start = self._ends[shard_number - 1] if shard_number else 0
            if shard is None:
                msg = f"a shard with {self._name} is gone; open the store again."
                raise OSError(msg)
            values[mine] = shard[self._name][rows[mine] - start]
        return values
