"""A dataset of the schema as a PyTorch ``Dataset``: windows of records with their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr

from snnsurrogate import schema, units
from snnsurrogate._names import suggestion

__all__ = ["TorchDataset", "to_torch"]


class TorchDataset(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """Windows of the records of a sweep, read from the dataset one at a time.

    An item is a dictionary of ``values`` (time, channel) and ``parameters`` (parameter,), both in
    the units of the dataset and of one type, and ``sample`` and ``start`` (positions in the
    dataset). Make it with :func:`to_torch`.

    Attributes:
        channels: names of the columns of ``values``; of a histogram ``name[k]`` for every bin.
        parameters: names of the entries of ``parameters``.
        units: name of a channel or parameter -> its unit.
        window: records per item.
    """

    def __init__(
        self,
        ds: xr.Dataset,
        *,
        variables: Sequence[str],
        parameters: Sequence[str],
        samples: np.ndarray,
        window: int,
        stride: int,
        dtype: torch.dtype,
    ) -> None:
        self._ds, self._samples, self._variables = ds, samples, tuple(variables)
        self._stride, self._dtype = stride, dtype
        self._per_sample = 1 + (ds.sizes["time"] - window) // stride
        self.window = window
        self.parameters = tuple(parameters)
        self.units = {name: str(ds[name].attrs.get("units", "1")) for name in parameters}
        channels: list[str] = []
        for name in self._variables:
            width = int(np.prod(ds[name].shape[2:]))
            made = [name] if ds[name].ndim == 2 else [f"{name}[{k}]" for k in range(width)]
            channels += made
            self.units |= dict.fromkeys(made, str(ds[name].attrs.get("units", "1")))
        self.channels = tuple(channels)
        rows = [np.asarray(ds[name].values, dtype=np.float64)[samples] for name in parameters]
        points = np.stack(rows, axis=1) if rows else np.empty((samples.size, 0))
        self._points = torch.as_tensor(points, dtype=dtype)

    def __len__(self) -> int:
        """Number of windows of all samples."""
        return self._samples.size * self._per_sample

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """One window; negative positions count from the end.

        Raises:
            IndexError: no such window.
        """
        if not -len(self) <= index < len(self):
            msg = f"no window {index}; there are {len(self)}."
            raise IndexError(msg)
        row, k = divmod(index % len(self), self._per_sample)
        sample, start = int(self._samples[row]), k * self._stride
        parts = [
            np.asarray(self._ds.variables[name][sample, start : start + self.window].values)
            for name in self._variables
        ]
        values = np.concatenate([part.reshape(self.window, -1) for part in parts], axis=1)
        return {
            "values": torch.as_tensor(values.astype(np.float64), dtype=self._dtype),
            "parameters": self._points[row].clone(),
            "sample": torch.tensor(sample),
            "start": torch.tensor(start),
        }


def to_torch(
    ds: xr.Dataset,
    variables: Sequence[str] | None = None,
    *,
    parameters: Sequence[str] | None = None,
    window: Any = None,
    every: Any = None,
    failed: bool = False,
    dtype: torch.dtype = torch.float32,
) -> TorchDataset:
    """A PyTorch ``Dataset`` of a sweep, for a ``DataLoader``.

    Nothing is copied: an item is read when it is asked for, so that the dataset may lie on disk.
    Divide samples before (``schema.select``, ``Design.split``), not windows after: windows of one
    record are not independent.

    Args:
        ds: a dataset of the schema.
        variables: variables over (sample, time, ...); default: the states of a neuron, the series
            of a network.
        parameters: parameter coordinates; default: those that vary.
        window: length of a window, text with a unit; default: the whole record.
        every: distance of windows, text with a unit; default: the length of a window.
        failed: keep samples whose status is not ok; their values may be NaN.
        dtype: of values and parameters.

    Raises:
        ValueError: an unknown variable or parameter, a window longer than the record or shorter
            than two of its steps, or no usable sample.
    """
    known = [str(n) for n, v in ds.data_vars.items() if v.dims[:2] == ("sample", "time")]
    chosen = list(variables) if variables is not None else _default_variables(ds)
    points = list(parameters) if parameters is not None else schema.swept_of(ds)
    _need(chosen, known, "variable over (sample, time)")
    _need(points, schema.parameters_of(ds), "parameter")
    if not chosen:
        msg = f"no variables were chosen; expected some of {', '.join(known)}."
        raise ValueError(msg)
    samples = np.arange(ds.sizes["sample"]) if failed else np.flatnonzero(schema.ok(ds))
    if not samples.size:
        msg = f"none of the {ds.sizes['sample']} samples has status ok; failed=True keeps them."
        raise ValueError(msg)
    records = ds.sizes["time"]
    size = records if window is None else _steps(ds, window, "window")
    if not 2 <= size <= records:
        msg = (
            f"window={window!r} is {size} records; expected 2 to {records}, the length of the "
            "record."
        )
        raise ValueError(msg)
    return TorchDataset(
        ds,
        variables=chosen,
        parameters=points,
        samples=samples,
        window=size,
        stride=size if every is None else max(1, _steps(ds, every, "every")),
        dtype=dtype,
    )


def _default_variables(ds: xr.Dataset) -> list[str]:
    return schema.states_of(ds) or schema.series_of(ds)


def _steps(ds: xr.Dataset, value: Any, what: str) -> int:
    """A time as a number of recording steps."""
    time = ds["time"]
    step = float(time[1] - time[0]) if time.size > 1 else np.inf
    return round(units.magnitude(value, str(time.attrs["units"]), what=what) / step)


def _need(names: Sequence[str], known: Sequence[str], kind: str) -> None:
    for name in names:
        if name not in known:
            hint = suggestion(name, known)
            msg = f"no {kind} {name!r}; expected some of {', '.join(known)}.{hint}"
            raise ValueError(msg)
