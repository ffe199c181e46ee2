"""Sherman-Rinzel bursting neuron, and its bistable variant with an extra potassium current.

Two fast variables (V, n) and one slow one (S). The conductances are normalised by C/tau, so that
the "currents" of the text carry mV.
"""

from __future__ import annotations

from .._base import BurstRule, Check, Parameter, SpikeRule, State, System

EQUATIONS = """
dV/dt = -(I_Ca + I_K + I_S + I_K2)/tau : volt
dn/dt = sigma*(n_inf - n)/tau : 1
dS/dt = (S_inf - S)/tau_S : 1
I_Ca = g_Ca*m_inf*(V - V_Ca) : volt
I_K = g_K*n*(V - V_K) : volt
I_S = g_S*S*(V - V_K) : volt
I_K2 = g_K2*p_inf*(V - V_K) : volt
m_inf = 1/(1 + exp((V_m - V)/theta_m)) : 1
n_inf = 1/(1 + exp((V_n - V)/theta_n)) : 1
S_inf = 1/(1 + exp((V_S - V)/theta_S)) : 1
p_inf = e_p/(1 + e_p*e_p) : 1  # = 1/(exp(u) + exp(-u)), a bell of height 1/2, with one exp
e_p = exp((V - V_p)/theta_p) : 1
"""

_COMPUTED = "computed from the equations: Brent's method on the steady-state current, xtol 1e-13"


def _parameter(name: str, value: float, unit: str, low: float, high: float, meaning: str) -> Parameter:
    return Parameter(name=name, value=value, unit=unit, low=low, high=high, meaning=meaning)


SYSTEM = System(
    name="sherman",
    title="Sherman-Rinzel bursting neuron (pancreatic beta cell, S-model)",
    source=(
        "Sherman and Rinzel, PNAS 89:2471 (1992), equations and values as in Sherman's S-model "
        "file (github.com/artielbm/artielbm.github.io, Models/SModel/burst.ode); sigma and tau_S "
        "as used by Mosekilde, Stankevich and co-workers (0.93 and 35 s instead of 0.9 and 20 s)"
    ),
    equations=EQUATIONS,
    parameters=(
        _parameter("V_S", -40.0, "mV", -50.0, -25.0, "half-activation of the slow current; control"),
        _parameter("g_K2", 0.0, "1", 0.0, 0.5, "extra potassium conductance; 0 = original model"),
        _parameter("g_Ca", 3.6, "1", 2.0, 6.0, "calcium conductance"),
        _parameter("g_K", 10.0, "1", 5.0, 20.0, "fast potassium conductance"),
        _parameter("g_S", 4.0, "1", 2.0, 8.0, "slow potassium conductance"),
        _parameter("V_Ca", 25.0, "mV", 10.0, 50.0, "calcium reversal potential"),
        _parameter("V_K", -75.0, "mV", -90.0, -65.0, "potassium reversal potential"),
        _parameter("V_m", -20.0, "mV", -30.0, -10.0, "half-activation of calcium"),
        _parameter("theta_m", 12.0, "mV", 6.0, 20.0, "slope of calcium activation"),
        _parameter("V_n", -16.0, "mV", -25.0, -8.0, "half-activation of fast potassium"),
        _parameter("theta_n", 5.6, "mV", 3.0, 10.0, "slope of fast potassium activation"),
        _parameter("theta_S", 10.0, "mV", 5.0, 20.0, "slope of slow activation"),
        _parameter("V_p", -49.5, "mV", -60.0, -40.0, "centre of the extra potassium activation"),
        _parameter("theta_p", 1.0, "mV", 0.5, 5.0, "width of the extra potassium activation"),
        _parameter("tau", 0.02, "s", 0.01, 0.04, "time constant of V and n"),
        _parameter("sigma", 0.93, "1", 0.5, 1.5, "rate factor of n"),
        _parameter("tau_S", 35.0, "s", 1.0, 100.0, "time constant of S"),
    ),
    states=(
        State(name="V", unit="mV", scale=10.5, low=-75.0, high=-10.0, initial=-40.0,
              meaning="membrane potential"),
        State(name="n", unit="1", scale=0.0223, low=0.0, high=0.15, initial=0.02,
              meaning="activation of fast potassium"),
        State(name="S", unit="1", scale=0.0046, low=0.14, high=0.28, initial=0.175,
              meaning="activation of slow potassium"),
    ),
    time_unit="s",
    dt="1 ms",
    spikes=SpikeRule(state="V", threshold=-35.0, reset=-40.0, max_step="15 ms"),
    bursts=BurstRule(gap="1 s"),
    swept="V_S",
)  # fmt: skip

BISTABLE = SYSTEM.preset(
    "sherman-bistable",
    title="Sherman-Rinzel neuron with extra potassium current: bursting beside a stable rest state",
    parameters={"g_K2": 0.12, "V_S": -36.0},
    source=(
        "parent: Sherman and Rinzel, PNAS 89:2471 (1992); extra current after Stankevich and "
        "Mosekilde, Chaos 27(12) (2017), doi:10.1063/1.4986401, whose formula and values are "
        "quoted from memory and not verified"
    ),
)
