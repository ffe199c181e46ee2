"""Scores on disk: netCDF, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from snnsurrogate.dataset.store import DatasetError, atomic


def save_scores(scores: xr.Dataset, path: Any) -> Path:
    """Write what :func:`evaluate` returned; an existing file is replaced.

    Raises:
        OSError: the disk is full or the folder cannot be written to.
    """
    path = Path(path).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = {
        str(name): {"zlib": True, "complevel": 1}
        for name, v in scores.variables.items()
        if v.ndim and v.dtype.kind in "fi" and v.size > 1000
    }
    with atomic(path) as private:
        try:
            scores.to_netcdf(private, engine="netcdf4", encoding=encoding)
        except (RuntimeError, OSError) as error:  # netCDF reports a full disk as "HDF error"
            ask = "Is the disk full, or read-only?"
            msg = f"writing {path} failed ({error}); nothing was changed. {ask}"
            raise OSError(msg) from error
    return path


def open_scores(path: Any) -> xr.Dataset:
    """Read scores back.

    Raises:
        FileNotFoundError: no such file.
        DatasetError: not a readable netCDF file, or not scores.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        msg = f"no file {path}"
        raise FileNotFoundError(msg)
    try:
        scores = xr.load_dataset(path, engine="netcdf4")
    except Exception as error:  # netCDF4 raises many classes for damaged files
        msg = f"{path} is truncated, damaged or no netCDF file ({error})"
        raise DatasetError(msg) from error
    labelled = "regime" in scores and "confusion" in scores
    if not labelled and not any(v.attrs.get("role") == "score" for v in scores.values()):
        msg = f"{path} holds no scores; expected a file that `snnsurrogate evaluate` wrote"
        raise DatasetError(msg)
    return scores
