"""Driven Hodgkin-Huxley neurons, small enough to train on in seconds."""

import json

import numpy as np

import snnsurrogate as sns
from snnsurrogate import protocols, schema
from snnsurrogate.kernels import integrate_driven
from snnsurrogate.surrogate import models

STEP, RULE = "0.1 ms", {"state": "V", "threshold": -20.0, "reset": -40.0}


def driven_dataset(protocol, n, *, steps=250, seed=0, **parameters):
    """Hodgkin-Huxley neurons at rest under a protocol, by the package's own kernel."""
    system = sns.systems.get("hodgkin-huxley")
    kernel = system.kernel()
    drive = protocol.drive(n, seed=seed)
    start, stop = drive.segments("0.025 ms", 4 * steps, unit="uA/cm**2")
    x0 = np.tile([system.initial[name] for name in kernel.states], (n, 1))
    x = integrate_driven(
        kernel, x0, {k: np.broadcast_to(v, n) for k, v in parameters.items()} or None,
        input="I", start=start, stop=stop, dt=0.025, every=4,
    )  # fmt: skip
    names = [name for name in kernel.parameters if name != "I"]
    described = {
        name: {"value": float(v), "unit": u, "low": 0.0, "high": 500.0}
        for name, u, v in zip(
            kernel.parameters, kernel.parameter_units, kernel.parameter_defaults, strict=True
        )
        if name != "I"
    }
    values = {name: parameters.get(name, described[name]["value"]) for name in names}
    return schema.build(
        states={name: x[..., i] for i, name in enumerate(kernel.states)},
        time=np.arange(steps + 1) * 0.1,
        parameters=values,
        initial={name: x0[:, i] for i, name in enumerate(kernel.states)},
        seeds=drive.seeds,
        units={
            "time": "ms", "V": "mV", "I": "uA/cm**2", **drive.units("uA/cm**2"),
            **{name: about["unit"] for name, about in described.items()},
        },
        spikes=[np.empty(0)] * n,
        inputs={"I": drive.values(STEP, steps, unit="uA/cm**2")},
        input_rule=drive.rule,
        stimuli=drive.columns,
        attrs={
            "kind": "simulation", "system": "hodgkin-huxley", "title": "", "source": "",
            "equations": "", "equations_hash": "0" * 64, "parameters": json.dumps(described),
            "duration": f"{steps / 10} ms", "transient": "0 ms", "record_every": STEP,
            "dt": "0.025 ms", "method": "rk4", "engine": "kernel", "seed": seed, "design": "",
            "protocol": drive.json, "spike_rule": json.dumps(RULE), "versions": "{}",
        },
    )  # fmt: skip


SHORT = (
    models.Starts(horizons=(("3 ms", 40), ("6 ms", 40)), iterations=15, first=15, keep=2),
    models.FromRest(duration="20 ms", rounds=1, iterations=2, random=2, candidates=2),
    models.FromRest(duration="25 ms", rounds=1, iterations=2, random=2),
)


def driven_data():
    """Steps and noise, 25 ms of each."""
    currents = [-5.0, 0.0, 2.0, 5.0, 8.0, 12.0, 20.0, 40.0]
    noise = protocols.ou(mean=6.0, sd=4.0, tau="3 ms", step=STEP, rule="hold")
    return [
        driven_dataset(protocols.step(currents, start="2 ms"), len(currents)),
        driven_dataset(noise, 4, seed=3),
    ]
