"""What command-line options mean: ranges, settings and files, turned into designs and values."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from snnsurrogate.protocols import Protocol
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


def _pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    """Return repeated ``name=value`` options as a mapping."""
    found: dict[str, str] = {}
    for text in texts or ():
        name, value = _pair(text, option)
        if name in found:
            msg = f"{option} names {name} twice ({found[name]!r} and {value!r}); give it once"
            raise ValueError(msg)
        found[name] = value
    return found


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
    for name, value in _pairs(texts, "--set").items():
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _initial(texts: Sequence[str] | None) -> dict[str, Any]:
    return {
        name: _box(value, "--initial") if ":" in value else _quantity(value)
        for name, value in _pairs(texts, "--initial").items()
    }


def _points(path: Path) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return parameters and initial states of a CSV file; a column initial_V is state V."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        names = [name.strip() for name in next(reader, [])]
        rows = [(reader.line_num, row) for row in reader if row]
    columns: dict[str, list[float]] = {name: [] for name in names}
    if "" in columns or len(columns) < len(names):
        msg = f"{path}: the header is {names}; expected a name for every column, each once"
        raise ValueError(msg)
    if not rows:
        msg = f"{path} has no row; expected a header of parameter names and one line per sample"
        raise ValueError(msg)
    for line, row in rows:
        if len(row) != len(names):
            msg = f"{path}, line {line}: {len(row)} values; the header names {len(names)}: {names}"
            raise ValueError(msg)
        for name, text in zip(names, row, strict=True):
            try:
                columns[name].append(float(text))
            except ValueError as error:
                msg = f"{path}, line {line}, column {name!r}: {text!r} is not a number"
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
        ValueError: several kinds of design, a range that cannot be read, or a name given twice.
    """
    import snnsurrogate as sns

    given = {"--grid": grid, "--sobol": sobol, "--lhs": lhs, "--points": points}
    chosen = [name for name, value in given.items() if value]
    if len(chosen) > 1:
        msg = f"give one kind of design; got {' and '.join(chosen)}"
        raise ValueError(msg)
    if n is not None and not (sobol or lhs):
        msg = f"-n {n} is for --sobol and --lhs; {(chosen or ['a single point'])[0]} needs no -n"
        raise ValueError(msg)
    common: Mapping[str, Any] = {"initial": _initial(initial), "repeats": repeats, "seed": seed}
    if not chosen:
        return sns.Design.points({}, **common)
    if grid:
        axes = _pairs(grid, "--grid")
        return sns.Design.grid({k: _line(v, "--grid") for k, v in axes.items()}, **common)
    if points:
        parameters, states = _points(points)
        return sns.Design.points(parameters, **{**common, "initial": states | common["initial"]})
    option, texts = ("--sobol", sobol) if sobol else ("--lhs", lhs)
    if n is None:
        msg = f"{option} needs the number of points: add -n 600"
        raise ValueError(msg)
    boxes = _pairs(texts, option)
    make = sns.Design.sobol if sobol else sns.Design.lhs
    return make({k: _box(v, option) for k, v in boxes.items()}, n=n, **common)


def protocol(text: str | None) -> Protocol | None:
    """Return the protocol of ``--protocol``: an expression, JSON, or a file that holds either."""
    import snnsurrogate as sns

    if text is None:
        return None
    file = Path(text).expanduser()
    return sns.protocols.parse(file.read_text() if file.suffix in (".json", ".txt") else text)


def netcdf(out: Path) -> Path:
    """Return the netCDF file that ``--out`` names; an ending is added if there is none.

    Raises:
        ValueError: another ending.
    """
    if out.suffix == ".nc":
        return out
    if out.suffix[1:].isalpha():
        msg = f"--out {out} ends in {out.suffix}; this writes netCDF: give a name ending in .nc"
        raise ValueError(msg)
    return out.with_name(out.name + ".nc")


def no_input(out: Path, *inputs: Path | str | None) -> None:
    """Refuse to write over what is read.

    Raises:
        ValueError: ``out`` is one of the inputs.
    """
    for path in inputs:
        if path is not None and Path(path).expanduser().resolve() == out.expanduser().resolve():
            msg = f"--out would overwrite the input {path}; give another name"
            raise ValueError(msg)
