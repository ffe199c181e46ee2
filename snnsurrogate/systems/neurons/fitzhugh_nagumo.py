"""FitzHugh-Nagumo neuron in two common forms; dimensionless, one unit of model time is 1 ms."""

from __future__ import annotations

import math

from snnsurrogate.systems._base import System
from snnsurrogate.systems._declarations import Benchmark, Check, SpikeRule

from ._shared import errors, hopf, parameter, state

EQUATIONS = """
dv/dt = (v - v**3/3 - w + I)/ms : 1
dw/dt = eps*(v + a - b*w)/ms : 1
"""
EQUATIONS_C = """
dV/dt = (V*(1 - V)*(a + V) - W + c + I)/(psi*ms) : 1
dW/dt = (V - b*W)/ms : 1
"""


def _hopf_a(sign: int, a: float = 0.7, b: float = 0.8, eps: float = 0.08) -> float:
    # Trace 1 - v^2 - eps b = 0 at the rest state w = (v + a)/b, I = w - v + v^3/3.
    v = sign * math.sqrt(1 - eps * b)
    return (v + a) / b - v + v**3 / 3


def _hopf_c(
    sign: int, a: float = 0.1, b: float = 0.5, c: float = -0.4, psi: float = 0.015
) -> float:
    # Trace (a + 2(1-a)V - 3V^2)/psi - b = 0 at the rest state W = V/b, I = W - c - V(1-V)(a+V).
    v = ((1 - a) + sign * math.sqrt((1 - a) ** 2 + 3 * (a - psi * b))) / 3
    return v / b - c - v * (1 - v) * (a + v)


SYSTEM = System(
    name="fitzhugh-nagumo",
    title="FitzHugh-Nagumo neuron, common form (dimensionless, model time unit = 1 ms)",
    source=(
        "FitzHugh, Biophys. J. 1:445 (1961), doi:10.1016/S0006-3495(61)86902-6; Nagumo, Arimoto "
        "and Yoshizawa, Proc. IRE 50:2061 (1962); the common form with eps = 0.08"
    ),
    equations=EQUATIONS,
    parameters=(
        parameter("I", 0.5, "1", -1.0, 3.0, "injected current"),
        parameter("a", 0.7, "1", 0.0, 1.0, "offset of the recovery line"),
        parameter("b", 0.8, "1", 0.2, 1.5, "slope of recovery"),
        parameter("eps", 0.08, "1", 0.001, 1.0, "rate of recovery"),
    ),
    states=(
        state("v", "1", 1.2, -3.0, 3.0, -1.2, "voltage-like variable"),
        state("w", "1", 0.5, -2.0, 4.0, -0.6, "recovery variable"),
    ),
    time_unit="ms",
    dt="0.2 ms",
    benchmark=Benchmark(duration="500 ms", at=({"I": 0.5}, {"I": 1.0}, {"I": 0.0})),
    convergence=errors(
        ("0.02 ms", 1.7e-10, 4.4e-04),
        ("0.05 ms", 6.3e-09, 1.1e-03),
        ("0.1 ms", 1.0e-07, 2.1e-03),
        ("0.2 ms", 1.7e-06, 4.1e-03),
        ("0.5 ms", 7.8e-05, 9.3e-03),
    ),
    spikes=SpikeRule(state="v", threshold=0.5, reset=-0.5, max_step="2 ms"),
    input="I",
    swept="I",
    checks=(
        hopf("I", _hopf_a(-1), (0.2, 0.5), 1e-9, "1", "closed form: v^2 = 1 - eps b"),
        hopf("I", _hopf_a(1), (1.3, 1.6), 1e-9, "1", "closed form: v^2 = 1 - eps b"),
        Check(name="right-hand side at (1, 0.5)", kind="rhs", state={"v": 1.0, "w": 0.5},
              parameters={"I": 0.5}, value=(2 / 3, 0.104), atol=1e-12, unit="1/ms",
              source="closed form"),
    ),
)  # fmt: skip

FORM_C = System(
    name="fitzhugh-nagumo-c",
    title="FitzHugh-Nagumo neuron, form with V(1-V)(a+V) (dimensionless, model time unit = 1 ms)",
    source=(
        "form used by Hong, Aguera y Arcas and Fairhall, Neural Comput. 19:3133 (2007); values "
        "not compared with the printed paper"
    ),
    equations=EQUATIONS_C,
    parameters=(
        parameter("I", 0.5, "1", -1.0, 3.0, "injected current"),
        parameter("a", 0.1, "1", 0.0, 0.5, "position of the middle root of the cubic"),
        parameter("b", 0.5, "1", 0.1, 1.0, "slope of recovery"),
        parameter("c", -0.4, "1", -1.0, 0.5, "offset of the current"),
        parameter("psi", 0.015, "1", 0.002, 0.1, "time constant of V"),
    ),
    states=(
        state("V", "1", 0.5, -1.0, 1.5, -0.19, "voltage-like variable"),
        state("W", "1", 0.2, -1.5, 2.5, -0.38, "recovery variable"),
    ),
    time_unit="ms",
    dt="0.005 ms",
    benchmark=Benchmark(duration="50 ms", at=({"I": 0.5}, {"I": 1.0}, {"I": 0.0})),
    convergence=errors(
        ("0.001 ms", 7.8e-10, 8.3e-04),
        ("0.002 ms", 1.3e-08, float("inf")),
        ("0.005 ms", 5.0e-07, float("inf")),
        ("0.01 ms", 1.0e-05, float("inf")),
        ("0.02 ms", float("inf"), float("inf")),
    ),
    spikes=SpikeRule(state="V", threshold=0.5, reset=0.2, max_step="0.1 ms"),
    input="I",
    swept="I",
    checks=(
        hopf("I", _hopf_c(-1), (0.25, 0.4), 1e-9, "1", "closed form: g'(V) = psi b"),
        hopf("I", _hopf_c(1), (1.45, 1.6), 1e-9, "1", "closed form: g'(V) = psi b"),
        Check(name="rest V", kind="fixed_point", parameters={"I": 0.0}, value=(-0.190, -0.380),
              atol=(5e-4, 1e-3), unit="1", source="computed from the equations"),
    ),
)  # fmt: skip
