"""Datasets as files: netCDF in and out, stores read back, and the format checker."""

from __future__ import annotations

import builtins
import contextlib
import errno
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import xarray as xr

from snnsurrogate import _shipped, schema
from snnsurrogate._names import suggestion
from snnsurrogate.dataset.frame import Frame, assemble
from snnsurrogate.dataset.store import DatasetError, atomic, lazy_shard, read_shard, read_store

__all__ = ["check", "open", "save", "shipped"]

IN_MEMORY = 1 << 30  # bytes of states up to which a dataset is loaded
CHUNK = 1 << 20  # bytes of one compressed piece of a record


def save(ds: xr.Dataset, path: Any, *, compression: int = 1) -> Path:
    """Write a dataset as netCDF-4, whole or not at all.

    Args:
        ds: a dataset of the schema; its content hash is renewed.
        path: file name, usually ending in ``.nc``; an existing file is replaced.
        compression: zlib level, 0 to 9.

    Returns:
        The path.

    Raises:
        SchemaError: the dataset breaks the schema (unmasked non-finite samples are named).
        OSError: the disk is full or the folder cannot be written to.
    """
    schema.validate(ds)
    path = Path(path).expanduser()
    attrs = {**ds.attrs, "content_hash": schema.content_hash(ds)}
    records = [name for name in ds.data_vars if _is_record(ds.variables[name])]
    rest = ds.drop_vars(records)
    rest.attrs = attrs
    for variable in rest.variables.values():
        variable.encoding = {}
    floats = [name for name, variable in rest.variables.items() if variable.dtype.kind == "f"]
    encoding = {name: {"_FillValue": None} for name in floats}
    with atomic(path) as private:
        try:
            rest.to_netcdf(private, engine="netcdf4", encoding=encoding)
            with netCDF4.Dataset(private, "a") as file:
                for name in records:
                    _append(file, str(name), ds.variables[name], compression)
        except (RuntimeError, OSError) as error:
            refused = getattr(error, "errno", None) in {errno.EACCES, errno.EPERM, errno.EROFS}
            # netCDF reports a full disk as "HDF error"
            ask = "May you write to this folder?" if refused else "Is the disk full?"
            msg = f"writing {path} failed ({error}); nothing was changed. {ask}"
            raise OSError(msg) from error
    return path


