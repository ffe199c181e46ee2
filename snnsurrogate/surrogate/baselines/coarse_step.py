"""CoarseStep: the simulator itself with a long step.

Brian2's fixed step (engine "brian2") at a step far above the system's own: what a user gets who
buys speed with accuracy and learns nothing. The step of `markov-if` follows every kick of a cell,
so that a longer step saves little time; see the page of the engines. Needs a C++ compiler.

Source: the package's own engine, `snnsurrogate.simulate`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import xarray as xr

from snnsurrogate import units
from snnsurrogate.simulate import Design, simulate
from snnsurrogate.surrogate.baselines._base import Baseline, register
from snnsurrogate.surrogate.baselines._fitted import Request
from snnsurrogate.surrogate.baselines._runs import Runs


@register
@dataclass(frozen=True, kw_only=True)
class CoarseStep(Baseline):
    """The simulator with a long integration step.

    Attributes:
        dt: step, text with unit; the recording step of the training runs is a multiple of it.
    """

    name: ClassVar[str] = "coarse-step"
    dt: str = "0.5 ms"

    def __post_init__(self) -> None:
        if not units.magnitude(self.dt, "ms", what="dt") > 0:
            msg = f"dt of {self.name} is {self.dt!r}; expected a positive time"
            raise ValueError(msg)

    def learn(self, runs: Runs, seed: int) -> _Simulator:
        """Nothing: only system, recording step and transient are taken from the runs.

        Raises:
            ValueError: the recording step is no multiple of dt.
        """
        ratio = runs.step / units.magnitude(self.dt, runs.ds.attrs["time_unit"], what="dt")
        if ratio < 1 - 1e-9 or abs(ratio - round(ratio)) > 1e-9 * ratio:
            msg = (
                f"the runs are recorded every {runs.ds.attrs['record_every']}, which is no "
                f"multiple of dt = {self.dt}; choose a dt that divides it"
            )
            raise ValueError(msg)
        return _Simulator(dt=self.dt)


@dataclass(frozen=True, kw_only=True)
class _Simulator:
    dt: str

    def run(self, request: Request, card: Mapping[str, Any]) -> xr.Dataset:
        """All samples; the dataset is a simulation, with the series of one."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="dt = .* is above")  # that is the point
            made = simulate(
                card["truth"]["system"],
                Design.points(request.columns),
                duration=request.duration,
                record_every=card["dt"],
                transient=card["truth"]["transient"],
                record=[],
                seed=request.seed,
                dt=self.dt,
                processes=1,
                progress=False,
            )
        if request.record is None:
            return made
        kept = {n for n in made.data_vars if str(n) in request.record}
        dropped = [
            n
            for n, v in made.data_vars.items()
            if v.attrs.get("role") == "series" and n not in kept and not str(n).startswith("rate_")
        ]
        return made.drop_vars(dropped)
