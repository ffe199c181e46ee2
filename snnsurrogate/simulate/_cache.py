"""Where compiled programs are kept, and what their key depends on."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

__all__ = ["compiler", "digest", "machine"]


def compiler() -> str | None:
    """Path of a C++ compiler ($CXX first), or None where there is none or no make."""
    if shutil.which("make") is None:
        return None
    for name in (os.environ.get("CXX", ""), "g++", "clang++", "c++"):
        found = shutil.which(name) if name else None
        if found:
            return found
    return None


@functools.cache
def machine(cxx: str) -> dict[str, str]:
    """Compiler version and processor: programs are compiled for exactly this processor."""
    version = subprocess.run([cxx, "--version"], capture_output=True, text=True, check=False)
    described = {
        "compiler": version.stdout.partition("\n")[0],
        "architecture": platform.machine(),
        "processor": platform.processor(),
    }
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return described
    fields = dict(line.partition(":")[::2] for line in lines)
    for name, value in fields.items():
        if name.strip() in ("model name", "cpu family", "model", "flags", "Features"):
            described[name.strip()] = value.strip()
    return described


def digest(content: Any) -> str:
    """Key of a JSON-able description."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
