"""What command-line options mean: ranges, settings and files, turned into designs and values."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from snnsurrogate.simulate import Design

_EXAMPLE = {
    "--grid": "V_S=-44:-33:221 (low:high:how many) or V_S=-44,-40,-36",
    "--sobol": "V_S=-44:-33 (low:high)",
    "--lhs": "V_S=-44:-33 (low:high)",
    "--initial": "V=-65:-20 (a box to draw from) or V=-50",
    "--set": "tau_S=20",
}


def _pair(text: str, option: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip() or not value.strip():
        msg = f"{option} {text!r} is not name=value; write for example {option} {_EXAMPLE[option]}"
        raise ValueError(msg)
    return name.strip(), value.strip()


def _quantity(text: str) -> float | str:
    """Return a bare number as a number, anything else ("-44 mV") as the text it is."""
    try:
        return float(text)
    except ValueError:
        return text.strip()


def _line(text: str, option: str) -> Any:
    """Return the values of one axis of a grid."""
    if ":" not in text:
        return [_quantity(part) for part in text.split(",")]
    parts = text.split(":")
    if len(parts) != 3 or not parts[2].strip().isdigit() or int(parts[2]) < 1:
        msg = f"{option} ...={text!r}: expected low:high:count; write {option} {_EXAMPLE[option]}"
        raise ValueError(msg)
    low, high = _quantity(parts[0]), _quantity(parts[1])
    if isinstance(low, str) or isinstance(high, str):
        msg = f"{option} ...={text!r}: give the ends of a grid as numbers, in the declared unit"
        raise ValueError(msg)
    return np.linspace(low, high, int(parts[2]))


def _box(text: str, option: str) -> tuple[Any, Any]:
    parts = text.split(":")
    if len(parts) != 2:
        msg = f"{option} ...={text!r}: expected low:high; write {option} {_EXAMPLE[option]}"
        raise ValueError(msg)
    return _quantity(parts[0]), _quantity(parts[1])


def settings(texts: Sequence[str] | None) -> dict[str, Any]:
    """Return ``name=value`` options as a mapping; values are JSON where they can be, else text."""
    found: dict[str, Any] = {}
    for text in texts or ():
        name, value = _pair(text, "--set")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _initial(texts: Sequence[str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts or ():
        name, value = _pair(text, "--initial")
        found[name] = _box(value, "--initial") if ":" in value else _quantity(value)
    return found


def _points(path: Path) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return parameters and initial states of a CSV file; a column initial_V is state V."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        msg = f"{path} has no row; expected a header of parameter names and one line per sample"
        raise ValueError(msg)
    columns: dict[str, list[float]] = {}
    for name in rows[0]:
        try:
            columns[name.strip()] = [float(row[name]) for row in rows]
        except (TypeError, ValueError) as error:
            msg = f"{path}, column {name!r}: {error}; expected one number in every row"
            raise ValueError(msg) from error
    prefix = "initial_"
    states = {n.removeprefix(prefix): v for n, v in columns.items() if n.startswith(prefix)}
    return {n: v for n, v in columns.items() if not n.startswith(prefix)}, states


def design(
    *,
    grid: Sequence[str] | None,
    sobol: Sequence[str] | None,
    lhs: Sequence[str] | None,
    points: Path | None,
    initial: Sequence[str] | None,
    n: int | None,
    repeats: int,
    seed: int,
) -> Design:
    """Return the design that the options ask for.

    Raises:
        ValueError: none or several kinds of design, or a range that cannot be read.
    """
    import snnsurrogate as sns

    given = {"--grid": grid, "--sobol": sobol, "--lhs": lhs, "--points": points}
    chosen = [name for name, value in given.items() if value]
    if len(chosen) > 1:
        msg = f"give one kind of design; got {' and '.join(chosen)}"
        raise ValueError(msg)
    common: Mapping[str, Any] = {"initial": _initial(initial), "repeats": repeats, "seed": seed}
    if not chosen:
        return sns.Design.points({}, **common)
    if grid:
        axes = dict(_pair(text, "--grid") for text in grid)
        return sns.Design.grid({k: _line(v, "--grid") for k, v in axes.items()}, **common)
    if points:
        parameters, states = _points(points)
        return sns.Design.points(parameters, **{**common, "initial": states | common["initial"]})
    option, texts = ("--sobol", sobol) if sobol else ("--lhs", lhs)
    if n is None:
        msg = f"{option} needs the number of points: add -n 600"
        raise ValueError(msg)
    boxes = dict(_pair(text, option) for text in texts or ())
    make = sns.Design.sobol if sobol else sns.Design.lhs
    return make({k: _box(v, option) for k, v in boxes.items()}, n=n, **common)
