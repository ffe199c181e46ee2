"""The user's cache folder, and generated source that is imported from it.

Numba can keep compiled code on disk only for functions that live in a file. Generated source is
therefore stored under the cache folder by content, and a second process compiles nothing. Where no
folder can be written the source is compiled in memory.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType

__all__ = ["cache_home", "import_source"]


def cache_home() -> Path:
    """``$SNNSURROGATE_CACHE``, else ``snnsurrogate`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    own = os.environ.get("SNNSURROGATE_CACHE")
    if own:
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "snnsurrogate"


def import_source(source: str) -> ModuleType:
    """Import generated source, from the cache folder if it can be written, else from memory."""
    name = "snnsurrogate_kernel_" + hashlib.sha256(source.encode()).hexdigest()[:24]
    if name in sys.modules:
        return sys.modules[name]
    try:
        path = _stored(source, name)
        module = _load(path, name)
    except OSError:
        module = ModuleType(name)
        exec(compile(source, f"<{name}>", "exec"), vars(module))
    sys.modules[name] = module
    return module


def _stored(source: str, name: str) -> Path:
    folder = cache_home() / "kernels"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    if path.exists() and path.read_text() == source:
        return path  # rewriting would change its time stamp and void Numba's index
    handle, partial = tempfile.mkstemp(dir=folder, suffix=".tmp")
    with os.fdopen(handle, "w") as file:
        file.write(source)
    os.replace(partial, path)
    return path


def _load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        msg = f"cannot import {path}"
        raise OSError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Numba looks the module up while compiling
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
