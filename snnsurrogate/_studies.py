"""Shipped and own studies: found by file name, read without running them, run by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from snnsurrogate import _shipped, _user_files
from snnsurrogate._names import suggestion


@dataclass(frozen=True)
class Study:
    """One runnable file.

    Attributes:
        name: as on the command line: the file's name with dashes.
        path: the file.
        question: first line of its docstring.
        text: its docstring: Question, Expect, Data, Result.
    """

    name: str
    path: Path
    question: str
    text: str


def _read(path: Path) -> Study:
    text = _user_files.docstring(path)
    first = text.splitlines()[0] if text else "(no docstring)"
    return Study(path.stem.replace("_", "-"), path, first, text)


def studies() -> dict[str, Study]:
    """Return the shipped studies by name."""
    files = sorted(_shipped.folder("studies").glob("[!_]*.py"))
    return {study.name: study for study in map(_read, files)}


def find(name: str) -> Study:
    """Return a shipped study by name, or a study of one's own by the path of its file.

    Raises:
        ValueError: no such study, with the names there are and the nearest.
        FileNotFoundError: a path that does not exist.
    """
    if name.endswith(".py"):
        path = Path(name)
        if not path.is_file():
            msg = f"no study file {name}"
            raise FileNotFoundError(msg)
        return _read(path)
    known = studies()
    if name not in known:
        hint = suggestion(name, known)
        msg = f"no study {name!r}; expected one of {', '.join(known)} or a .py file.{hint}"
        raise ValueError(msg)
    return known[name]


def run(name: str, *, preset: str, out: Path, settings: Mapping[str, Any] | None = None) -> Any:
    """Import a study and call its ``main``; returns what it returns (scores).

    Args:
        name: as for :func:`find`.
        preset: handed to ``main``.
        out: handed to ``main``.
        settings: further arguments of ``main``.

    Raises:
        ValueError: unknown study, preset or argument, a file without ``main``, or one that cannot
            be run.
    """
    study = find(name)
    module = _load(study)
    main = getattr(module, "main", None)
    if not callable(main):
        msg = f"{study.path} defines no main(preset, out); see docs/recipes/study.md"
        raise ValueError(msg)
    presets = list(getattr(module, "PRESETS", ()))
    if presets and preset not in presets:
        hint = suggestion(preset, presets)
        msg = f"study {study.name!r} has no preset {preset!r}; expected one of {presets}.{hint}"
        raise ValueError(msg)
    arguments = list(inspect.signature(main).parameters)
    more = dict(settings or {})
    for option in ("preset", "out"):
        if option in more:
            msg = f"{option} is an option of its own: write --{option} {more[option]}, not --set"
            raise ValueError(msg)
    unknown = sorted(set(more) - set(arguments))
    if unknown:
        msg = f"study {study.name!r} does not take {unknown}; it takes {arguments}"
        raise ValueError(msg)
    return main(preset=preset, out=out, **more)


def _load(study: Study) -> ModuleType:
    return _user_files.load(study.path, f"snnsurrogate_study_{study.path.stem}")
