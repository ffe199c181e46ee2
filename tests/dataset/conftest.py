"""A small dataset of the schema, made by hand: ``toy(V_S=..., records=..., ...)``."""

import numpy as np
import pytest

from snnsurrogate import schema


def _make(V_S=(-44.0, -40.0, -36.0), *, initial_V=-60.0, records=31, status=None, **values):
    V_S = np.asarray(V_S, dtype=float)
    n, t = V_S.size, np.arange(records) * 0.01
    V = V_S[:, None] - 20 + np.sin(20 * t)
    states = {"V": V, "n": 0.1 + 0 * V} | values
    return schema.build(
        states=states,
        time=t,
        parameters={"V_S": V_S, "tau": 0.02},
        initial={"V": initial_V, "n": 0.0},
        seeds=np.arange(n),
        status=status,
        units={"V": "mV", "n": "1", "V_S": "mV", "tau": "s", "time": "s"},
        spikes=[np.arange(i % 3) * 0.1 for i in range(n)],
        attrs={
            "kind": "simulation",
            "system": "toy",
            "title": "toy",
            "source": "none",
            "equations": "dV/dt = 0*V",
            "equations_hash": "0" * 64,
            "parameters": {"V_S": {"unit": "mV"}, "tau": {"unit": "s"}},
            "duration": f"{(records - 1) * 10} ms",
            "transient": "0 s",
            "record_every": "10 ms",
            "dt": "1 ms",
            "method": "rk4",
            "engine": "hand",
            "seed": 0,
            "design": "",
            "protocol": "",
            "spike_rule": {"state": "V", "threshold": -35.0, "reset": -40.0},
            "versions": {},
        },
    )


@pytest.fixture(scope="session")
def toy():
    return _make
