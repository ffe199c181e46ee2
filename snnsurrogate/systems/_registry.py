"""Names of systems: lookup, and registration of a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snnsurrogate import _user_files
from snnsurrogate._names import suggestion

from ._base import System

__all__ = ["add", "get", "names", "register"]

_SYSTEMS: dict[str, Any] = {}
_ORIGIN: dict[str, str] = {}


def add(system: Any, *, origin: str) -> Any:
    """Put a system under its name.

    Raises:
        ValueError: the name is taken by another declaration.
    """
    name = system.name
    if name in _SYSTEMS and _SYSTEMS[name] is not system:
        msg = (
            f"system {name!r} from {origin} is already registered by {_ORIGIN[name]}; choose "
            "another name."
        )
        raise ValueError(msg)
    _SYSTEMS[name] = system
    _ORIGIN[name] = origin
    return system


def names() -> tuple[str, ...]:
    """Registered names, sorted."""
    return tuple(sorted(_SYSTEMS))


def get(name: str, /, **parameters: Any) -> Any:
    """A registered system, with other default parameter values if asked.

    Args:
        name: registered name.
        parameters: numbers in the declared units, text with units, or quantities.

    Raises:
        ValueError: unknown system or parameter (with the allowed names and the nearest match), a
            wrong dimension, or a value outside the declared range.
    """
    if isinstance(name, System):
        return name.with_parameters(**parameters)
    if name not in _SYSTEMS:
        hint = suggestion(name, _SYSTEMS)
        msg = f"no system {name!r}; expected one of {', '.join(names())}.{hint}"
        raise ValueError(msg)
    return _SYSTEMS[name].with_parameters(**parameters)


def register(source: Any) -> Any:
    """Register a system of one's own.

    Args:
        source: a :class:`System`; a class or function that returns one without arguments; or the
            path of a Python file that defines ``SYSTEM`` (every System in it is registered).

    Returns:
        The system (``SYSTEM`` of a file).

    Raises:
        ValueError: not a system, a file that cannot be run, unreadable equations, or a name that
            is taken.
        FileNotFoundError: no such file.
    """
    if isinstance(source, System):
        _examine(source)
        return add(source, origin="register()")
    if isinstance(source, str | Path):
        return _register_file(Path(source))
    if callable(source):
        made = source()
        if isinstance(made, System):
            _examine(made)
            return add(made, origin=f"{source.__module__}.{source.__qualname__}")
    msg = (
        f"cannot register {source!r}; expected a System, a class or function that returns one, or "
        "the path of a Python file that defines SYSTEM."
    )
    raise ValueError(msg)


def _examine(system: System) -> None:
    system.brian2_equations()
    system.sympy()  # raises on unreadable text, unknown names and units


def _register_file(path: Path) -> System:
    if not path.is_file():
        msg = f"no file {str(path)!r}; expected a Python file that defines SYSTEM."
        raise FileNotFoundError(msg)
    path = path.resolve()
    for name, origin in _ORIGIN.items():
        if origin == f"{path}:SYSTEM":
            msg = f"{path} is already registered as {name!r}; restart Python to read it again."
            raise ValueError(msg)
    module = _user_files.load(path, f"snnsurrogate_user_{path.stem}")
    main = getattr(module, "SYSTEM", None)
    if not isinstance(main, System):
        msg = f"{path} defines no SYSTEM; add SYSTEM = System(...) at module level."
        raise ValueError(msg)
    found = {key: value for key, value in vars(module).items() if isinstance(value, System)}
    taken = sorted(s.name for s in found.values() if s.name in _SYSTEMS)
    if taken:
        msg = f"{path} defines {', '.join(taken)}, which is already registered; rename it."
        raise ValueError(msg)
    for system in found.values():
        _examine(system)
    for key, system in found.items():
        add(system, origin=f"{path}:{key}")
    return main