def _append(file: netCDF4.Dataset, name: str, variable: xr.Variable, compression: int) -> None:
    """Write a record block by block, so that one on disk need not fit into memory."""
    n, *inner = variable.shape
    chunk = [max(1, min(n, CHUNK // max(1, 8 * int(np.prod(inner, dtype=np.int64)))))]
    for i, size in enumerate(inner):
        rest = int(np.prod(inner[i + 1 :], dtype=np.int64))
        chunk.append(max(1, min(size, CHUNK // max(1, 8 * rest))))
    for dim, size in zip(variable.dims, variable.shape, strict=True):
        if str(dim) not in file.dimensions:
            file.createDimension(str(dim), size)
    create: Any = file.createVariable
    target = create(
        name,
        variable.dtype.str,
        [str(dim) for dim in variable.dims],
        zlib=compression > 0,
        complevel=compression,
        shuffle=True,
        chunksizes=chunk if min(variable.shape) else None,
        fill_value=False,
    )
    target.set_var_chunk_cache(4 * CHUNK)
    target.set_auto_mask(False)
    target.setncatts(variable.attrs)
    row = 0
    for part in schema.pieces(variable):
        target[row : row + part.shape[0]] = part
        row += part.shape[0]


def _is_record(variable: xr.Variable) -> bool:
    """Whether a variable may be too long for memory: over time, or over all spikes."""
    return variable.ndim > 1 or variable.dims == ("spike",)


def open(path: Any, *, load: bool | None = None) -> xr.Dataset:
    """Read and validate a dataset: a netCDF file, a store folder, or a shipped name.

    Samples of an unfinished store have the status "interrupted".

    Args:
        path: file, folder or shipped name.
        load: read the states into memory; default: up to 1 GiB. Otherwise they are read from the
            file when they are used.

    Raises:
        FileNotFoundError: no such file and no shipped dataset of that name.
        DatasetError: truncated, foreign or altered; the message says which file and why.
    """
    found = _locate(path)
    ds = _read(found, load)
    problems = _violations(ds, found)
    if problems:
        listed = "\n".join(f"  - {line}" for line in problems)
        msg = f"{found} is no dataset of this package, or of another version:\n{listed}"
        raise DatasetError(msg)
    return ds


def check(path: Any) -> list[str]:
    """Every violation of the schema in a file; empty when it holds.

    An unreadable or absent file is a violation too.
    """
    try:
        found = _locate(path)
        return _violations(_read(found), found, content=True)
    except (DatasetError, FileNotFoundError) as error:
        return [str(error)]


def _violations(ds: xr.Dataset, path: Path, *, content: bool = False) -> list[str]:
    """Violations of a dataset whose states may still lie in the file."""
    try:
        return schema.violations(ds, content=content)
    except (RuntimeError, OSError) as error:  # netCDF reports a damaged piece as "HDF error"
        msg = f"{path} is truncated or damaged: {error}"
        raise DatasetError(msg) from error


def _locate(path: Any) -> Path:
    given = Path(path).expanduser()
    if given.exists():
        return given
    if given.suffix or len(given.parts) > 1:
        msg = f"no file {given}; expected a netCDF file, a store folder or a shipped name."
        raise FileNotFoundError(msg)
    return shipped(str(path))


def open_store(folder: Path, frame: Frame, *, load: bool | None = None) -> xr.Dataset:
    """The dataset of a store whose frame is known; ``load`` as in :func:`open`."""
    size = 8 * frame.samples * frame.records * len(frame.initial)
    if frame.network is not None:
        size = sum(path.stat().st_size for path in folder.glob("shard-*.npz"))
    if load if load is not None else size <= IN_MEMORY:
        return assemble(frame, lambda block, chunk: read_shard(folder, block, chunk))
    return assemble(frame, lambda block, chunk: lazy_shard(folder, block, chunk), lazy=True)


def _read(path: Path, load: bool | None = None) -> xr.Dataset:
    if path.is_dir():
        _, header = read_store(path)
        try:
            frame = Frame.from_header(header)
        except (KeyError, TypeError, ValueError) as error:
            msg = f"{path} is damaged: its header cannot be read ({error!r})."
            raise DatasetError(msg) from error
        return open_store(path, frame, load=load)
    try:
        with builtins.open(path, "rb") as file:
            magic = file.read(8)
    except OSError as error:
        msg = f"{path} cannot be read: {error}"
        raise DatasetError(msg) from error
    if magic[1:4] != b"HDF" and magic[:3] != b"CDF":
        what = "is empty" if not magic else "is no netCDF file"
        msg = f"{path} {what}; expected a dataset made by snnsurrogate."
        raise DatasetError(msg)
    try:
        # Decoding would turn seconds into timedelta64 and mask integers.
        with _small_caches():
            ds = xr.open_dataset(path, engine="netcdf4", decode_times=False, mask_and_scale=False)
        if load if load is not None else ds.nbytes <= IN_MEMORY:
            with ds:
                ds = ds.load()
        else:  # all but the records
            for variable in ds.variables.values():
                if not _is_record(variable):
                    variable.load()
    except Exception as error:  # netCDF4 raises many classes for damaged files
        msg = f"{path} is truncated or damaged: {error}"
        raise DatasetError(msg) from error
    for variable in ds.variables.values():
        variable.encoding = {}
    ds.encoding = {}
    status = ds.variables.get("status")
    if status is not None and "flag_values" in status.attrs:
        status.attrs["flag_values"] = np.atleast_1d(status.attrs["flag_values"])
    return ds


@contextlib.contextmanager
def _small_caches() -> Iterator[None]:
    """HDF5 keeps up to 64 MiB for each variable of an open file; a record is read once."""
    before = netCDF4.get_chunk_cache()
    netCDF4.set_chunk_cache(4 * CHUNK)
    try:
        yield
    finally:
        netCDF4.set_chunk_cache(*before)


def shipped(name: str) -> Path:
    """Path of a dataset or folder that ships with the package, its checksums verified.

    Looks in the installed package and in the checkout. ``data/checksums.txt`` holds lines
    "<sha256>  <path relative to data>".

    Raises:
        FileNotFoundError: no such name; the message lists what ships.
        DatasetError: a file is missing or differs from its checksum.
    """
    folder = _shipped.folder("data")
    listed = _checksums(folder)
    names = sorted({_name(entry) for entry in listed})
    if name not in names:
        hint = suggestion(name, names)
        msg = f"no file and no shipped data {name!r}; shipped are: {', '.join(names)}.{hint}"
        raise FileNotFoundError(msg)
    mine = [entry for entry in listed if _name(entry) == name]
    for entry in mine:
        verify(folder / entry, listed[entry])
    return folder / mine[0].split("/")[0]


def verify(path: Path, sha256: str) -> None:
    """Compare a file with its checksum.

    Raises:
        DatasetError: absent or different.
    """
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        msg = f"shipped file {path} is missing: {error}. Reinstall snnsurrogate."
        raise DatasetError(msg) from error
    if found != sha256:
        msg = (
            f"shipped file {path} was altered: its SHA-256 is {found[:12]}..., expected "
            f"{sha256[:12]}.... Reinstall snnsurrogate."
        )
        raise DatasetError(msg)


def _checksums(folder: Path) -> dict[str, str]:
    path = folder / "checksums.txt"
    if not path.is_file():
        return {}
    pairs = (
        re.split(r"\s+\*?", line.strip(), maxsplit=1) for line in path.read_text().splitlines()
    )
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2 and not pair[0].startswith("#")}


def _name(entry: str) -> str:
    """Shipped name of an entry: the folder it lies in, or the file without its ending."""
    top, slash, _ = entry.partition("/")
    return top if slash else top.removesuffix(".nc")
