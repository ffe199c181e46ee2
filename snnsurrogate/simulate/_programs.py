"""Compiled programs, kept on disk by content: neurons and networks alike."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from snnsurrogate._cache import cache_home
from snnsurrogate.simulate import _cache
from snnsurrogate.simulate._engine import EngineError

__all__ = ["EngineError", "FLAGS", "program"]

# -ffast-math with its finite-math part, which Brian2 switches off, lets the compiler call the
# vector library's exp. The kernel then cannot see non-finite numbers: records are checked after
# it. Brian2's pointers defeat the alias analysis, hence the limit on run-time checks.
FLAGS = (
    "-w",
    "-O3",
    "-ffast-math",
    "-march=native",
    "-std=c++11",
    "--param=vect-max-version-for-alias-checks=10000",
)


def program(builder: str, job: dict[str, Any], cxx: str, *, driver: str) -> tuple[Path, bool]:
    """Path of the program that ``builder`` makes of a job, and whether this call compiled it.

    Args:
        builder: module that reads the job from stdin and leaves ``main`` in ``job["folder"]``.
        job: JSON-able; everything that the program depends on.
        cxx: the compiler.
        driver: code of the builder that ends up in the program.

    Raises:
        EngineError: the build failed, or the cache cannot be written to.
    """
    key = {
        "job": job,
        "driver": driver,
        "brian2": importlib.metadata.version("brian2"),
        "machine": _cache.machine(cxx),
    }
    home = cache_home() / "brian2"
    final = home / _cache.digest(key)[:32]
    if (final / "main").is_file():
        return final / "main", False
    try:
        home.mkdir(parents=True, exist_ok=True)
        private = Path(tempfile.mkdtemp(prefix="building-", dir=home))
    except OSError as error:
        msg = (
            f"cannot write to the cache folder {home}: {error}. Set SNNSURROGATE_CACHE to a folder "
            "that can be written to."
        )
        raise EngineError(msg) from error
    try:
        compile_program(builder, job | {"folder": str(private)}, cxx)
        for leftover in (*private.rglob("*.o"), *private.rglob("*.gch")):
            leftover.unlink()
        (private / "key.json").write_text(json.dumps(key, indent=1))
        try:
            private.rename(final)
        except OSError:
            if not (final / "main").is_file():  # else another process was faster
                raise
    finally:
        shutil.rmtree(private, ignore_errors=True)
    return final / "main", True


def compile_program(builder: str, job: dict[str, Any], cxx: str) -> None:
    """Build in a process of its own, so that the caller's Brian2 session stays as it is."""
    result = subprocess.run(
        [sys.executable, "-m", builder],
        input=json.dumps(job),
        env=os.environ | {"CXX": cxx},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0 or not (Path(job["folder"]) / "main").is_file():
        words = (result.stdout[-1500:] + result.stderr[-3000:]).strip()
        msg = f"building the Brian2 program failed (compiler {cxx}):\n{words}"
        raise EngineError(msg)
