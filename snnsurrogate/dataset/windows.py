"""Training windows: the state now, the states of the next steps, the parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr

from snnsurrogate import schema

if TYPE_CHECKING:
    import torch

__all__ = ["Windows", "pairs"]


class Windows(NamedTuple):
    """Windows of the usable samples, in declared units.

    Attributes:
        state: (window, state) at the start of the window.
        targets: (window, horizon, state), the following records.
        parameters: (window, parameter).
        sample: (window,) position of the sample in the dataset.
    """

    state: np.ndarray
    targets: np.ndarray
    parameters: np.ndarray
    sample: np.ndarray

    def torch(self, dtype: str = "float64") -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """State, targets and parameters as tensors of ``dtype``."""
        import torch

        kind = getattr(torch, dtype)
        arrays = (self.state, self.targets, self.parameters)
        return tuple(torch.as_tensor(values).to(kind) for values in arrays)  # type: ignore[return-value]


def pairs(
    ds: xr.Dataset,
    *,
    horizon: int = 1,
    stride: int = 1,
    parameters: list[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> Windows:
    """Windows from all samples whose status is ok; other samples never enter.

    Args:
        ds: a dataset of the schema.
        horizon: records after the first.
        stride: records between the starts of two windows of a sample.
        parameters: names to return; default: those that vary.
        limit: at most so many windows, drawn evenly at random.
        seed: of that draw.

    Raises:
        SchemaError: the dataset breaks the schema; non-finite samples marked ok are named.
        ValueError: no usable sample, or records shorter than a window.
    """
    schema.validate(ds)
    for name, value in (("horizon", horizon), ("stride", stride)):
        if value < 1:
            msg = f"{name} is {value}; expected at least 1."
            raise ValueError(msg)
    usable = np.flatnonzero(schema.ok(ds))
    records = ds.sizes["time"]
    if usable.size == 0:
        msg = f"none of the {ds.sizes['sample']} samples has status ok; nothing to make windows of."
        raise ValueError(msg)
    if records <= horizon:
        msg = f"the record has {records} points; a horizon of {horizon} needs {horizon + 1}."
        raise ValueError(msg)
    starts = np.arange(0, records - horizon, stride)
    count = usable.size * starts.size
    chosen = np.arange(count)
    if limit is not None and limit < count:
        chosen = np.sort(np.random.default_rng(seed).choice(count, limit, replace=False))
    sample, start = usable[chosen // starts.size], starts[chosen % starts.size]
    names = schema.swept_of(ds) if parameters is None else parameters
    unknown = set(names) - set(schema.parameters_of(ds))
    if unknown:
        known = ", ".join(schema.parameters_of(ds))
        msg = f"no parameter {', '.join(sorted(unknown))} in the dataset; it has {known}."
        raise ValueError(msg)
    columns = [ds[name].values[sample] for name in names]
    offsets = start[:, None] + np.arange(horizon + 1)
    values = np.stack(
        [ds[name].values[sample[:, None], offsets] for name in schema.states_of(ds)], axis=-1
    )
    return Windows(
        state=values[:, 0],
        targets=values[:, 1:],
        parameters=np.stack(columns, axis=-1) if columns else np.empty((sample.size, 0)),
        sample=sample,
    )
