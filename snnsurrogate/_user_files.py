"""Python files of the user's own: read, imported, and their mistakes told in one line."""

from __future__ import annotations

import ast
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

__all__ = ["UserFileError", "docstring", "load"]


class UserFileError(ValueError):
    """A file of the user's own that Python cannot read or run."""


def docstring(path: Path) -> str:
    """The docstring of a file, which is not run; "" if it has none.

    Raises:
        UserFileError: the text is not Python.
    """
    try:
        return ast.get_docstring(ast.parse(path.read_bytes(), filename=str(path))) or ""
    except (SyntaxError, ValueError) as error:
        raise _told(path, error) from error


def load(path: Path, name: str) -> ModuleType:
    """Import a file as the module ``name``.

    Raises:
        UserFileError: it is not Python, or running it raised something; the message names the line.
    """
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        msg = f"{str(path)!r} is not a Python file; expected a file ending in .py."
        raise UserFileError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses in the file look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _told(path, error) from error
    return module


def _told(path: Path, error: Exception) -> UserFileError:
    """What went wrong, and in which line of the file."""
    here = path.absolute()
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).absolute() == here]
    text = str(error)
    if isinstance(error, SyntaxError) and Path(error.filename or path).absolute() == here:
        lines, text = [error.lineno], error.msg
    where = f"{path}, line {lines[-1]}" if lines else str(path)
    return UserFileError(f"{where}: {type(error).__name__}: {text}")
