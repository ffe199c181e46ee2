"""A quick truth for tests: the derived right-hand side under RK4, no Brian2 build."""

import numpy as np
import pytest

from snnsurrogate import features, kernels, schema, systems


def simulate(name, parameters, *, duration, transient, record, dt, initial=None):
    """Dataset of a registered system; times in its own unit."""
    system = systems.get(name)
    kernel = system.kernel()
    swept = {key: np.atleast_1d(np.asarray(v, dtype=float)) for key, v in parameters.items()}
    n = next(iter(swept.values())).size
    first = dict(system.initial) | dict(initial or {})
    start = np.stack([np.broadcast_to(first[s], (n,)) for s in system.state_names], axis=-1)
    every = round(record / dt)
    run = {"substeps": every, "dt": dt}
    skip = round(transient / record)
    x = kernels.integrate(kernel, start, swept, n_steps=skip + round(duration / record), **run)
    x = x[:, skip:]
    rule = system.spikes
    column = system.state_names.index(rule.state)
    return schema.build(
        states={s: x[..., k] for k, s in enumerate(system.state_names)},
        time=np.arange(x.shape[1]) * record,
        parameters=system.defaults | swept,
        initial={s: start[:, k] for k, s in enumerate(system.state_names)},
        seeds=0,
        units={"time": system.time_unit}
        | {s.name: s.unit for s in system.states}
        | {p.name: p.unit for p in system.parameters},
        spikes=features.spikes.detect_batch(
            x[..., column], record, threshold=rule.threshold, reset=rule.reset
        ),
        attrs={
            "kind": "simulation",
            "system": name,
            "title": system.title,
            "source": system.source,
            "equations": system.equations,
            "equations_hash": system.equations_hash,
            "parameters": {p.name: {"value": p.value, "unit": p.unit} for p in system.parameters},
            "duration": f"{duration} {system.time_unit}",
            "transient": f"{transient} {system.time_unit}",
            "record_every": f"{record} {system.time_unit}",
            "dt": f"{dt} {system.time_unit}",
            "method": "rk4",
            "engine": "kernels",
            "seed": 0,
            "design": {},
            "protocol": "",
            "spike_rule": {"state": rule.state, "threshold": rule.threshold, "reset": rule.reset},
            "versions": {},
        },
    )


@pytest.fixture(scope="session")
def sherman():
    """Function V_S, ... -> dataset of the Sherman neuron under the evaluation protocol."""

    def run(v_s, *, duration=60.0, transient=40.0, record=0.01, dt=0.001, **options):
        swept = ({} if v_s is None else {"V_S": v_s}) | options.pop("parameters", {})
        return simulate(
            options.pop("name", "sherman"),
            swept,
            duration=duration,
            transient=transient,
            record=record,
            dt=dt,
            **options,
        )

    return run
