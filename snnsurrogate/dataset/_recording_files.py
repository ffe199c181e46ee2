"""What recorded signals are in a file: text, netCDF, and what neo reads (NWB, ABF)."""

from __future__ import annotations

import builtins
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import units
from snnsurrogate._names import suggestion
from snnsurrogate.dataset.store import DatasetError

__all__ = ["Raw", "read_neo", "read_netcdf", "read_text", "step_of"]

_WITH_UNIT = re.compile(r"(?P<name>.*?)\s*[(\[](?P<unit>[^)\]]*)[)\]]\s*")
_JITTER = 0.05  # of a step: text rounds its times


@dataclass(frozen=True, kw_only=True, eq=False)
class Raw:
    """One signal as a file holds it.

    Attributes:
        values: (time,) numbers.
        unit: as the file states it; empty where it states none.
        times: (time,) s, or the sampling step (s) where the file states that.
        channel: its name in the file.
        read_by: what read it.
        more: what else is known of its place in the file.
    """

    values: np.ndarray
    unit: str
    times: np.ndarray | float
    channel: str
    read_by: str
    more: Mapping[str, Any] = field(default_factory=dict)


def step_of(times: np.ndarray, what: str) -> float:
    """Sampling step (s) of uniform times (s).

    Raises:
        DatasetError: times that do not rise, gaps, or steps that differ; the message says where.
    """
    t = np.asarray(times, dtype=float)
    if t.size < 2 or not np.isfinite(t).all():
        msg = f"{what} has {t.size} times, {int((~np.isfinite(t)).sum())} of them not finite."
        raise DatasetError(msg)
    steps = np.diff(t)
    usual = float(np.median(steps))
    if not (steps > 0).all():
        at = int(np.argmin(steps > 0))
        msg = f"{what} has times that do not rise at row {at + 1}: {t[at]:g} then {t[at + 1]:g}."
        raise DatasetError(msg)
    wide = np.flatnonzero(steps > 1.5 * usual)
    if wide.size and wide.size < 0.2 * steps.size:
        at = int(wide[0])
        msg = (
            f"{what} has {wide.size} gap{'s' if wide.size > 1 else ''}; the first is from "
            f"{t[at]:g} to {t[at + 1]:g} s, the usual step is {usual:g} s. Cut a part without "
            "gaps by start= and stop=, or fill them before."
        )
        raise DatasetError(msg)
    step = (t[-1] - t[0]) / (t.size - 1)
    off = np.abs(t - t[0] - step * np.arange(t.size)).max()
    if off > _JITTER * step:
        msg = (
            f"{what} is not sampled uniformly: steps from {steps.min():g} to {steps.max():g} "
            f"s. Interpolate it to one step first; what that does to spikes is yours to judge."
        )
        raise DatasetError(msg)
    return float(f"{step:.9g}")


def chosen(name: Any, names: Sequence[str], *, argument: str, what: str) -> int:
    """Position of a signal: by name, by number, or the only one.

    Raises:
        DatasetError: none, several and no choice, or an unknown one, with the nearest match.
    """
    listed = ", ".join(repr(n) for n in names)
    if not names:
        msg = f"{what} holds no signal."
        raise DatasetError(msg)
    if name is None:
        if len(names) == 1:
            return 0
        msg = f"{what} holds {len(names)} signals: {listed}. Choose one by {argument}=."
        raise DatasetError(msg)
    if isinstance(name, int) and not isinstance(name, bool) and 0 <= name < len(names):
        return name
    if name in names:
        return list(names).index(name)
    hint = suggestion(str(name), names)
    msg = f"{what} has no signal {name!r}; it has {listed}.{hint}"
    raise DatasetError(msg)


