"""Designs: which parameter points are simulated, and from which initial states.

A design knows no system. Bare numbers are in the units that the system will declare; text
("-44 mV") and quantities keep their unit until :meth:`Design.resolve` converts them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from snnsurrogate import units
from snnsurrogate.dataset.splits import assign_groups
from snnsurrogate.simulate import _draws, _values
from snnsurrogate.systems import System

if TYPE_CHECKING:
    from snnsurrogate.systems import Model

__all__ = ["Design"]

Columns = Mapping[str, np.ndarray]


class Design:
    """Parameter points with initial states; immutable.

    Make one with :meth:`grid`, :meth:`sobol`, :meth:`lhs` or :meth:`points`; join designs with
    ``+``; divide one with :meth:`split`. ``len(design)`` counts samples (points x repeats).

    In ``initial``, a tuple ``(low, high)`` is a box from which states are drawn, and a number is
    the same for every sample. A list or array gives one state per sample; in :meth:`grid` it is
    one more axis. States that are not named start where the system says.

    Attributes:
        parameters: name -> (sample,) values; NaN means "the system's default".
        initial: state -> (sample,) values; NaN means "the system's start".
        units: name -> unit of its values, None for "as the system declares"; states are listed as
            ``initial_<state>``.
    """

    __slots__ = ("_digest", "_recipe", "_size", "initial", "parameters", "units")

    parameters: Columns
    initial: Columns
    units: Mapping[str, str | None]
    _recipe: dict[str, Any]
    _digest: str
    _size: int

    def __init__(
        self,
        parameters: Columns,
        initial: Columns,
        given: Mapping[str, str | None],
        recipe: dict[str, Any],
        size: int,
    ):
        for values in (*parameters.values(), *initial.values()):
            values.flags.writeable = False
        put = object.__setattr__
        put(self, "parameters", MappingProxyType(dict(parameters)))
        put(self, "initial", MappingProxyType(dict(initial)))
        put(self, "units", MappingProxyType(dict(given)))
        put(self, "_recipe", recipe)
        put(self, "_size", size)
        digest = hashlib.sha256()
        if not parameters and not initial and size > 1:
            digest.update(f"{size} samples".encode())
        for label, group in (("", parameters), ("initial_", initial)):
            for name, values in group.items():
                digest.update(f"{label}{name}:{given.get(label + name)}:".encode())
                digest.update(values.astype("<f8").tobytes())
        put(self, "_digest", digest.hexdigest())

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        msg = f"a Design is immutable; make a new one instead of setting {name!r}."
        raise AttributeError(msg)

    @classmethod
    def grid(
        cls,
        parameters: Mapping[str, Any],
        *,
        initial: Mapping[str, Any] | None = None,
        repeats: int = 1,
        seed: int = 0,
    ) -> Design:
        """Every combination of the given values, the last name varying fastest.

        Args:
            parameters: name -> (k,) values.
            initial: state -> (k,) values (one more axis), a box ``(low, high)`` or one number.
            repeats: samples per combination; each has its own random state and seed.
            seed: of the states drawn from boxes.

        Raises:
            ValueError: no axis, or values that are empty, unreadable or not finite.
        """
        given: dict[str, str | None] = {}
        axes = {name: _values.axis(name, v, given) for name, v in parameters.items()}
        starts = _draws.read_initial(initial, given)
        lines = {name: entry for name, entry in starts.items() if entry.kind == "list"}
        if not axes and not lines:
            msg = "the grid has no axis; give at least one parameter, e.g. {'V_S': [-44, -40]}."
            raise ValueError(msg)
        _values.count(repeats, "repeats")
        all_axes = [entry.values for entry in (*axes.values(), *lines.values())]
        mesh = [np.repeat(m.reshape(-1), repeats) for m in np.meshgrid(*all_axes, indexing="ij")]
        columns = dict(zip(axes, mesh, strict=False))
        states = dict(zip(lines, mesh[len(axes) :], strict=True))
        states |= _draws.draw(starts, mesh[0].size, seed)
        recipe = _draws.recipe("grid", axes, starts, given, repeats, seed)
        return cls(columns, _draws.ordered(states, starts), given, recipe, mesh[0].size)

    @classmethod
    def sobol(
        cls,
        parameters: Mapping[str, Any],
        *,
        n: int,
        initial: Mapping[str, Any] | None = None,
        repeats: int = 1,
        seed: int = 0,
    ) -> Design:
        """Points of a scrambled Sobol sequence: even coverage of a box, for any ``n``.

        Args:
            parameters: name -> (low, high).
            n: number of parameter points.
            initial: state -> box ``(low, high)`` (drawn by the same sequence), (sample,) values or
                one number.
            repeats: samples per point; each has its own random state and seed.
            seed: of the scrambling.

        Raises:
            ValueError: an empty or reversed box, or ``n`` below 1.

        Source: Sobol (1967); scrambling after Owen (1998), as in scipy.stats.qmc.
        """
        return cls._sequence("sobol", parameters, n, initial, repeats, seed)

    @classmethod
    def lhs(
        cls,
        parameters: Mapping[str, Any],
        *,
        n: int,
        initial: Mapping[str, Any] | None = None,
        repeats: int = 1,
        seed: int = 0,
    ) -> Design:
        """Latin hypercube sample of a box; arguments as :meth:`sobol`.

        Source: McKay, Beckman and Conover (1979), doi:10.1080/00401706.1979.10489755.
        """
        return cls._sequence("lhs", parameters, n, initial, repeats, seed)

    @classmethod
    def _sequence(
        cls,
        scheme: str,
        parameters: Mapping[str, Any],
        n: int,
        initial: Mapping[str, Any] | None,
        repeats: int,
        seed: int,
    ) -> Design:
        given: dict[str, str | None] = {}
        n, repeats = _values.count(n, "n"), _values.count(repeats, "repeats")
        bounds = {name: _values.box(name, v, given) for name, v in parameters.items()}
        starts = _draws.read_initial(initial, given)
        boxes = {name: entry for name, entry in starts.items() if entry.kind == "box"}
        if not bounds and not boxes:
            msg = f"Design.{scheme} got no box; give at least one, e.g. {{'V_S': (-44, -33)}}."
            raise ValueError(msg)
        draw = _draws.SEQUENCES[scheme]
        if repeats == 1:  # parameters and states fill one joint box evenly
            points = draw(len(bounds) + len(boxes), n, seed)
            where, start = points[:, : len(bounds)], points[:, len(bounds) :]
        else:
            where = np.repeat(draw(max(len(bounds), 1), n, seed), repeats, axis=0)
            start = draw(max(len(boxes), 1), n * repeats, seed + 1)
        states = _draws.scaled(boxes, start)
        rest = {name: entry for name, entry in starts.items() if entry.kind != "box"}
        for name, entry in rest.items():
            if entry.kind == "list" and entry.values.size != n * repeats:
                msg = (
                    f"initial {name} lists {entry.values.size} states for {n * repeats} samples; "
                    "give one per sample, or a box (low, high) as a tuple."
                )
                raise ValueError(msg)
            states[name] = np.array(np.broadcast_to(entry.values, (n * repeats,)))
        recipe = _draws.recipe(scheme, bounds, starts, given, repeats, seed) | {"n": n}
        columns, states = _draws.scaled(bounds, where), _draws.ordered(states, starts)
        return cls(columns, states, given, recipe, n * repeats)

    @classmethod
    def points(
        cls,
        parameters: Mapping[str, Any],
        *,
        initial: Mapping[str, Any] | None = None,
        repeats: int = 1,
        seed: int = 0,
    ) -> Design:
        """An explicit list: one point per position of the arrays.

        Args:
            parameters: name -> (point,) values, or one number for all points.
            initial: state -> (point,) values, a box ``(low, high)`` or one number.
            repeats: samples per point; each has its own random state and seed.
            seed: of the states drawn from boxes.

        Raises:
            ValueError: lists of different lengths, or values that are not finite.
        """
        given: dict[str, str | None] = {}
        _values.count(repeats, "repeats")
        raw = {name: _values.axis(name, v, given) for name, v in parameters.items()}
        starts = _draws.read_initial(initial, given)
        lists = raw | {f"initial_{k}": e for k, e in starts.items() if e.kind == "list"}
        sizes = {name: entry.values.size for name, entry in lists.items()}
        if len(set(sizes.values()) - {1}) > 1:
            msg = f"the lists have different lengths: {sizes}; expected one length for all."
            raise ValueError(msg)
        n = max(sizes.values(), default=1)
        columns = {
            name: np.repeat(np.broadcast_to(entry.values, (n,)), repeats)
            for name, entry in lists.items()
        }
        states = {k: columns.pop(f"initial_{k}") for k in starts if f"initial_{k}" in columns}
        states |= _draws.draw(starts, n * repeats, seed)
        recipe = _draws.recipe("points", raw, starts, given, repeats, seed)
        return cls(columns, _draws.ordered(states, starts), given, recipe, n * repeats)

    def __len__(self) -> int:
        return self._size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Design) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)

    def __repr__(self) -> str:
        names = ", ".join((*self.parameters, *(f"initial {name}" for name in self.initial)))
        return f"<Design {self._recipe['scheme']}: {len(self)} samples over {names}>"

    def __add__(self, other: Design) -> Design:
        """Samples of both; a name that one of them lacks takes the system's default there."""
        if not isinstance(other, Design):
            return NotImplemented
        given = dict(self.units)
        for name, unit in other.units.items():
            if given.setdefault(name, unit) != unit:
                msg = (
                    f"{name} is in {given[name] or 'the declared unit'} in one design and in "
                    f"{unit or 'the declared unit'} in the other; write both alike."
                )
                raise ValueError(msg)
        missing = np.full(len(self), np.nan), np.full(len(other), np.nan)

        def joined(a: Columns, b: Columns) -> Columns:
            names = dict.fromkeys((*a, *b))
            return {k: np.concatenate([a.get(k, missing[0]), b.get(k, missing[1])]) for k in names}

        return Design(
            joined(self.parameters, other.parameters),
            joined(self.initial, other.initial),
            given,
            {"scheme": "join", "parts": [self._recipe, other._recipe]},
            len(self) + len(other),
        )

    def split(self, fractions: Mapping[str, float], *, seed: int = 0) -> dict[str, Design]:
        """Divide by parameter point: all samples of one point go to the same part.

        Args:
            fractions: part name -> share of the parameter points; they sum to 1.
            seed: of the shuffling.

        Returns:
            Part name -> design.

        Raises:
            ValueError: shares that do not sum to 1, or a part left without a point.
        """
        owner = assign_groups(list(self.parameters.values()), len(self), fractions, seed=seed)
        parts = {}
        for number, name in enumerate(fractions):
            keep = owner == number
            recipe = {"scheme": "part", "of": self._recipe, "name": name, "seed": seed}
            parts[name] = Design(
                {k: v[keep] for k, v in self.parameters.items()},
                {k: v[keep] for k, v in self.initial.items()},
                self.units,
                recipe | {"fractions": dict(fractions)},
                int(keep.sum()),
            )
        return parts

    def resolve(
        self, system: Model, columns: Collection[str] = ()
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """All parameters and all initial states of ``system``, in its declared units.

        Args:
            system: whose parameters and states they are.
            columns: names that a protocol reads; they are no parameters and left out.

        Returns:
            Parameter name -> (sample,), and state name -> (sample,); a network has no states.

        Raises:
            ValueError: unknown name (with the nearest match), wrong dimension, or a parameter
                outside the system's range (which is given).
        """
        n = len(self)
        parameters = {name: np.full(n, value) for name, value in system.defaults.items()}
        for name in (n for n in self.parameters if n not in columns):
            declared, values = system.parameter(name), self.parameters[name]
            given = np.isfinite(values)
            parameters[name][given] = values[given] * self._factor(name, declared.unit)
            slack = 1e-12 * (abs(declared.low) + abs(declared.high))  # rounding of the conversion
            outside = parameters[name] < declared.low - slack
            outside |= parameters[name] > declared.high + slack
            if outside.any():
                unit = "" if declared.unit == "1" else f" {declared.unit}"
                msg = (
                    f"{name} reaches {parameters[name][outside][0]:g}{unit}; expected values in "
                    f"[{declared.low:g}, {declared.high:g}]{unit} for {system.name!r}."
                )
                raise ValueError(msg)
        if not isinstance(system, System):  # a network starts as it declares
            return parameters, {}
        initial = {name: np.full(n, value) for name, value in system.initial.items()}
        for name, values in self.initial.items():
            factor = self._factor(f"initial_{name}", system.state(name).unit)
            given = np.isfinite(values)
            initial[name][given] = values[given] * factor
        return parameters, initial

    def _factor(self, name: str, declared: str) -> float:
        unit = self.units.get(name)
        return 1.0 if unit is None else units.magnitude(f"1 {unit}", declared, what=name)

    def to_json(self) -> str:
        """Text from which :meth:`from_json` makes the same design again."""
        return json.dumps({**self._recipe, "samples": len(self), "digest": self._digest})

    @classmethod
    def from_json(cls, text: str) -> Design:
        """The design of :meth:`to_json`.

        Raises:
            ValueError: not such text, or this version of scipy draws other points.
        """
        recipe = json.loads(text)
        design = cls._from_recipe(recipe)
        if recipe.get("digest", design._digest) != design._digest:
            msg = (
                "the design read from JSON gives other points than when it was written; another "
                "version of scipy may draw another sequence. Use Design.points with the stored "
                "parameter coordinates."
            )
            raise ValueError(msg)
        return design

    @classmethod
    def _from_recipe(cls, recipe: Mapping[str, Any]) -> Design:
        scheme = recipe.get("scheme")
        if scheme == "join":
            first, second = (cls._from_recipe(part) for part in recipe["parts"])
            return first + second
        if scheme == "part":
            whole = cls._from_recipe(recipe["of"])
            return whole.split(recipe["fractions"], seed=recipe["seed"])[recipe["name"]]
        if scheme not in ("grid", "points", *_draws.SEQUENCES):
            msg = f"design scheme is {scheme!r}; expected grid, sobol, lhs, points, join or part."
            raise ValueError(msg)
        given = recipe["units"]
        groups = [
            {k: _values.with_unit(v, given.get(label + k)) for k, v in recipe[key].items()}
            for label, key in (("", "parameters"), ("initial_", "initial"))
        ]
        more = {name: recipe[name] for name in ("n", "repeats", "seed") if name in recipe}
        make: Callable[..., Design] = getattr(cls, scheme)
        return make(groups[0], initial=groups[1], **more)
