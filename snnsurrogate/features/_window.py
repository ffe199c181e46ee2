"""The extent of a record and the coordinates of its samples."""

from __future__ import annotations

from typing import Any

import xarray as xr


def window(dataset: xr.Dataset) -> tuple[float, float]:
    """First and last time of a record, in its own unit."""
    time = dataset["time"].values
    return float(time[0]), float(time[-1])


def sample_coords(dataset: xr.Dataset) -> dict[str, Any]:
    """Coordinates over `sample` alone: parameters, initial states, seeds."""
    return {str(n): c.variable for n, c in dataset.coords.items() if c.dims == ("sample",)}
