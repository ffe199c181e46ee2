"""Splits by parameter point: samples of one point never end up on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from snnsurrogate import schema

__all__ = ["assign_groups", "split"]


def split(
    ds: xr.Dataset, fractions: Mapping[str, float], *, seed: int = 0
) -> dict[str, xr.Dataset]:
    """Divide a dataset by parameter point, never by window of time.

    Args:
        ds: a dataset of the schema.
        fractions: part name -> share of the parameter points; they sum to 1.
        seed: of the shuffling.

    Returns:
        Part name -> dataset. All initial states and repeats of a point stay together.

    Raises:
        ValueError: shares that do not sum to 1, or a part left without a point.
    """
    columns = [ds[name].values for name in schema.parameters_of(ds)]
    owner = assign_groups(columns, ds.sizes["sample"], fractions, seed=seed)
    return {name: schema.select(ds, owner == i) for i, name in enumerate(fractions)}


def assign_groups(
    columns: Sequence[np.ndarray], n: int, fractions: Mapping[str, float], *, seed: int
) -> np.ndarray:
    """(sample,) number of the part to which each sample goes; equal rows go to one part.

    Args:
        columns: (sample,) arrays of parameter values; NaN equals NaN.
        n: number of samples.
        fractions: part name -> share.
        seed: of the shuffling.

    Raises:
        ValueError: shares that do not sum to 1, or a part left without a point.
    """
    shares = np.array(list(fractions.values()), dtype=float)
    if not shares.size or (shares <= 0).any() or not np.isclose(shares.sum(), 1.0):
        msg = f"fractions are {dict(fractions)}; expected positive shares that sum to 1."
        raise ValueError(msg)
    group = np.zeros(n, dtype=np.int64)
    if columns:
        rows = np.stack(columns, axis=1)
        group = np.unique(rows, axis=0, return_inverse=True, equal_nan=True)[1].reshape(-1)
    points = int(group.max()) + 1 if n else 0
    ends = np.round(np.cumsum(shares) * points).astype(int)
    sizes = np.diff(ends, prepend=0)
    if (sizes == 0).any():
        empty = [name for name, size in zip(fractions, sizes, strict=True) if size == 0]
        msg = (
            f"{points} parameter point(s) leave {', '.join(map(repr, empty))} without one at "
            f"fractions {dict(fractions)}; use more points or other fractions."
        )
        raise ValueError(msg)
    part = np.repeat(np.arange(shares.size), sizes)
    return np.random.default_rng(seed).permutation(part)[group]
