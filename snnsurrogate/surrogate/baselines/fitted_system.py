"""FittedSystem: a registered neuron model whose constants are fitted to a driven neuron.

A dimensionless model (FitzHugh-Nagumo, Bonhoeffer-van der Pol) gets affine maps of voltage, input
and time - three scales and two offsets - that are fitted, the offset of the voltage by the rest
potential; constants named in ``free`` are fitted too. A model with units, such as the (V, n)
reduction, keeps them and has only the free constants.

Fitted are, over driven records that start at rest: numbers of spikes of short trains, latencies,
rates, the potential around the first and a tonic spike, the potential where there is no spike, and
spike trains under noise.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from snnsurrogate import systems
from snnsurrogate.kernels import integrate_driven
from snnsurrogate.surrogate._warnings import NoRestError
from snnsurrogate.surrogate.baselines import _system_fit
from snnsurrogate.surrogate.baselines._base import register, whole_numbers
from snnsurrogate.surrogate.baselines._driven import DrivenBaseline, Neuron
from snnsurrogate.surrogate.driven_data import DrivenData
from snnsurrogate.systems import System


@register
@dataclass(frozen=True, kw_only=True)
class FittedSystem(DrivenBaseline):
    """A registered neuron model, fitted.

    Attributes:
        system: registered name.
        free: constants of it that are fitted within their declared ranges.
        rounds: generations of the global search.
        members: points of a generation, per fitted number.
        noise: records driven by noise that are used; most are steps and pulses.
    """

    name: ClassVar[str] = "fitted-system"
    system: str = "fitzhugh-nagumo"
    free: tuple[str, ...] = ()
    rounds: int = 60
    members: int = 12
    noise: int = 8

    def __post_init__(self) -> None:
        whole_numbers(self, "rounds", "members")
        for name in self.free:
            systems.get(self.system).parameter(name)

    def learn(self, data: DrivenData, seed: int) -> _Equations:
        """Search, then least squares.

        Raises:
            ValueError: nothing to fit, or no point of the search has a stable state at rest.
        """
        space = _Space(self, data)
        if not len(space.bounds):
            msg = f"{self.system!r} has units, so that no scale is fitted; name constants in free"
            raise ValueError(msg)
        chosen = np.concatenate(
            [np.flatnonzero(~data.random), np.flatnonzero(data.random)[: self.noise]]
        )
        rule = json.loads(data.datasets[0].attrs["spike_rule"])
        records = _system_fit.Records(
            step=data.time_step, start=data.start[chosen], stop=data.stop[chosen],
            v=data.x[chosen][..., data.columns.index(data.observed)], random=data.random[chosen],
            threshold=rule["threshold"], reset=rule["reset"],
        )  # fmt: skip
        none = np.full(len(chosen) * len(_system_fit.KINDS), 30.0)

        def wrong(q: np.ndarray) -> np.ndarray:
            made = space.system(q)
            found = None
            if made is not None:
                found = _system_fit.residuals(made, list(made.defaults.values()), records)
            return none if found is None else np.concatenate(list(found.values()))

        best, cost = _system_fit.search(
            wrong, space.bounds, rounds=self.rounds, members=self.members, seed=seed
        )
        made = space.system(best)
        found = None
        if made is not None:
            found = _system_fit.residuals(made, list(made.defaults.values()), records)
        if made is None or found is None:
            msg = f"no {self.system!r} with a stable state at rest was found; take more rounds"
            raise ValueError(msg)
        constants = {k: v for k, v in made.defaults.items() if k != made.input}
        report = {
            "cost": cost,
            "constants": constants,
            "units": {p.name: p.unit for p in made.parameters if p.name in constants},
            "fitted": 5 * space.scaled + len(self.free),
            "residuals": {k: float(np.sqrt(np.mean(r**2))) for k, r in found.items()},
        }
        return _Equations(made, report)


class _Space:
    """The space that is searched, and the system at a point of it."""

    def __init__(self, config: FittedSystem, data: DrivenData) -> None:
        self.base = systems.get(config.system)
        self.like = systems.get(data.datasets[0].attrs["system"])
        self.free = config.free
        self.scaled = all(s.unit == "1" for s in self.base.states)
        rows = [(p.low, p.high) for p in (self.base.parameter(name) for name in self.free)]
        if self.scaled:
            v = data.x[..., data.columns.index(data.observed)]
            current = float(max(abs(data.start.min()), data.start.max()))
            state, control = self.base.states[0], self.base.parameter(str(self.base.input))
            self.rest = float(np.median(v[:, 0]))
            per = float(v.max() - v.min()) / (state.high - state.low)
            rows = [
                (-1.0, 1.0),  # which way up
                (math.log(0.3 * per), math.log(4.0 * per)),
                (math.log(0.02 * current), math.log(10.0 * current)),
                (control.low, control.high),  # its value where the input is 0
                (math.log(0.05), math.log(10.0)),
                *rows,
            ]
        self.bounds = np.array(rows, dtype=float).reshape(-1, 2)

    def system(self, q: np.ndarray) -> System | None:
        """System of a point; None without a stable state at rest."""
        free = dict(zip(self.free, map(float, q[len(q) - len(self.free) :]), strict=True))
        if not self.scaled:
            return self.base.with_parameters(**free)
        way, size, input_scale, at_zero, speed = map(float, q[:5])
        base = self.base.with_parameters(**free)
        way = 1.0 if way > 0 else -1.0
        p = np.array(list(base.defaults.values()))
        p[base.parameter_names.index(str(base.input))] = at_zero
        rest = _system_fit.rest_state(base.kernel(), list(base.initial.values()), p)
        if rest is None:
            return None
        voltage, per = way * math.exp(size), way * math.exp(input_scale)
        return systems.rescaled(
            base, like=self.like, voltage=base.states[0].name, V_scale=voltage,
            V_offset=self.rest - voltage * float(rest[0]), I_scale=per,
            I_offset=-per * at_zero, speed=math.exp(speed),
        )  # fmt: skip


class _Equations(Neuron):
    """See `FittedSystem`."""

    def __init__(self, system: System, report: dict[str, Any]) -> None:
        self.system: System = system
        self.report, self.step = report, system.dt
        self.states = tuple((s.name, s.unit) for s in system.states)
        self._kernel = system.kernel()
        rest = _system_fit.rest_state(
            self._kernel, list(system.initial.values()), self._kernel.parameter_matrix({}, 1)[0]
        )
        if rest is None:
            msg = f"{system.name!r} has no stable state without input"
            raise NoRestError(msg)
        self._rest = rest

    def run(self, start: np.ndarray, stop: np.ndarray, substeps: int) -> np.ndarray:
        x0 = np.tile(self._rest, (len(start), 1))
        first, last = _system_fit.finer(start, stop, substeps)
        return integrate_driven(
            self._kernel, x0, input=str(self.system.input), start=first, stop=last,
            dt=self._kernel.time_step / substeps, every=substeps,
        )  # fmt: skip
