"""What every simulated model declares: a name, parameters with units, a time unit and a step."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from snnsurrogate import units
from snnsurrogate._names import suggestion

from ._declarations import Parameter

__all__ = ["Model", "named", "normal"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """Name, parameters and step of a neuron or a network.

    Attributes:
        name: registered name, lower case with hyphens.
        title: one line.
        source: reference of equations and values.
        parameters: constants, in the order of parameter vectors.
        time_unit: "s" or "ms": time, rates and steps are expressed in it.
        dt: default integration step.
        swept: name of the customary control parameter, or None.
    """

    name: str
    title: str
    source: str
    parameters: tuple[Parameter, ...]
    time_unit: str
    dt: str
    swept: str | None = None

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Parameter names in declared order."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def defaults(self) -> dict[str, float]:
        """Default parameter values, in declared units."""
        return {parameter.name: parameter.value for parameter in self.parameters}

    def parameter(self, name: str) -> Parameter:
        """The declaration of one parameter.

        Raises:
            ValueError: unknown name; the message lists the allowed ones and the nearest match.
        """
        return named(name, self.parameters, f"parameter of {self.name!r}")

    def parameter_value(self, name: str, value: Any) -> float:
        """A parameter value in its declared unit, checked against its range.

        Args:
            name: parameter name.
            value: bare number in the declared unit, text with a unit, or a quantity.

        Raises:
            ValueError: unknown name, wrong dimension, or outside the range (which is given).
        """
        parameter = self.parameter(name)
        number = units.magnitude(value, parameter.unit, what=name, bare=True)
        if not parameter.low <= number <= parameter.high:
            msg = (
                f"{name} is {number:g} {_unit(parameter.unit)}; expected a value in "
                f"[{parameter.low:g}, {parameter.high:g}] {_unit(parameter.unit)} for "
                f"{self.name!r}."
            )
            raise ValueError(msg.replace(" ;", ";").replace(" .", "."))
        return number

    def with_parameters(self, /, **parameters: Any) -> Self:
        """The same system with other default values (numbers in declared units, or quantities).

        Raises:
            ValueError: unknown parameter, wrong dimension, or outside the range.
        """
        new = {name: self.parameter_value(name, value) for name, value in parameters.items()}
        changed = tuple(
            dataclasses.replace(p, value=new[p.name]) if p.name in new else p
            for p in self.parameters
        )
        return dataclasses.replace(self, parameters=changed) if new else self

    def preset(
        self, name: str, *, title: str, parameters: Mapping[str, float], **other: Any
    ) -> Self:
        """A registered variant: the same equations under another name with other defaults."""
        return dataclasses.replace(
            self.with_parameters(**parameters), name=name, title=title, **other
        )


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit


def normal(text: str) -> str:
    """Text without comments, empty lines and needless spaces."""
    lines = (" ".join(line.split("#", 1)[0].split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def named(name: str, items: tuple[Any, ...], what: str) -> Any:
    """The item of that name.

    Raises:
        ValueError: there is none; the message lists the names and the nearest match.
    """
    for item in items:
        if item.name == name:
            return item
    names = [item.name for item in items]
    hint = suggestion(name, names)
    msg = f"{name!r} is no {what}; expected one of {', '.join(names)}.{hint}"
    raise ValueError(msg)
