"""The same protocol as the compiled program, with Brian2's numpy target: no compiler needed.

``python -m snnsurrogate.simulate._numpy_worker JOB`` (JSON of equations and names).
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import numpy as np

from snnsurrogate.protocols import Events
from snnsurrogate.simulate._protocol import Plan


def integrate(job: dict[str, Any], plan: Plan) -> np.ndarray:
    """Records of a plan: (records + 1, state, block) in SI units."""
    warnings.simplefilter("ignore")
    import brian2

    brian2.prefs.codegen.target = "numpy"
    block = plan.states.shape[1]
    dt = plan.dt * brian2.second
    clock = brian2.Clock(dt=dt)
    group = brian2.NeuronGroup(block, job["equations"], method=job["method"], clock=clock)
    for names, rows in ((job["states"], plan.states), (job["parameters"], plan.parameters)):
        for name, row in zip(names, rows, strict=True):
            group.variables[name].set_value(np.array(row))
    network = brian2.Network(group)
    if plan.events is not None:
        network.add(_input(group, job["input"], plan.events, plan, clock))
    if plan.skip:
        network.run(plan.skip * dt)
    records = np.empty((plan.records + 1, *plan.states.shape))
    if plan.records:
        monitor = brian2.StateMonitor(
            group, job["states"], record=True, dt=plan.every * dt, when="start"
        )
        network.add(monitor)
        network.run(plan.records * plan.every * dt)
        for i, name in enumerate(job["states"]):
            records[:-1, i] = np.asarray(getattr(monitor, f"{name}_"))[:, : plan.records].T
    for i, name in enumerate(job["states"]):
        records[-1, i] = group.variables[name].get_value()
    return records


def _input(group: Any, name: str, events: Events, plan: Plan, clock: Any) -> Any:
    """The operation that sets the input and its slope before every step."""
    import brian2

    state = {"step": plan.start}

    def drive() -> None:
        now = state["step"]
        piece = int(np.searchsorted(events.steps, now, side="right")) - 1
        slope = events.slope[piece]
        group.variables[name].set_value(events.value[piece] + slope * (now - events.since[piece]))
        group.variables[f"{name}_slope"].set_value(slope / plan.dt)
        state["step"] = now + 1

    return brian2.NetworkOperation(drive, clock=clock, when="before_groups")


def main() -> None:
    """Read plan after plan from stdin, write their records to stdout."""
    job = json.loads(sys.argv[1])
    states, parameters = len(job["states"]), len(job["parameters"])
    driven = "input" in job
    while plan := Plan.read(sys.stdin.buffer, states=states, parameters=parameters, driven=driven):
        sys.stdout.buffer.write(np.ascontiguousarray(integrate(job, plan)).tobytes())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