def read_text(path: Path, column: Any, time: Any, step: float | None, time_unit: str | None) -> Raw:
    """A column of a text file; the header may state units, "V (mV)".

    Args:
        path: of values separated by commas, semicolons, tabs or blanks; # begins a comment.
        column: header name or number of the signal.
        time: header name or number of the times; default "time" or "t" if there is such a column.
        step: sampling step (s) of a file without times.
        time_unit: of the times, where the header states none.
    """
    import pandas as pd

    with builtins.open(path, encoding="utf-8-sig") as file:
        lines = (line.strip() for line in file if line.strip() and line[0] != "#")
        some = list(itertools.islice(lines, 200))
    first = some[0] if some else ""
    mark = next((m for m in (";", "\t", ",") if m in first), r"\s+")
    decimal = "," if mark == ";" and any(re.search(r"\d,\d", s) for s in some) else "."
    cells = [c.strip().strip('"') for c in re.split(mark, first)]
    header = not all(_is_number(c.replace(decimal, ".")) for c in cells)
    try:
        frame = pd.read_csv(
            path, sep=mark, decimal=decimal, comment="#", header=0 if header else None,
            skipinitialspace=True, encoding="utf-8-sig",
        )  # fmt: skip
        numbers = frame.to_numpy(dtype=float)
    except (ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        msg = f"{path} cannot be read as a table of numbers: {error}"
        raise DatasetError(msg) from error
    heads = (
        [str(c) for c in frame.columns] if header else [f"column {i}" for i in range(len(cells))]
    )
    found = [_WITH_UNIT.fullmatch(h) for h in heads]
    names = [m["name"] if m else h for m, h in zip(found, heads, strict=True)]
    stated = [m["unit"].strip() if m else "" for m in found]
    clock = _time_column(path, names, time, step)
    rest = [i for i in range(len(names)) if i != clock]
    if isinstance(column, int) and not isinstance(column, bool) and column in rest:
        at = column  # numbers count all columns, as a reader of the file does
    else:
        what = str(path)
        at = rest[chosen(column, [names[i] for i in rest], argument="column", what=what)]
    times: np.ndarray | float = float(step or 0.0)
    if clock is not None:
        unit = stated[clock] or time_unit
        if not unit:
            msg = f"{path} states no unit of its times; give time_unit='s' or time_unit='ms'."
            raise DatasetError(msg)
        times = numbers[:, clock] * units.si_factor(unit)
    return Raw(
        values=numbers[:, at], unit=stated[at], times=times, channel=names[at], read_by="text",
        more={"column": at},
    )  # fmt: skip


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _time_column(path: Path, names: list[str], time: Any, step: float | None) -> int | None:
    if time is not None:
        return chosen(time, names, argument="time", what=f"{path} (times)")
    known = [i for i, name in enumerate(names) if name.casefold() in ("time", "t")]
    if known:
        return known[0]
    if step is None:
        listed = ", ".join(repr(n) for n in names)
        msg = (
            f"{path} has no column 'time'; its columns are {listed}. Name the column of times "
            "(time=0 is the first), or give the sampling step, step='0.1 ms'."
        )
        raise DatasetError(msg)
    return None


def read_netcdf(path: Path, channel: Any, step: float | None, time_unit: str | None) -> Raw:
    """A variable over one dimension of a netCDF file that is no dataset of this package."""
    with xr.open_dataset(path, engine="netcdf4", decode_times=False) as file:
        ds = file.load()
    series = [str(n) for n, v in ds.data_vars.items() if v.ndim == 1 and v.dtype.kind in "fiu"]
    name = series[chosen(channel, series, argument="channel", what=str(path))]
    variable = ds[name]
    axis = str(variable.dims[0])
    if axis in ds.coords:
        unit = str(ds[axis].attrs.get("units", "")) or time_unit
        if not unit:
            msg = f"{path} states no unit of {axis!r}; give time_unit='s' or time_unit='ms'."
            raise DatasetError(msg)
        times: np.ndarray | float = ds[axis].values * units.si_factor(unit)
    elif step is not None:
        times = step
    else:
        msg = f"{path} has no coordinate {axis!r}; give the sampling step, step='0.1 ms'."
        raise DatasetError(msg)
    return Raw(
        values=np.asarray(variable.values, dtype=float), unit=str(variable.attrs.get("units", "")),
        times=times, channel=name, read_by=f"xarray {xr.__version__}",
    )  # fmt: skip


def read_neo(source: Any, channel: Any, segment: int | None, what: str) -> Raw:
    """A channel of an NWB or ABF file, or of an object of neo (Block, Segment or a signal).

    Args:
        source: path, or the object.
        channel: name or number of the channel.
        segment: number of the segment (of the sweep).
        what: name of the source in messages.
    """
    try:
        import neo
    except ImportError as error:
        msg = f"{what} is read by neo, which is missing: pip install 'snnsurrogate[recordings]'."
        raise DatasetError(msg) from error
    if isinstance(source, Path):
        source = _block(neo, source)
    segments = list(source.segments) if hasattr(source, "segments") else [source]
    if segment is None and len(segments) > 1:
        msg = (
            f"{what} holds {len(segments)} segments (sweeps); choose one by segment=0 to "
            f"segment={len(segments) - 1}."
        )
        raise DatasetError(msg)
    number = segment or 0
    if not 0 <= number < len(segments):
        msg = f"{what} has no segment {segment}; it holds {len(segments)}, counted from 0."
        raise DatasetError(msg)
    part = segments[number]
    signals = [part]
    if hasattr(part, "analogsignals"):
        signals = [*part.analogsignals, *part.irregularlysampledsignals]
    found = [(s, i) for s in signals for i in range(s.shape[1])]
    names = [_channel_name(s, i) for s, i in found]
    at = chosen(channel, names, argument="channel", what=what)
    signal, column = found[at]
    if hasattr(signal, "sampling_period"):
        times: np.ndarray | float = float(
            f"{float(signal.sampling_period.rescale('s').magnitude):.9g}"
        )
    else:
        times = np.asarray(signal.times.rescale("s").magnitude, dtype=float)
    return Raw(
        values=np.asarray(signal.magnitude[:, column], dtype=float),
        unit=str(signal.units.dimensionality.string),
        times=times,
        channel=names[at],
        read_by=f"neo {neo.__version__}",
        more={"segment": number},
    )


def _block(neo: Any, path: Path) -> Any:
    """The first block of a file."""
    try:
        if path.suffix.lower() == ".nwb":
            reader = neo.io.NWBIO(str(path), mode="r")
            try:
                return reader.read_block()
            finally:
                reader.close()
        return neo.io.AxonIO(str(path)).read_block()
    except ImportError as error:
        msg = f"{path} needs {error}; pip install 'snnsurrogate[recordings]'."
        raise DatasetError(msg) from error
    except Exception as error:  # the readers raise many classes for damaged files
        msg = f"{path} is damaged or no {path.suffix[1:].upper()} file: {error}"
        raise DatasetError(msg) from error


def _channel_name(signal: Any, column: int) -> str:
    named = signal.array_annotations.get("channel_names")
    if named is not None:
        return str(named[column])
    name = str(signal.name or "signal")
    return name if signal.shape[1] == 1 else f"{name} {column}"
