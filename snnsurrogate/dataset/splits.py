"""Splits by parameter point: samples of one point never end up on both sides.

A split is data: `assign` writes it as the coordinate ``split`` of a dataset, from rules that say
which points are held out and why (outside a box, a band across a boundary, a regime, all but the
first few). `split` shuffles points into parts of given shares.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xarray as xr

from snnsurrogate import schema, units
from snnsurrogate._names import suggestion

__all__ = [
    "After",
    "Inside",
    "Outside",
    "Regimes",
    "Rule",
    "Share",
    "assign",
    "assign_groups",
    "assign_like",
    "part",
    "parts_of",
    "split",
]

COORDINATE = "split"


class Rule(Protocol):
    """Which samples a part of a split gets; a frozen dataclass of numbers and names."""

    def holds(self, ds: xr.Dataset) -> np.ndarray:
        """(sample,) True where the sample belongs to the part."""
        ...


@dataclass(frozen=True)
class Outside:
    """Points outside a box: at least one of the named parameters leaves its range.

    Attributes:
        box: parameter -> (low, high), inclusive, in its unit or as text with a unit.
    """

    box: Mapping[str, tuple[Any, Any]]

    def holds(self, ds: xr.Dataset) -> np.ndarray:
        """See `Rule`."""
        return ~Inside(self.box).holds(ds)


@dataclass(frozen=True)
class Inside:
    """Points inside a box; with one parameter it is a band across the others.

    Attributes:
        box: parameter -> (low, high), inclusive, in its unit or as text with a unit.
    """

    box: Mapping[str, tuple[Any, Any]]

    def holds(self, ds: xr.Dataset) -> np.ndarray:
        """See `Rule`.

        Raises:
            ValueError: no parameter, an unknown one, or a reversed range.
        """
        if not self.box:
            msg = "the box names no parameter; expected e.g. {'V_S': (-36, -33)}."
            raise ValueError(msg)
        held = np.ones(ds.sizes["sample"], dtype=bool)
        for name, ends in self.box.items():
            low, high = _range(ds, name, ends)
            values = ds[name].values
            held &= (values >= low) & (values <= high)
        return held


@dataclass(frozen=True)
class Regimes:
    """Points that show one of some regimes in any of their samples.

    The labels are those of `regimes`, of the dataset to which the rule is applied.

    Attributes:
        names: the regimes, by name.
        sharp: by the thresholds alone, where the rule has an ambiguous class between two regimes;
            else ambiguous points are not held out with their neighbours.
    """

    names: Sequence[str]
    sharp: bool = False

    def holds(self, ds: xr.Dataset) -> np.ndarray:
        """See `Rule`.

        Raises:
            ValueError: no name, one that the rule for regimes of the dataset does not have, or
                `sharp` with a rule that has no thresholds.
        """
        from snnsurrogate import features  # scipy.signal: a second that a design does not need

        known = features.regime_names(ds)
        names = [self.names] if isinstance(self.names, str) else list(self.names)
        for name in names:
            if name not in known:
                hint = suggestion(name, known)
                msg = f"no regime {name!r}; expected some of {', '.join(known)}.{hint}"
                raise ValueError(msg)
        if not names:
            msg = f"no regime is named; expected some of {', '.join(known)}."
            raise ValueError(msg)
        labels = features.regimes(ds)
        if self.sharp and "sharp" not in labels.coords:
            msg = f"the rule {labels.attrs['rule']!r} has no ambiguous class; leave out sharp=True."
            raise ValueError(msg)
        codes = labels["sharp"].values if self.sharp else labels.values
        return np.isin(codes, [known.index(name) for name in names])


@dataclass(frozen=True)
class Share:
    """A random share of the points.

    Attributes:
        fraction: share of the points, above 0 and below 1.
        seed: of the shuffling.
    """

    fraction: float
    seed: int = 0

    def holds(self, ds: xr.Dataset) -> np.ndarray:
        """See `Rule`.

        Raises:
            ValueError: a fraction that leaves one side without a point.
        """
        shares = {"held out": self.fraction, "the rest": 1.0 - self.fraction}
        names = _names(ds)
        columns = [ds[name].values for name in names]
        return assign_groups(columns, ds.sizes["sample"], shares, seed=self.seed) == 0


@dataclass(frozen=True)
class After:
    """All but the first points, in the order in which the samples name them.

    Of a Sobol sequence the first points are themselves evenly spread, and those of a smaller number
    are among those of a larger one.

    Attributes:
        points: number of points that are left.
    """

    points: int

    def holds(self, ds: xr.Dataset) -> np.ndarray:
        """See `Rule`.

        Raises:
            ValueError: no positive number, or more points than there are.
        """
        group = _points(ds)
        _, first = np.unique(group, return_index=True)
        if not 1 <= self.points <= first.size:
            msg = f"points is {self.points!r}; expected 1 to {first.size}, the points there are."
            raise ValueError(msg)
        order = np.argsort(np.argsort(first))  # rank of each point by its first sample
        return np.asarray(order[group] >= self.points)


def assign(ds: xr.Dataset, rules: Mapping[str, Rule], *, rest: str = "train") -> xr.Dataset:
    """Write a split as the coordinate ``split`` (CF flags over ``sample``).

    A point belongs to the first part whose rule holds for any of its samples; points without one
    belong to `rest`. So all samples of a point are in one part. The rules are kept as JSON in the
    attribute ``rules`` of the coordinate.

    Args:
        ds: a dataset of the schema.
        rules: part name -> rule; empty gives every point to `rest`.
        rest: name of the part that is left.

    Returns:
        The dataset with the coordinate; `part` takes a part of it, `parts_of` lists the names.

    Raises:
        ValueError: a part left without a point, `rest` among the rules, or what the rules raise.
    """
    if rest in rules:
        msg = f"part {rest!r} has a rule and is the rest; call one of them by another name."
        raise ValueError(msg)
    names = [rest, *rules]
    point = _points(ds)
    code = np.zeros(point.size, dtype=np.int8)
    for number, rule in enumerate(rules.values(), 1):
        held = np.isin(point, point[rule.holds(ds)])
        code[held & (code == 0)] = number
    empty = [name for number, name in enumerate(names) if not (code == number).any()]
    if empty:
        count = int(point.max()) + 1 if point.size else 0
        msg = (
            f"the split leaves {', '.join(map(repr, empty))} without one of the {count} parameter "
            "points; change the rules or use more points."
        )
        raise ValueError(msg)
    return _written(ds, names, code, _described(rules))


def assign_like(ds: xr.Dataset, assigned: xr.Dataset) -> xr.Dataset:
    """Write the split of another dataset of the same parameter points, sample by sample.

    Args:
        ds: a dataset of the schema.
        assigned: a dataset with the coordinate ``split``, which names the part of every point.

    Raises:
        ValueError: no split there, or a point that it does not have.
    """
    names = parts_of(assigned)
    shared = [n for n in _names(ds) if n in assigned.coords]
    of_point: dict[bytes, int] = {}
    for row, code in zip(_rows(assigned, shared), assigned[COORDINATE].values, strict=True):
        if of_point.setdefault(row.tobytes(), int(code)) != code:
            msg = (
                f"points that differ in {sorted(set(_names(assigned)) - set(shared))} are in "
                f"different parts, and the dataset has no such coordinate; assign by its own rules."
            )
            raise ValueError(msg)
    rows = _rows(ds, shared)
    unknown = [i for i, row in enumerate(rows) if row.tobytes() not in of_point]
    if unknown:
        msg = (
            f"{len(unknown)} of {len(rows)} samples (the first is {unknown[0]}) are of parameter "
            "points that the assigned dataset does not have; make both from one design."
        )
        raise ValueError(msg)
    code = np.array([of_point[row.tobytes()] for row in rows], dtype=np.int8)
    return _written(ds, names, code, str(assigned[COORDINATE].attrs.get("rules", "{}")))


def parts_of(ds: xr.Dataset) -> list[str]:
    """Names of the parts of the coordinate ``split``, in the order of their codes.

    Raises:
        ValueError: the dataset has none.
    """
    if COORDINATE not in ds.coords:
        msg = f"the dataset has no coordinate {COORDINATE!r}; write one with splits.assign."
        raise ValueError(msg)
    return str(ds[COORDINATE].attrs["flag_meanings"]).split()


def part(ds: xr.Dataset, name: str) -> xr.Dataset:
    """The samples of one part of the coordinate ``split``, spikes included.

    Raises:
        ValueError: the dataset has no split, or no such part.
    """
    names = parts_of(ds)
    if name not in names:
        msg = f"no part {name!r}; expected one of {', '.join(names)}.{suggestion(name, names)}"
        raise ValueError(msg)
    return schema.select(ds, ds[COORDINATE].values == names.index(name))


def _written(ds: xr.Dataset, names: list[str], code: np.ndarray, rules: str) -> xr.Dataset:
    for name in names:
        if not name or any(c.isspace() for c in name):
            msg = f"a part is called {name!r}; expected a word without spaces, as in 'held-out'."
            raise ValueError(msg)
    attrs = {
        "role": "split",
        "units": "1",
        "long_name": "part of the split",
        "flag_values": np.arange(len(names), dtype=np.int8),
        "flag_meanings": " ".join(names),
        "rules": rules,
    }
    made = ds.assign_coords({COORDINATE: xr.Variable("sample", code, attrs)})
    made.attrs["content_hash"] = schema.content_hash(made)
    return made


def _described(rules: Mapping[str, Rule]) -> str:
    """JSON of rules: part -> kind and arguments."""
    described = {}
    for name, rule in rules.items():
        arguments: dict[str, Any] = {}
        if dataclasses.is_dataclass(rule) and not isinstance(rule, type):
            arguments = dataclasses.asdict(rule)
        described[name] = {"rule": type(rule).__name__, **arguments}
    return json.dumps(described, default=str)


def _range(ds: xr.Dataset, name: str, ends: tuple[Any, Any]) -> tuple[float, float]:
    known = schema.parameters_of(ds)
    if name not in known:
        hint = suggestion(name, known)
        msg = f"no parameter {name!r}; expected some of {', '.join(known)}.{hint}"
        raise ValueError(msg)
    unit = str(ds[name].attrs["units"])
    low, high = (float(v) for v in units.magnitudes(list(ends), unit, what=name))
    if not low < high:
        msg = f"the range of {name} is {ends!r}; expected (low, high) with low < high."
        raise ValueError(msg)
    return low, high


def _names(ds: xr.Dataset) -> list[str]:
    """What makes a point: parameters, and numbers of the stimulus (two amplitudes, two points)."""
    return schema.parameters_of(ds) + schema.stimuli_of(ds)


def _rows(ds: xr.Dataset, names: Sequence[str]) -> np.ndarray:
    """(sample, parameter) values; -0.0 is 0.0."""
    columns = [ds[name].values.astype(np.float64) for name in names]
    return np.stack([np.zeros(ds.sizes["sample"]), *columns], axis=1) + 0.0


def _points(ds: xr.Dataset) -> np.ndarray:
    """(sample,) number of the parameter point of each sample."""
    rows = _rows(ds, _names(ds))
    return np.unique(rows, axis=0, return_inverse=True, equal_nan=True)[1].reshape(-1)


def split(
    ds: xr.Dataset, fractions: Mapping[str, float], *, seed: int = 0
) -> dict[str, xr.Dataset]:
    """Divide a dataset by parameter point, never by window of time.

    Args:
        ds: a dataset of the schema.
        fractions: part name -> share of the parameter points; they sum to 1.
        seed: of the shuffling.

    Returns:
        Part name -> dataset. All initial states and repeats of a point stay together.

    Raises:
        ValueError: shares that do not sum to 1, or a part left without a point.
    """
    names = _names(ds)
    columns = [ds[name].values for name in names]
    owner = assign_groups(columns, ds.sizes["sample"], fractions, seed=seed)
    return {name: schema.select(ds, owner == i) for i, name in enumerate(fractions)}


def assign_groups(
    columns: Sequence[np.ndarray], n: int, fractions: Mapping[str, float], *, seed: int
) -> np.ndarray:
    """(sample,) number of the part to which each sample goes; equal rows go to one part.

    Args:
        columns: (sample,) arrays of parameter values; NaN equals NaN.
        n: number of samples.
        fractions: part name -> share.
        seed: of the shuffling.

    Raises:
        ValueError: shares that do not sum to 1, or a part left without a point.
    """
    shares = np.array(list(fractions.values()), dtype=float)
    if not shares.size or (shares <= 0).any() or not np.isclose(shares.sum(), 1.0):
        msg = f"fractions are {dict(fractions)}; expected positive shares that sum to 1."
        raise ValueError(msg)
    group = np.zeros(n, dtype=np.int64)
    if columns:
        rows = np.stack(columns, axis=1)
        group = np.unique(rows, axis=0, return_inverse=True, equal_nan=True)[1].reshape(-1)
    points = int(group.max()) + 1 if n else 0
    ends = np.round(np.cumsum(shares) * points).astype(int)
    sizes = np.diff(ends, prepend=0)
    if (sizes == 0).any():
        empty = [name for name, size in zip(fractions, sizes, strict=True) if size == 0]
        msg = (
            f"{points} parameter point(s) leave {', '.join(map(repr, empty))} without one at "
            f"fractions {dict(fractions)}; use more points or other fractions."
        )
        raise ValueError(msg)
    part = np.repeat(np.arange(shares.size), sizes)
    return np.random.default_rng(seed).permutation(part)[group]
