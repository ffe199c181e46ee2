"""Bonhoeffer-van der Pol neuron in FitzHugh's own form; dimensionless, model time unit 1 ms.

With v = -x, w = y, I = -z, eps = 1/c^2 and time in units of 1/c it is the common FitzHugh-Nagumo
form: a negative z depolarises.
"""

from __future__ import annotations

import math

from snnsurrogate.systems._base import System
from snnsurrogate.systems._declarations import Benchmark, Check

from ._shared import errors, hopf, parameter, state

EQUATIONS = """
dx/dt = c*(y + x - x**3/3 + z)/ms : 1
dy/dt = -(x - a + b*y)/(c*ms) : 1
"""


def _hopf(sign: int, a: float = 0.7, b: float = 0.8, c: float = 3.0) -> float:
    # Trace c (1 - x^2) - b/c = 0 at the rest state y = (a - x)/b, z = x^3/3 - x - y.
    x = sign * math.sqrt(1 - b / c**2)
    return x**3 / 3 - x - (a - x) / b


SYSTEM = System(
    name="bonhoeffer-van-der-pol",
    title="Bonhoeffer-van der Pol neuron of FitzHugh (dimensionless, model time unit = 1 ms)",
    source="FitzHugh, Biophys. J. 1:445 (1961), doi:10.1016/S0006-3495(61)86902-6, eqs. 1 and 2",
    equations=EQUATIONS,
    parameters=(
        parameter("z", -0.4, "1", -3.0, 1.0, "injected current; negative depolarises"),
        parameter("a", 0.7, "1", 0.0, 1.0, "offset of the recovery line"),
        parameter("b", 0.8, "1", 0.2, 1.0, "slope of recovery"),
        parameter("c", 3.0, "1", 1.0, 10.0, "ratio of time scales"),
    ),
    states=(
        state("x", "1", 1.2, -3.0, 3.0, 1.2, "minus the voltage-like variable"),
        state("y", "1", 0.5, -4.0, 2.0, -0.6, "recovery variable"),
    ),
    time_unit="ms",
    dt="0.025 ms",
    benchmark=Benchmark(duration="200 ms", at=({"z": -0.4}, {"z": -1.0}, {"z": 0.0})),
    convergence=errors(
        ("0.005 ms", 1.4e-08, 4.3e-02),
        ("0.01 ms", 2.3e-07, 8.2e-02),
        ("0.02 ms", 3.7e-06, 1.6e-01),
        ("0.025 ms", 9.1e-06, 2.0e-01),
        ("0.05 ms", 1.5e-04, 4.5e-01),
        ("0.1 ms", 2.5e-03, 2.5e+00),
    ),
    input="z",
    swept="z",
    checks=(
        hopf("z", _hopf(1), (-0.45, -0.3), 1e-9, "1", "closed form: x^2 = 1 - b/c^2"),
        hopf("z", _hopf(-1), (-1.5, -1.3), 1e-9, "1", "closed form: x^2 = 1 - b/c^2"),
        Check(name="right-hand side at (1, 0.5)", kind="rhs", state={"x": 1.0, "y": 0.5},
              parameters={"z": 0.0}, value=(3.5, -0.7 / 3), atol=1e-12, unit="1/ms",
              source="closed form"),
    ),
)  # fmt: skip
