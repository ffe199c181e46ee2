"""Wang-Buzsaki fast-spiking interneuron, single cell; class I excitability."""

from __future__ import annotations

from snnsurrogate.systems._base import System
from snnsurrogate.systems._declarations import Benchmark, Check, SpikeRule

from ._shared import INTEGRATED, errors, parameter, rate, state

EQUATIONS = """
dV/dt = (I - g_Na*m_inf**3*h*(V - E_Na) - g_K*n**4*(V - E_K) - g_L*(V - E_L))/C : volt
dh/dt = phi*(alpha_h*(1 - h) - beta_h*h) : 1
dn/dt = phi*(alpha_n*(1 - n) - beta_n*n) : 1
m_inf = alpha_m/(alpha_m + beta_m) : 1
alpha_m = 1/exprel(-(V + 35*mV)/(10*mV))/ms : Hz
beta_m = 4*exp(-(V + 60*mV)/(18*mV))/ms : Hz
alpha_h = 0.07*exp(-(V + 58*mV)/(20*mV))/ms : Hz
beta_h = 1/(1 + exp(-(V + 28*mV)/(10*mV)))/ms : Hz
alpha_n = 0.1/exprel(-(V + 34*mV)/(10*mV))/ms : Hz
beta_n = 0.125*exp(-(V + 44*mV)/(80*mV))/ms : Hz
"""

SYSTEM = System(
    name="wang-buzsaki",
    title="Wang-Buzsaki fast-spiking interneuron (class I)",
    source=(
        "Wang and Buzsaki, J. Neurosci. 16:6402 (1996), doi:10.1523/JNEUROSCI.16-20-06402.1996; "
        "values as in Brian2's example frompapers/Wang_Buszaki_1996.py"
    ),
    equations=EQUATIONS,
    parameters=(
        parameter("I", 1.0, "uA/cm**2", -5.0, 20.0, "injected current density"),
        parameter("g_Na", 35.0, "mS/cm**2", 20.0, 70.0, "sodium conductance"),
        parameter("g_K", 9.0, "mS/cm**2", 4.0, 20.0, "potassium conductance"),
        parameter("g_L", 0.1, "mS/cm**2", 0.02, 0.5, "leak conductance"),
        parameter("E_Na", 55.0, "mV", 35.0, 70.0, "sodium reversal potential"),
        parameter("E_K", -90.0, "mV", -100.0, -70.0, "potassium reversal potential"),
        parameter("E_L", -65.0, "mV", -80.0, -50.0, "leak reversal potential"),
        parameter("phi", 5.0, "1", 1.0, 10.0, "rate factor of h and n"),
        parameter("C", 1.0, "uF/cm**2", 0.5, 2.0, "membrane capacitance"),
    ),
    states=(
        state("V", "mV", 25.0, -120.0, 60.0, -64.0, "membrane potential"),
        state("h", "1", 0.2, 0.0, 1.0, 0.78, "sodium inactivation"),
        state("n", "1", 0.15, 0.0, 1.0, 0.09, "potassium activation"),
    ),
    time_unit="ms",
    dt="0.025 ms",
    benchmark=Benchmark(duration="200 ms", at=({"I": 1.0}, {"I": 10.0}, {"I": -2.0})),
    convergence=errors(
        ("0.005 ms", 1.3e-08, float("inf")),
        ("0.01 ms", 2.1e-07, float("inf")),
        ("0.02 ms", 2.9e-06, float("inf")),
        ("0.025 ms", 6.7e-06, float("inf")),
        ("0.05 ms", 8.0e-05, float("inf")),
        ("0.1 ms", 8.4e-04, float("inf")),
    ),
    spikes=SpikeRule(state="V", threshold=-20.0, reset=-40.0, max_step="0.25 ms"),
    input="I",
    swept="I",
    checks=(
        Check(name="silent at I = 0.15", kind="rate", parameters={"I": 0.15}, value=0.0, atol=0.0,
              unit="1/ms", transient="500 ms", duration="500 ms",
              source="below the fold of the steady-state current, I = 0.16009"),
        rate(0.2, 8.620616, "500 ms", "1000 ms", INTEGRATED),
        rate(0.5, 32.21715, "500 ms", "500 ms", INTEGRATED),
        rate(1.0, 59.70149, "300 ms", "300 ms", INTEGRATED),
        rate(2.0, 101.7857, "300 ms", "300 ms", INTEGRATED),
    ),
)  # fmt: skip
