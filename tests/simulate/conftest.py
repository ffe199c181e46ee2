"""Small systems for the engine tests; a build takes some seconds, so they share few programs."""

import pytest

from snnsurrogate.systems import Parameter, SpikeRule, State, System


def toy(**changes):
    """x decays, y grows or shrinks, z oscillates with x as amplitude-free driver."""
    arguments = {
        "name": "toy",
        "title": "decay, growth and blow-up",
        "source": "closed form",
        "equations": "dx/dt = -k*x : volt\ndy/dt = (r*y + c*y**2)/second : 1",
        "parameters": (
            Parameter(name="k", value=2.0, unit="1/s", low=0.0, high=10.0, meaning="rate"),
            Parameter(name="r", value=0.0, unit="1", low=-10.0, high=50.0, meaning="growth"),
            Parameter(name="c", value=0.0, unit="1", low=0.0, high=10.0, meaning="blow-up"),
        ),
        "states": (
            State(name="x", unit="mV", scale=1.0, low=-10, high=10, initial=1.0, meaning="decays"),
            State(name="y", unit="1", scale=1.0, low=-1.0, high=1.0, initial=0.5, meaning="grows"),
        ),
        "time_unit": "s",
        "dt": "1 ms",
        "spikes": SpikeRule(state="x", threshold=50.0, reset=40.0, max_step="20 ms"),
    }
    return System(**(arguments | changes))


@pytest.fixture(scope="session")
def toy_system():
    return toy()
