"""Two-dimensional reduction of the Hodgkin-Huxley equations to (V, n).

Sodium activation is instantaneous, m = m_inf(V), and inactivation follows h = s - k n.
"""

from __future__ import annotations

from snnsurrogate.systems._base import System
from snnsurrogate.systems._declarations import Benchmark, Check, SpikeRule

from ._shared import errors, parameter, state
from .hodgkin_huxley import SYSTEM as FULL

EQUATIONS = """
dV/dt = (I - g_Na*m_inf**3*(s - k*n)*(V - E_Na) - g_K*n**4*(V - E_K) - g_L*(V - E_L))/C : volt
dn/dt = phi*(alpha_n*(1 - n) - beta_n*n) : 1
m_inf = alpha_m/(alpha_m + beta_m) : 1
alpha_m = 1/exprel(-(V + 40*mV)/(10*mV))/ms : Hz
beta_m = 4*exp(-(V + 65*mV)/(18*mV))/ms : Hz
alpha_n = 0.1/exprel(-(V + 55*mV)/(10*mV))/ms : Hz
beta_n = 0.125*exp(-(V + 65*mV)/(80*mV))/ms : Hz
phi = 3**((celsius - 6.3)/10) : 1
"""


def _rate(current: float, hertz: float, s: float = 0.85, k: float = 1.0) -> Check:
    return Check(
        name=f"steady firing rate at I = {current:g}, s = {s:g}, k = {k:g}: {hertz:g} Hz",
        kind="rate", parameters={"I": current, "s": s, "k": k}, value=hertz / 1000,
        atol=0.01 * hertz / 1000, unit="1/ms", transient="600 ms", duration="400 ms",
        source="computed from the equations: RK4 at 0.01 ms from rest",
    )  # fmt: skip


SYSTEM = System(
    name="hh-vn",
    title="two-dimensional (V, n) reduction of the Hodgkin-Huxley neuron",
    source=(
        "reduction h = s - k n, m = m_inf(V) after FitzHugh, Biophys. J. 1:445 (1961) and Rinzel, "
        "Fed. Proc. 44:2944 (1985); equations of Hodgkin and Huxley (1952)"
    ),
    equations=EQUATIONS,
    parameters=(
        FULL.parameter("I"),
        parameter("s", 0.85, "1", 0.7, 1.0, "offset of h = s - k n"),
        parameter("k", 1.0, "1", 0.8, 1.3, "slope of h = s - k n"),
        *(p for p in FULL.parameters if p.name != "I"),
    ),
    states=(
        state("V", "mV", 25.0, -125.0, 60.0, -65.0, "membrane potential"),
        state("n", "1", 0.13, 0.0, 1.0, 0.3177, "potassium activation"),
    ),
    time_unit="ms",
    dt="0.01 ms",
    benchmark=Benchmark(duration="200 ms", at=({"I": 10.0}, {"I": 80.0}, {"I": -20.0})),
    convergence=errors(
        ("0.005 ms", 7.0e-07, 6.3e-04),
        ("0.01 ms", 8.2e-06, 1.3e-03),
        ("0.02 ms", 6.3e-05, 2.6e-03),
        ("0.025 ms", 1.4e-04, 4.7e-03),
        ("0.05 ms", 7.2e-04, float("inf")),
        ("0.1 ms", float("inf"), float("inf")),
    ),
    spikes=SpikeRule(state="V", threshold=-20.0, reset=-40.0, max_step="0.5 ms"),
    input="I",
    swept="I",
    checks=(
        _rate(10.0, 84.9),
        _rate(20.0, 109.6),
        _rate(50.0, 157.8),
        _rate(100.0, 220.0),
        _rate(10.0, 87.6, 0.89, 1.1),
        Check(name="no tonic firing at I = 4", kind="rate", parameters={"I": 4.0}, value=0.0,
              atol=0.0, unit="1/ms", transient="600 ms", duration="400 ms",
              source="computed from the equations: tonic onset lies between I = 4 and 5"),
    ),
)  # fmt: skip
