"""Names of systems: lookup, and registration of a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snnsurrogate import _user_files
from snnsurrogate._names import suggestion

from ._base import System
from ._model import Model
from ._network import Network

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


def names(kind: str | None = None) -> tuple[str, ...]:
    """Registered names, sorted.

    Args:
        kind: "neuron" or "network" for those alone.

    Raises:
        ValueError: another kind.
    """
    kinds: dict[str | None, Any] = {None: Model, "neuron": System, "network": Network}
    if kind not in kinds:
        msg = f"kind is {kind!r}; expected 'neuron', 'network' or None."
        raise ValueError(msg)
    return tuple(sorted(n for n, system in _SYSTEMS.items() if isinstance(system, kinds[kind])))


def get(name: str, /, **parameters: Any) -> Any:
    """A registered system, with other default parameter values if asked.

    Args:
        name: registered name; of a network also "name:preset".
        parameters: numbers in the declared units, text with units, or quantities.

    Raises:
        ValueError: unknown system or parameter (with the allowed names and the nearest match), a
            wrong dimension, or a value outside the declared range.
    """
    if isinstance(name, Model):
        return name.with_parameters(**parameters)
    base, colon, preset = name.partition(":")
    if base not in _SYSTEMS:
        hint = suggestion(base, _SYSTEMS)
        msg = f"no system {base!r}; expected one of {', '.join(names())}.{hint}"
        raise ValueError(msg)
    system = _SYSTEMS[base]
    if colon:
        if not isinstance(system, Network):
            msg = f"{base!r} is a neuron and has no presets; write {base!r} without ':{preset}'."
            raise ValueError(msg)
        system = system.with_preset(preset)
    return system.with_parameters(**parameters)


def register(source: Any) -> Any:
    """Register a system of one's own.

    Args:
        source: a :class:`System` or :class:`Network`; a class or function that returns one without
            arguments; or the path of a Python file that defines ``SYSTEM`` (every system in it is
            registered).

    Returns:
        The system (``SYSTEM`` of a file).

    Raises:
        ValueError: not a system, a file that cannot be run, unreadable equations, or a name that
            is taken.
        FileNotFoundError: no such file.
    """
    if isinstance(source, Model):
        _examine(source)
        return add(source, origin="register()")
    if isinstance(source, str | Path):
        return _register_file(Path(source))
    if callable(source):
        made = source()
        if isinstance(made, Model):
            _examine(made)
            return add(made, origin=f"{source.__module__}.{source.__qualname__}")
    msg = (
        f"cannot register {source!r}; expected a System or Network, a class or function that "
        "returns one, or the path of a Python file that defines SYSTEM."
    )
    raise ValueError(msg)


def _examine(system: Model) -> None:
    if not isinstance(system, System):
        return  # the text of a network is read by Brian2, at its first build
    system.brian2_equations()
    system.sympy()  # raises on unreadable text, unknown names and units


def _register_file(path: Path) -> Any:
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
    if not isinstance(main, Model):
        msg = f"{path} defines no SYSTEM; add SYSTEM = System(...) or Network(...) at module level."
        raise ValueError(msg)
    found = {key: value for key, value in vars(module).items() if isinstance(value, Model)}
    taken = sorted(s.name for s in found.values() if s.name in _SYSTEMS)
    if taken:
        msg = f"{path} defines {', '.join(taken)}, which is already registered; rename it."
        raise ValueError(msg)
    for system in found.values():
        _examine(system)
    for key, system in found.items():
        add(system, origin=f"{path}:{key}")
    return main
