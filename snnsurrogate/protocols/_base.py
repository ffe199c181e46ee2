"""What every protocol is: an immutable recipe that is combined, written as JSON, and sampled."""

from __future__ import annotations

import abc
import dataclasses
import json
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from snnsurrogate._names import suggestion

from . import _fields

if TYPE_CHECKING:
    from ._drive import Drive
    from ._fields import Context
    from ._tracks import Track

__all__ = ["KINDS", "Protocol", "from_dict", "from_json"]

KINDS: dict[str, type[Protocol]] = {}
_READ = ("amplitude", "time", "frequency", "number")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol(abc.ABC):
    """An input as an exact, piecewise linear function of time, for every sample.

    Time 0 is the beginning of the record; before it (during a transient) and after its end a
    protocol is 0. Protocols add (``a + b``), scale (``2 * a``, ``a.scaled("gain")``) and follow
    each other (``a.then(b)``). Amplitudes are numbers in the declared unit of the input or text
    with a unit; times are text with a unit. Every number may also be a sequence, one per sample,
    or the name of a column of the design.
    """

    kind: ClassVar[str]
    draws: ClassVar[bool] = False  # noise
    untimed: ClassVar[tuple[str, ...]] = ()  # times that are no edges

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "kind" in vars(cls):
            KINDS[cls.kind] = cls

    def __post_init__(self) -> None:
        for name, kind, value in self._fields():
            if kind in _READ and value is not None:
                read = _fields.read(value, kind, f"{name} of {self.kind}")
                object.__setattr__(self, name, read)

    def _fields(self) -> Iterator[tuple[str, str, Any]]:
        for item in dataclasses.fields(self):
            yield item.name, item.metadata["kind"], getattr(self, item.name)

    @property
    def parts(self) -> tuple[Protocol, ...]:
        """The protocols it is made of."""
        found: list[Protocol] = []
        for _, kind, value in self._fields():
            if kind == "child":
                found.append(value)
            elif kind == "children":
                found += value
        return tuple(found)

    @property
    def rule(self) -> str:
        """How it runs between its points: "hold" (piecewise constant) or "linear"."""
        return "linear" if any(part.rule == "linear" for part in self.parts) else "hold"

    @property
    def column_kinds(self) -> dict[str, str]:
        """Columns that it reads: name -> "amplitude", "time", "frequency" or "number".

        Raises:
            ValueError: one column serves as two different kinds.
        """
        found: dict[str, str] = {}
        for name, kind, value in self._fields():
            if kind in _READ and _fields.is_column(value) and found.setdefault(value, kind) != kind:
                msg = f"{name} of {self.kind} reads the column {value!r} as {kind}, but it is used "
                msg += f"as {found[value]} too; give it two columns."
                raise ValueError(msg)
        for part in self.parts:
            for name, kind in part.column_kinds.items():
                if found.setdefault(name, kind) != kind:
                    msg = f"the column {name!r} is used as {found[name]} and as {kind}; give two."
                    raise ValueError(msg)
        return found

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it reads."""
        return tuple(self.column_kinds)

    @property
    def samples(self) -> int | None:
        """Number of samples that it was written for; None if it serves any number.

        Raises:
            ValueError: its parts were written for different numbers.
        """
        sizes = {len(v) for _, k, v in self._fields() if k in _READ and isinstance(v, tuple)}
        sizes |= {part.samples for part in self.parts} - {None}  # type: ignore[arg-type]
        if len(sizes) > 1:
            msg = f"a protocol gives values for {sorted(sizes)} samples at once; give one number."
            raise ValueError(msg)
        return next(iter(sizes), None)

    @abc.abstractmethod
    def track(self, context: Context, numbers: Iterator[int]) -> Track:
        """The function of ticks in a context; ``numbers`` counts the parts that draw noise."""

    def steps(self, context: Context) -> Iterator[Fraction]:
        """Exact ms of everything that must be a whole number of ticks."""
        for name, kind, value in self._fields():
            if kind == "time" and value is not None and name not in self.untimed:
                yield from context.times(value, f"{name} of {self.kind}")
        for part in self.parts:
            yield from part.steps(context)

    def leaves(self) -> Iterator[Protocol]:
        """Itself and everything in it."""
        yield self
        for part in self.parts:
            yield from part.leaves()

    def __add__(self, other: Any) -> Protocol:
        return self._joined(other, "+")

    def __sub__(self, other: Any) -> Protocol:
        return self._joined(-other if isinstance(other, Protocol) else other, "-")

    def _joined(self, other: Any, sign: str) -> Protocol:
        from ._combined import Sum

        if not isinstance(other, Protocol):
            msg = (
                f"cannot {'add' if sign == '+' else 'subtract'} {other!r}; expected a protocol, "
                "e.g. protocols.constant(2) for a constant current."
            )
            raise TypeError(msg)
        terms = [*(self.parts if isinstance(self, Sum) else (self,))]
        terms += other.parts if isinstance(other, Sum) else (other,)
        return Sum(terms=tuple(terms))

    def scaled(self, factor: Any) -> Protocol:
        """This protocol times a factor: a number, one per sample, or the name of a column."""
        from ._combined import Scale

        return Scale(of=self, factor=factor)

    def __mul__(self, factor: Any) -> Protocol:
        return self.scaled(factor)

    def __rmul__(self, factor: Any) -> Protocol:
        return self.scaled(factor)

    def __neg__(self) -> Protocol:
        return self.scaled(-1.0)

    def then(self, other: Protocol) -> Protocol:
        """This protocol, and ``other`` from its end on.

        Raises:
            ValueError: when sampled, if this protocol has no end.
        """
        from ._combined import Then

        return Then(first=self, second=other)

    def drive(
        self,
        n_samples: int | None = None,
        *,
        seed: Any = 0,
        columns: Mapping[str, Any] | None = None,
        time_unit: str = "ms",
    ) -> Drive:
        """The protocol of given samples: with the values of its columns and the seeds of its noise.

        Args:
            n_samples: how many; default: what columns, arrays and seeds say, else 1.
            seed: of a sweep, from which :func:`seeds` derives those of the samples; or (sample,).
            columns: name -> (sample,) values, amplitudes in the unit of the input, times in
                ``time_unit``.
            time_unit: "ms" or "s".

        Raises:
            ValueError: an absent column, or different numbers of samples.
        """
        from ._drive import Drive

        return Drive.of(self, n_samples, seed=seed, columns=columns or {}, time_unit=time_unit)

    def values(
        self, time_step: Any, n_steps: int, *, unit: str, n_samples: int | None = None,
        seed: Any = 0, columns: Mapping[str, Any] | None = None,
    ) -> np.ndarray:  # fmt: skip
        """(sample, n_steps + 1) input at 0, ``time_step``, ...; see :meth:`Drive.values`."""
        drive = self.drive(n_samples, seed=seed, columns=columns)
        return drive.values(time_step, n_steps, unit=unit)

    def segments(
        self, time_step: Any, n_steps: int, *, unit: str, n_samples: int | None = None,
        seed: Any = 0, columns: Mapping[str, Any] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """(start, stop) of the input in every step; see :meth:`Drive.segments`."""
        drive = self.drive(n_samples, seed=seed, columns=columns)
        return drive.segments(time_step, n_steps, unit=unit)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and text from which :func:`from_dict` makes it again."""
        found: dict[str, Any] = {"kind": self.kind}
        for name, kind, value in self._fields():
            if value is None:
                continue
            if kind == "child":
                value = value.to_dict()
            elif kind == "children":
                value = [part.to_dict() for part in value]
            elif isinstance(value, tuple):
                value = list(value)
            found[name] = value
        return found

    def to_json(self) -> str:
        """:meth:`to_dict` as text."""
        return json.dumps(self.to_dict())


