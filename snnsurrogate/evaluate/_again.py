"""The truth made again: at half the step (the twin), or at other parameter values (boundaries)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import protocols, schema, systems, units
from snnsurrogate.simulate import Design, simulate
from snnsurrogate.systems import System

from ._inputs import parameter_values, start_states


class NotRepeatableError(ValueError):
    """The truth cannot be made again from what the dataset says; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a dataset was made, enough to make more of it.

    Attributes:
        system: the registered system, with the equations of the dataset.
        unit: its time unit.
        duration: length of the record, text.
        transient: unrecorded time before it, text.
        record_every: recording step, text.
        dt: integration step, in `unit`.
        method: integrator.
        drive: what drove its samples; None if nothing did.
    """

    system: System
    unit: str
    duration: str
    transient: str
    record_every: str
    dt: float
    method: str
    drive: protocols.Drive | None = None

    @classmethod
    def of(cls, truth: xr.Dataset, *, driven: bool = False) -> Recipe:
        """Read it from a dataset.

        Args:
            truth: the dataset.
            driven: take a driven one too: its recipe runs the same samples over the same time.

        Raises:
            NotRepeatableError: not a simulation, driven by a protocol, a system that is not
                registered here, or one whose equations have changed since.
        """
        attrs = truth.attrs
        if attrs.get("kind") != "simulation":
            msg = f"the truth is a {attrs.get('kind', 'dataset without kind')!r}, not a simulation"
            raise NotRepeatableError(msg)
        if attrs.get("protocol") and not driven:
            msg = "the truth was driven by a protocol, which belongs to its samples and their time"
            raise NotRepeatableError(msg)
        try:
            system = systems.get(attrs["system"])
        except (ValueError, KeyError) as error:
            msg = f"the system {attrs['system']!r} is not registered here"
            raise NotRepeatableError(msg) from error
        if system.equations_hash != attrs["equations_hash"]:
            msg = f"the equations of {system.name!r} have changed since the truth was made"
            raise NotRepeatableError(msg)
        unit = attrs["time_unit"]
        return cls(
            system=system,
            unit=unit,
            duration=attrs["duration"],
            transient=attrs["transient"],
            record_every=attrs["record_every"],
            dt=units.magnitude(attrs["dt"], unit, what="dt"),
            method=attrs["method"],
            drive=protocols.of(truth) if attrs.get("protocol") else None,
        )

    def run(
        self,
        parameters: Mapping[str, np.ndarray],
        initial: Mapping[str, np.ndarray],
        *,
        transient: str | None = None,
        duration: str | None = None,
        dt: float | None = None,
    ) -> xr.Dataset:
        """Simulate samples of the same system under the same protocol.

        Args:
            parameters: name -> (sample,).
            initial: state -> (sample,), before the transient.
            transient: another transient than the dataset's.
            duration: another duration.
            dt: another integration step, in the time unit.
        """
        return simulate(
            self.system,
            Design.points(parameters, initial=initial),
            duration=self.duration if duration is None else duration,
            record_every=self.record_every,
            transient=self.transient if transient is None else transient,
            dt=units.format_quantity(self.dt if dt is None else dt, self.unit),
            method=self.method,
            protocol=self.drive,
            progress=False,
        )


def half_step(truth: xr.Dataset) -> tuple[xr.Dataset, str]:
    """The truth again at half the integration step, from the same states at t = 0.

    Returns:
        The twin, and what it is in words.

    Raises:
        NotRepeatableError: see `Recipe.of`.
    """
    recipe = Recipe.of(truth, driven=True)
    initial = start_states(truth)
    ok = schema.ok(truth)
    for name, values in initial.items():  # failed samples have no usable state: any will do
        initial[name] = np.where(ok, values, recipe.system.initial[name])
    dt = 0.5 * recipe.dt
    twin = recipe.run(parameter_values(truth), initial, transient=f"0 {recipe.unit}", dt=dt)
    step = units.format_quantity(dt, recipe.unit)
    return twin, f"the truth again at half the step ({step}), from the same states at t = 0"


def continued(truth: xr.Dataset) -> xr.Dataset:
    """The truth's own next record: from its last states, same step and duration.

    What an equally valid stretch of the same attractor scores.

    Raises:
        NotRepeatableError: see `Recipe.of`.
    """
    recipe = Recipe.of(truth)
    ok = schema.ok(truth)
    initial = {
        name: np.where(ok, truth[name].values[:, -1], recipe.system.initial[name])
        for name in schema.states_of(truth)
    }
    return recipe.run(parameter_values(truth), initial, transient=f"0 {recipe.unit}")


class Sweep:
    """Labels along one parameter, for truth, twin and surrogate from the same start states.

    The other parameters and the state before the transient are those of the dataset's sample next
    to the asked value. Start states are kept, so that truth and surrogate do not pay twice.
    """

    def __init__(self, truth: xr.Dataset, swept: str):
        """Read the recipe.

        Raises:
            NotRepeatableError: see `Recipe.of`.
        """
        self.recipe = Recipe.of(truth)
        self.swept = swept
        order = np.argsort(truth[swept].values, kind="stable")
        order = order[schema.ok(truth)[order]]
        self._values = truth[swept].values[order]
        self._parameters = {k: v[order] for k, v in parameter_values(truth).items()}
        self._initial = {k: v[order] for k, v in schema.initial_of(truth).items()}
        self._starts: dict[float, dict[str, float]] = {}

    def _beside(self, values: np.ndarray) -> tuple[dict, dict]:
        place = np.searchsorted(self._values, values).clip(1, max(self._values.size - 1, 1))
        place = np.minimum(place, self._values.size - 1)
        left = np.maximum(place - 1, 0)
        nearer = np.abs(self._values[left] - values) <= np.abs(self._values[place] - values)
        place = np.where(nearer, left, place)
        parameters = {k: v[place] for k, v in self._parameters.items()} | {self.swept: values}
        return parameters, {k: v[place] for k, v in self._initial.items()}

    def truth(self, values: np.ndarray) -> xr.Dataset:
        """The truth at these values, transient included."""
        made = self.recipe.run(*self._beside(values))
        starts = start_states(made)
        for i, value in enumerate(values):
            self._starts[float(value)] = {k: float(v[i]) for k, v in starts.items()}
        return made

    def _start(self, values: np.ndarray) -> dict[str, np.ndarray]:
        missing = np.array([v for v in values if float(v) not in self._starts])
        if missing.size:  # one recorded step is enough: only the state at t = 0 is needed
            made = self.recipe.run(*self._beside(missing), duration=self.recipe.record_every)
            starts = start_states(made)
            for i, value in enumerate(missing):
                self._starts[float(value)] = {k: float(v[i]) for k, v in starts.items()}
        rows = [self._starts[float(v)] for v in values]
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}

    def twin(self, values: np.ndarray) -> xr.Dataset:
        """The truth from its own t = 0 states, at half the step."""
        parameters, _ = self._beside(values)
        return self.recipe.run(
            parameters,
            self._start(values),
            transient=f"0 {self.recipe.unit}",
            dt=0.5 * self.recipe.dt,
        )

    def surrogate(self, surrogate: Any, values: np.ndarray) -> xr.Dataset:
        """The surrogate from the truth's t = 0 states."""
        parameters, _ = self._beside(values)
        start = self._start(values)
        with warnings.catch_warnings():  # the rollout over the whole sweep has warned already
            warnings.simplefilter("ignore", UserWarning)
            return surrogate.rollout(start, parameters, self.recipe.duration)
