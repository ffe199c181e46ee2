"""A leaky membrane under a current: everything about it is known in closed form."""

import numpy as np

from snnsurrogate.systems import Parameter, State, System

TAU, R = 10.0, 2.0  # ms, mV per uA/cm**2


def leaky():
    """C dv/dt = -v/R + I, with tau = R*C."""
    return System(
        name="leaky",
        title="leaky membrane",
        source="closed form",
        equations="dv/dt = (R*I - v)/tau : volt",
        parameters=(
            Parameter(name="I", value=0.0, unit="uA/cm**2", low=-20, high=20, meaning="current"),
            Parameter(name="R", value=R, unit="mV*cm**2/uA", low=0.1, high=9, meaning="resistance"),
            Parameter(name="tau", value=TAU, unit="ms", low=1, high=100, meaning="time constant"),
        ),
        states=(
            State(name="v", unit="mV", scale=1, low=-50, high=50, initial=0.0, meaning="potential"),
        ),
        time_unit="ms",
        dt="0.1 ms",
        input="I",
    )


def respond(t, v0, start, slope):
    """v(t) from v0 under I = start + slope * t (times in ms)."""
    # Particular solution: R*(start + slope*(t - tau)).
    decay = np.exp(-t / TAU)
    return R * (start + slope * (t - TAU)) + (v0 - R * (start - slope * TAU)) * decay
