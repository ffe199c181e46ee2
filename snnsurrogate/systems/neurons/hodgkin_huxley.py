"""Hodgkin-Huxley squid axon (1952), modern sign convention, per unit area of membrane."""

from __future__ import annotations

from snnsurrogate.systems._base import System
from snnsurrogate.systems._declarations import Benchmark, Check, SpikeRule

from ._shared import errors, hopf, parameter, state

EQUATIONS = """
dV/dt = (I - g_Na*m**3*h*(V - E_Na) - g_K*n**4*(V - E_K) - g_L*(V - E_L))/C : volt
dm/dt = phi*(alpha_m*(1 - m) - beta_m*m) : 1
dh/dt = phi*(alpha_h*(1 - h) - beta_h*h) : 1
dn/dt = phi*(alpha_n*(1 - n) - beta_n*n) : 1
alpha_m = 1/exprel(-(V + 40*mV)/(10*mV))/ms : Hz
beta_m = 4*exp(-(V + 65*mV)/(18*mV))/ms : Hz
alpha_h = 0.07*exp(-(V + 65*mV)/(20*mV))/ms : Hz
beta_h = 1/(1 + exp(-(V + 35*mV)/(10*mV)))/ms : Hz
alpha_n = 0.1/exprel(-(V + 55*mV)/(10*mV))/ms : Hz
beta_n = 0.125*exp(-(V + 65*mV)/(80*mV))/ms : Hz
phi = 3**((celsius - 6.3)/10) : 1
"""

_PROVED = (
    "proved with ball arithmetic (github.com/ChaseHendrick/hh-dynamics, self-published); "
    "reproduced to 12 digits with a complex-step Jacobian"
)
_COMPUTED = "computed from the equations: root of the steady-state current"
_TRAJECTORY = "computed from the equations: RK4 at 0.01 ms from rest, 1 s current step"
CURRENT = "uA/cm**2"


def _rate(current: float, hertz: float) -> Check:
    # From rest the adaptation of the first spikes has died out after 600 ms.
    return Check(
        name=f"steady firing rate at I = {current:g}: {hertz:g} Hz", kind="rate",
        parameters={"I": current}, value=hertz / 1000, atol=0.005 * hertz / 1000, unit="1/ms",
        transient="600 ms", duration="400 ms", source=_TRAJECTORY,
    )  # fmt: skip


def _train(current: float, spikes: int) -> Check:
    return Check(
        name=f"{spikes} spikes in 1 s at I = {current:g}", kind="spike_count",
        parameters={"I": current}, value=spikes, atol=0, unit="1", duration="1000 ms",
        source=_TRAJECTORY,
    )  # fmt: skip


SYSTEM = System(
    name="hodgkin-huxley",
    title="Hodgkin-Huxley squid giant axon",
    source=(
        "Hodgkin and Huxley, J. Physiol. 117:500 (1952), doi:10.1113/jphysiol.1952.sp004764; "
        "modern sign convention, rest near -65 mV; E_L = -54.387 mV is 10.613 mV in the "
        "original shifted form"
    ),
    equations=EQUATIONS,
    parameters=(
        parameter("I", 0.0, CURRENT, -20.0, 200.0, "injected current density"),
        parameter("g_Na", 120.0, "mS/cm**2", 60.0, 240.0, "sodium conductance"),
        parameter("g_K", 36.0, "mS/cm**2", 18.0, 72.0, "potassium conductance"),
        parameter("g_L", 0.3, "mS/cm**2", 0.05, 1.0, "leak conductance"),
        parameter("E_Na", 50.0, "mV", 30.0, 70.0, "sodium reversal potential"),
        parameter("E_K", -77.0, "mV", -100.0, -60.0, "potassium reversal potential"),
        parameter("E_L", -54.387, "mV", -80.0, -40.0, "leak reversal potential"),
        parameter("C", 1.0, "uF/cm**2", 0.5, 2.0, "membrane capacitance"),
        parameter("celsius", 6.3, "1", 0.0, 25.0, "temperature in degrees Celsius"),
    ),
    states=(
        state("V", "mV", 20.0, -125.0, 60.0, -64.9964, "membrane potential"),
        state("m", "1", 0.25, 0.0, 1.0, 0.05296, "sodium activation"),
        state("h", "1", 0.2, 0.0, 1.0, 0.59599, "sodium inactivation"),
        state("n", "1", 0.13, 0.0, 1.0, 0.31773, "potassium activation"),
    ),
    time_unit="ms",
    # Stable and below the tolerance up to 25 degrees Celsius; RK4 at this step diverges at 30.
    dt="0.025 ms",
    benchmark=Benchmark(duration="200 ms", at=({"I": 10.0}, {"I": 80.0}, {"I": -20.0}, {"I": 5.0})),
    convergence=errors(
        ("0.005 ms", 1.2e-10, 3.8e-03),
        ("0.01 ms", 1.9e-09, float("inf")),
        ("0.02 ms", 2.9e-08, float("inf")),
        ("0.025 ms", 7.0e-08, float("inf")),
        ("0.05 ms", float("inf"), float("inf")),
        ("0.1 ms", float("inf"), float("inf")),
    ),
    # Spikes at I = 80 peak at -9.7 mV, so that a detector at 0 mV would lose them; above 100
    # uA/cm**2 the oscillation shrinks towards depolarisation block and is no longer counted.
    spikes=SpikeRule(state="V", threshold=-20.0, reset=-40.0, max_step="0.5 ms"),
    input="I",
    swept="I",
    checks=(
        Check(name="rest", kind="fixed_point", value=(-64.9964, 0.05296, 0.59599, 0.31773),
              atol=(1e-4, 1e-5, 1e-5, 1e-5), unit="mV, 1, 1, 1", source=_COMPUTED),
        Check(name="eigenvalues at rest", kind="eigenvalues",
              value=((-4.675, 0.0), (-0.2026, -0.3832), (-0.2026, 0.3832), (-0.1207, 0.0)),
              atol=5e-4, unit="1/ms", source=_COMPUTED),
        hopf("I", 9.775437995393, (9.0, 11.0), 1e-9, CURRENT, _PROVED),
        hopf("I", 154.522433665808, (150.0, 160.0), 1e-8, CURRENT, _PROVED),
        _rate(10.0, 68.3),
        _rate(50.0, 117.0),
        _train(2.24, 0),
        _train(2.25, 1),
        _train(6.0, 2),
        _train(6.24, 5),
    ),
)  # fmt: skip