def from_dict(plain: Mapping[str, Any]) -> Protocol:
    """The protocol of :meth:`Protocol.to_dict`.

    Raises:
        ValueError: an unknown kind or field.
    """
    given = dict(plain)
    kind = given.pop("kind", None)
    if kind not in KINDS:
        msg = f"protocol kind is {kind!r}; expected one of {', '.join(KINDS)}."
        raise ValueError(msg + suggestion(str(kind), KINDS))
    cls = KINDS[kind]
    kinds = {item.name: item.metadata["kind"] for item in dataclasses.fields(cls)}
    for name, value in given.items():
        if name not in kinds:
            msg = f"{name!r} is no field of the protocol {kind!r}; expected {', '.join(kinds)}."
            raise ValueError(msg + suggestion(name, kinds))
        if kinds[name] == "child":
            given[name] = from_dict(value)
        elif kinds[name] == "children":
            given[name] = tuple(from_dict(part) for part in value)
    return cls(**given)


def from_json(text: str) -> Protocol:
    """The protocol of :meth:`Protocol.to_json`.

    Raises:
        ValueError: no such text.
    """
    try:
        plain = json.loads(text)
    except ValueError as error:
        msg = f"{text[:60]!r} is no protocol: {error}. Expected the text of Protocol.to_json."
        raise ValueError(msg) from error
    if not isinstance(plain, dict):
        msg = f"{text[:60]!r} is no protocol; expected the text of Protocol.to_json."
        raise ValueError(msg)
    return from_dict(plain)
