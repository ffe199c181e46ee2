"""The declaration of a spiking network: populations, projections, and what is recorded of them.

All text is Brian2's language. Parameters are free names in it: the simulator declares them, so that
one build serves every value of all but the sizes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from snnsurrogate._names import suggestion

from ._model import Model, named, normal

__all__ = ["Function", "Histogram", "Network", "Population", "Projection", "Series"]

REDUCE = ("sum", "mean")
RESOLUTION = 0.25  # of a time constant: the longest step


@dataclass(frozen=True, kw_only=True)
class Population:
    """Cells of one kind.

    Attributes:
        name: short, as in "E"; the population's rate is recorded as ``rate_E``.
        size: name of the parameter that holds the number of cells.
        equations: Brian2 text of one cell.
        threshold, reset: Brian2 condition and statements.
        refractory: Brian2 expression of a time or a condition; empty for none.
        method: integrator of the equations.
        start: Brian2 statements run once at time 0; may draw random numbers.
        step: Brian2 statements run in every step, before the threshold is checked.
    """

    name: str
    size: str
    equations: str
    threshold: str
    reset: str
    refractory: str = ""
    method: str = "euler"
    start: str = ""
    step: str = ""


@dataclass(frozen=True, kw_only=True)
class Projection:
    """Synapses from one population to another (or itself).

    Attributes:
        source, target: names of populations.
        on_pre: Brian2 statements at the arrival of a spike.
        model: Brian2 text of the synapse.
        probability: name of the parameter with the connection probability; empty for all pairs.
        degree: name of the parameter with the number of synapses per target cell, drawn without
            replacement; instead of a probability.
        delay: name of the parameter with the delay, the same for all synapses, or a Brian2
            expression drawn for every synapse ("D*2*rand()"); empty for none.
    """

    source: str
    target: str
    on_pre: str
    model: str = ""
    probability: str = ""
    degree: str = ""
    delay: str = ""


@dataclass(frozen=True, kw_only=True)
class Series:
    """A number of a population, recorded at every time: sum or mean of a variable over its cells.

    ``scale`` converts the SI value of the variable to ``unit``.
    """

    name: str
    unit: str
    meaning: str
    population: str
    variable: str
    reduce: str = "mean"
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How many cells of a population have a variable in each bin, at every time.

    Attributes:
        name: of the recorded variable.
        population, variable: what is counted.
        low, high: ends of the bins: a number, a parameter's name, or "-" and a parameter's name.
        width: of a bin; the last one may reach beyond ``high``.
        where: variable that must be positive for a cell to count; empty for all cells.
        dim: name of the dimension, shared by histograms with the same bins.
        unit, meaning: of the binned variable.
    """

    name: str
    population: str
    variable: str
    low: str
    high: str
    width: float
    where: str = ""
    dim: str = "voltage"
    unit: str = "1"
    meaning: str = ""

    def edges(self, parameters: Mapping[str, float]) -> tuple[float, float]:
        """Low and high end at given parameters."""
        return _end(self.low, parameters), _end(self.high, parameters)

    def bins(self, parameters: Mapping[str, float]) -> int:
        """Number of bins at given parameters."""
        low, high = self.edges(parameters)
        return -int(-(high - low) // self.width)


def _end(text: str, parameters: Mapping[str, float]) -> float:
    name = text.removeprefix("-")
    if name in parameters:
        return -parameters[name] if text.startswith("-") else parameters[name]
    return float(text)


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function of a network's text, given as C++ code.

    Attributes:
        name: as the text calls it.
        cpp: definition of the function ``name``.
        arguments: unit of every argument, as Brian2 names it ("1" if none).
        returns: unit of the result.
        random: it draws with ``_rand(_vectorisation_idx)``, its last argument; the generator is
            Brian2's, so that the seed of a sample reaches it.
    """

    name: str
    cpp: str
    arguments: tuple[str, ...]
    returns: str = "1"
    random: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Network(Model):
    """A spiking network.

    Attributes:
        populations, projections, functions: what Brian2 simulates.
        series, histograms: what is recorded besides spikes and the rates of all populations.
        causes: cells have a variable ``cause`` (0 external, 1 recurrent), stored with each spike.
        presets: name -> parameter values that differ from the defaults; ``get("name:preset")``.
        regimes: name of the regime rule of :func:`snnsurrogate.regimes`; empty for none.
        runaway: rate in Hz; a run with a population above it over 100 ms is stopped and marked.
        exact: name of the event-driven law that simulates the same network exactly; empty if none.
        resolve: names of time constants that a fixed step has to resolve; a step above
            :data:`RESOLUTION` of the shortest warns.
    """

    time_unit: str = "ms"
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...] = ()
    functions: tuple[Function, ...] = ()
    series: tuple[Series, ...] = ()
    histograms: tuple[Histogram, ...] = ()
    causes: bool = False
    presets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    regimes: str = ""
    runaway: float = 500.0
    exact: str = ""
    resolve: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _validate(self)

    @property
    def population_names(self) -> tuple[str, ...]:
        """Names of the populations in declared order."""
        return tuple(population.name for population in self.populations)

    @property
    def series_names(self) -> tuple[str, ...]:
        """Names of the recorded series: the rate of every population, then the declared ones."""
        rates = tuple(f"rate_{population.name}" for population in self.populations)
        return rates + tuple(series.name for series in self.series)

    @property
    def equations(self) -> str:
        """All Brian2 text, for people and for the attributes of a dataset."""
        lines: list[str] = []
        titled: list[tuple[str, Any]] = [(f"population {p.name}", p) for p in self.populations]
        titled += [(f"projection {p.source} -> {p.target}", p) for p in self.projections]
        for title, item in titled:
            fields = dataclasses.asdict(item)
            lines.append(title)
            for key in ("equations", "model", "step", "threshold", "reset", "refractory", "on_pre"):
                if fields.get(key):
                    lines.append(f"  {key}:")
                    lines += [f"    {line}" for line in normal(fields[key]).splitlines()]
            if fields.get("probability"):
                lines.append(f"  probability: {fields['probability']}")
            if fields.get("degree"):
                lines.append(f"  degree: {fields['degree']}")
            if fields.get("delay"):
                lines.append(f"  delay: {fields['delay']}")
        return "\n".join(lines)

    @property
    def equations_hash(self) -> str:
        """SHA-256 of everything that is simulated and recorded; defaults do not enter."""
        parts: list[Any] = [self.time_unit, self.causes, self.exact]
        groups: tuple[tuple[Any, ...], ...] = (
            self.populations,
            self.projections,
            self.functions,
            self.series,
            self.histograms,
        )
        for items in groups:
            parts.append([_texts(dataclasses.asdict(item)) for item in items])
        parts.append([(p.name, p.unit) for p in self.parameters])
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def with_preset(self, name: str) -> Self:
        """The network with the parameters of a preset as defaults.

        Raises:
            ValueError: no such preset; the message lists them.
        """
        if name not in self.presets:
            hint = suggestion(name, self.presets)
            known = ", ".join(self.presets) or "none"
            msg = f"{self.name!r} has no preset {name!r}; it has {known}.{hint}"
            raise ValueError(msg)
        return self.with_parameters(**self.presets[name])

    def sizes(self, parameters: Mapping[str, float]) -> dict[str, int]:
        """Population name -> number of cells.

        Raises:
            ValueError: a size that is no whole number above 0.
        """
        found = {}
        for population in self.populations:
            value = parameters[population.size]
            if value != round(value) or value < 1:
                msg = f"{population.size} is {value:g}; expected a whole number of at least 1."
                raise ValueError(msg)
            found[population.name] = round(value)
        return found

    def describe(self) -> str:
        """Readable table: populations, projections, parameters, recorded series, source."""
        from ._describe import describe_network

        return describe_network(self)


def _texts(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: normal(v) if isinstance(v, str) else v for key, v in fields.items()}


def _validate(network: Network) -> None:
    where = f"network {network.name!r}"
    names = [*network.parameter_names, *network.series_names]
    names += [histogram.name for histogram in network.histograms]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        msg = f"{where} declares {', '.join(doubled)} more than once; every name must be unique."
        raise ValueError(msg)
    if not network.populations:
        msg = f"{where} has no population; declare at least one Population."
        raise ValueError(msg)
    for parameter in network.parameters:
        if not parameter.low <= parameter.value <= parameter.high:
            msg = (
                f"{where}: {parameter.name} = {parameter.value:g} lies outside "
                f"[{parameter.low:g}, {parameter.high:g}]."
            )
            raise ValueError(msg)
    if network.time_unit not in {"s", "ms"}:
        msg = f"{where} has time_unit {network.time_unit!r}; expected 's' or 'ms'."
        raise ValueError(msg)
    for population in network.populations:
        named(population.size, network.parameters, f"parameter (size of {population.name})")
    for projection in network.projections:
        for end in (projection.source, projection.target):
            named(end, network.populations, f"population of {network.name!r}")
        for name in (projection.probability, projection.degree):
            if name:
                named(name, network.parameters, f"parameter of {network.name!r}")
        if projection.probability and projection.degree:
            msg = (
                f"{where}: the projection {projection.source} -> {projection.target} has both a "
                "probability and a degree; give one of them."
            )
            raise ValueError(msg)
        if projection.delay.isidentifier():
            named(projection.delay, network.parameters, f"parameter of {network.name!r}")
    recorded: tuple[Any, ...] = (*network.series, *network.histograms)
    for item in recorded:
        named(item.population, network.populations, f"population of {network.name!r}")
    for name in network.resolve:
        named(name, network.parameters, f"parameter of {network.name!r}")
    if not network.runaway > 0:
        msg = f"{where} has runaway {network.runaway:g}; expected a rate above 0 Hz."
        raise ValueError(msg)
    for histogram in network.histograms:
        if not histogram.width > 0:
            msg = f"{where}: {histogram.name} has width {histogram.width:g}; expected above 0."
            raise ValueError(msg)
        try:
            low, high = histogram.edges(network.defaults)
        except ValueError as error:
            msg = (
                f"{where}: the ends of {histogram.name} are {histogram.low!r} and "
                f"{histogram.high!r}; expected numbers, or names of parameters."
            )
            raise ValueError(msg) from error
        if not low < high:
            msg = (
                f"{where}: {histogram.name} reaches from {low:g} to {high:g}; expected low < high."
            )
            raise ValueError(msg)
    for series in network.series:
        if series.reduce not in REDUCE:
            msg = f"{where}: {series.name} has reduce {series.reduce!r}; expected one of {REDUCE}."
            raise ValueError(msg)
    for values in network.presets.values():
        for name, value in values.items():
            network.parameter_value(name, value)
