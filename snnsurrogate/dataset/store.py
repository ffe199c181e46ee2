"""A sweep on disk that can be killed at any moment: shards, each complete or absent.

A store is a folder with ``manifest.json`` (the request), ``header.npz`` (parameters, initial
states, seeds) and ``shard-<block>-<chunk>.npz``. Every file is written under another name, synced
and renamed, so a file under its final name is whole. Shards are zip files with check sums: one
that a failing disk damaged is noticed and made again.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "DatasetError",
    "Store",
    "StoreMismatch",
    "atomic",
    "differences",
    "exclusive",
    "read_store",
]

FORMAT = "snnsurrogate store 1"


class DatasetError(ValueError):
    """A file or folder that is no dataset of this package, or a damaged one."""


class StoreMismatch(DatasetError):
    """A store that holds another sweep than the one asked for."""


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Write to the yielded path; on success it replaces ``path``, on failure nothing is left.

    Raises:
        OSError: the disk is full or the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path.parent, path.name)
    private = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield private
        with private.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(private, path)
        _sync_folder(path.parent)
    finally:
        private.unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Let one process at a time make ``path``; the others wait, and find it made.

    Two processes in one store would each take away the shards that the other still reads. The lock
    goes with its process, so that a killed one leaves nothing that has to be cleared by hand.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
    except OSError:  # nothing can be made here; what is there can be read
        yield
        return
    while True:
        with lock.open("w") as file:
            _wait(file.fileno(), path)
            try:
                current = os.path.samestat(os.fstat(file.fileno()), lock.stat())
            except FileNotFoundError:
                current = False
            if not current:  # whoever had it before has removed it: that lock is nobody's
                continue
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return


def _wait(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"{path} is being made by another process; waiting for it", file=sys.stderr)  # noqa: T201
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:  # a file system without locks
        return


def _remove_leftovers(folder: Path, name: str) -> None:
    """Remove half-written files of processes that are gone."""
    for path in folder.glob(f".{glob.escape(name)}*.part"):
        process = path.name.split(".")[-2]
        if not process.isdigit() or not _alive(int(process)):
            path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    # Without it a crash of the machine may lose the rename; not every file system allows it.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with atomic(path) as private, private.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


class Store:
    """Shards of one sweep in a folder.

    Args:
        folder: where; made if absent.
        request: JSON-able description of the sweep. Two sweeps with equal requests are the same.
        header: arrays that every reader needs.

    Raises:
        StoreMismatch: the folder holds another sweep; the message says what differs.
        DatasetError: the folder holds something else.
    """

    def __init__(self, folder: Path, request: Mapping[str, Any], header: Mapping[str, Any]):
        self.folder = Path(folder)
        self.request = json.loads(json.dumps(dict(request)))
        if (self.folder / "manifest.json").exists():
            self._compare(_manifest(self.folder)["request"])
            self._mend(header)
        elif _foreign(self.folder):
            msg = (
                f"{self.folder} exists and holds no sweep; give an empty or new folder (or a "
                "path ending in .nc)."
            )
            raise DatasetError(msg)
        if not (self.folder / "manifest.json").exists():
            _write_arrays(self.folder / "header.npz", header)
            with atomic(self.folder / "manifest.json") as private:
                text = {"format": FORMAT, "hash": request_hash(self.request)}
                private.write_text(json.dumps(text | {"request": self.request}, indent=1))
        _remove_leftovers(self.folder, "")

    def _compare(self, stored: Mapping[str, Any]) -> None:
        lines = differences(stored, self.request)
        if lines:
            msg = (
                f"{self.folder} holds another sweep, nothing was overwritten; it differs in:{lines}"
                "\nGive another path, or ask for the stored sweep again."
            )
            raise StoreMismatch(msg)

    def _mend(self, header: Mapping[str, Any]) -> None:
        """Write the header again if it is lost; the request says what it must be."""
        try:
            _read_arrays(self.folder / "header.npz")
        except (FileNotFoundError, DatasetError):
            _write_arrays(self.folder / "header.npz", header)

    def path(self, block: int, chunk: int) -> Path:
        """File of one shard."""
        return shard_path(self.folder, block, chunk)

    def write(self, block: int, chunk: int, **arrays: np.ndarray) -> None:
        """Write one shard, whole or not at all.

        Raises:
            OSError: the disk is full.
        """
        _write_arrays(self.path(block, chunk), arrays)

    def read(self, block: int, chunk: int) -> dict[str, np.ndarray] | None:
        """Arrays of one shard; None if it is absent or damaged."""
        return read_shard(self.folder, block, chunk)


def shard_path(folder: Path, block: int, chunk: int) -> Path:
    """File of one shard of a store."""
    return folder / f"shard-{block:06d}-{chunk:06d}.npz"


def read_shard(folder: Path, block: int, chunk: int) -> dict[str, np.ndarray] | None:
    """Arrays of one shard, all read and checked; None if it is absent or damaged."""
    try:
        return _read_arrays(shard_path(folder, block, chunk))
    except (FileNotFoundError, DatasetError):
        return None


class LazyShard(Mapping[str, np.ndarray]):
    """One shard whose arrays are read when asked for."""

    def __init__(self, path: Path):
        self._path = path

    def __getitem__(self, name: str) -> np.ndarray:
        with _npz(self._path) as file:
            return file[name]

    def __iter__(self) -> Iterator[str]:
        with _npz(self._path) as file:
            return iter(list(file.files))

    def __len__(self) -> int:
        return len(list(iter(self)))


def lazy_shard(folder: Path, block: int, chunk: int) -> LazyShard | None:
    """One shard, not yet read; None if it is absent."""
    path = shard_path(folder, block, chunk)
    return LazyShard(path) if path.exists() else None


@contextlib.contextmanager
def _npz(path: Path) -> Iterator[Any]:
    try:
        # numpy leaves a file open that it opened itself and cannot read.
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            yield file
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, KeyError, TypeError) as error:
        msg = f"{path} is damaged: {error}"
        raise DatasetError(msg) from error


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    with _npz(path) as file:
        return {name: file[name] for name in file.files}


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text())
    except FileNotFoundError as error:
        msg = f"{folder} is no store: it has no manifest.json."
        raise DatasetError(msg) from error
    except ValueError as error:
        msg = f"{path} is damaged: {error}"
        raise DatasetError(msg) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        msg = f"{path} is not of a store that this version reads (expected format {FORMAT!r})."
        raise DatasetError(msg)
    return manifest


def read_store(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Request and header of a store on disk.

    Raises:
        DatasetError: no store, or a damaged one.
    """
    manifest = _manifest(folder)
    try:
        return manifest["request"], _read_arrays(folder / "header.npz")
    except FileNotFoundError as error:
        msg = f"{folder} is damaged: header.npz is missing."
        raise DatasetError(msg) from error


def request_hash(request: Mapping[str, Any]) -> str:
    """SHA-256 of a request."""
    return hashlib.sha256(json.dumps(dict(request), sort_keys=True).encode()).hexdigest()


def differences(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """What differs between two requests, one line each; empty if nothing does."""
    names = dict.fromkeys((*stored, *asked))
    return "".join(
        f"\n  - {name}: stored {_short(stored.get(name))}, asked {_short(asked.get(name))}"
        for name in names
        if stored.get(name) != asked.get(name)
    )


def _short(value: Any) -> str:
    text = json.dumps(value)
    if isinstance(value, str) and len(value) == 64:  # a hash of many values
        return f"{value[:12]}..."
    return text if len(text) <= 60 else f"{text[:57]}..."


def _foreign(folder: Path) -> bool:
    """A path that is taken by something else; a header alone is a store that was just begun."""
    if not folder.exists():
        return False
    if not folder.is_dir():
        return True
    names = [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]
    return bool(names) and names != ["header.npz"]


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
