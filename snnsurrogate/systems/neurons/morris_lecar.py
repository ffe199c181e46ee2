"""Morris-Lecar neuron with the three parameter sets of Rinzel and Ermentrout."""

from __future__ import annotations

from snnsurrogate.systems._base import System
from snnsurrogate.systems._declarations import Benchmark, SpikeRule

from ._shared import errors, hopf, parameter, state

EQUATIONS = """
dV/dt = (I - g_Ca*m_inf*(V - V_Ca) - g_K*w*(V - V_K) - g_L*(V - V_L))/C : volt
dw/dt = phi*(w_inf - w)*cosh((V - V_3)/(2*V_4))/ms : 1
m_inf = (1 + tanh((V - V_1)/V_2))/2 : 1
w_inf = (1 + tanh((V - V_3)/V_4))/2 : 1
"""
_CURRENT = "uA/cm**2"
_BOOK = "Rinzel and Ermentrout (1998), to the digits printed there"

SYSTEM = System(
    name="morris-lecar",
    title="Morris-Lecar neuron, class II (onset by a Hopf point)",
    source=(
        "Morris and Lecar, Biophys. J. 35:193 (1981), doi:10.1016/S0006-3495(81)84782-0; "
        "parameter sets of Rinzel and Ermentrout, in Koch and Segev, Methods in Neuronal "
        "Modeling, 2nd ed. (1998), chapter 7, appendix A"
    ),
    equations=EQUATIONS,
    parameters=(
        parameter("I", 100.0, _CURRENT, -100.0, 300.0, "injected current density"),
        parameter("g_Ca", 4.4, "mS/cm**2", 2.0, 8.0, "calcium conductance"),
        parameter("g_K", 8.0, "mS/cm**2", 4.0, 16.0, "potassium conductance"),
        parameter("g_L", 2.0, "mS/cm**2", 1.0, 4.0, "leak conductance"),
        parameter("V_Ca", 120.0, "mV", 80.0, 140.0, "calcium reversal potential"),
        parameter("V_K", -84.0, "mV", -100.0, -70.0, "potassium reversal potential"),
        parameter("V_L", -60.0, "mV", -80.0, -40.0, "leak reversal potential"),
        parameter("V_1", -1.2, "mV", -10.0, 10.0, "half-activation of calcium"),
        parameter("V_2", 18.0, "mV", 10.0, 30.0, "width of calcium activation"),
        parameter("V_3", 2.0, "mV", -10.0, 20.0, "half-activation of potassium"),
        parameter("V_4", 30.0, "mV", 10.0, 40.0, "width of potassium activation"),
        parameter("phi", 0.04, "1", 0.01, 1.0, "rate of potassium activation"),
        parameter("C", 20.0, "uF/cm**2", 5.0, 40.0, "membrane capacitance"),
    ),
    states=(
        state("V", "mV", 25.0, -90.0, 80.0, -60.0, "membrane potential"),
        state("w", "1", 0.15, 0.0, 1.0, 0.015, "potassium activation"),
    ),
    time_unit="ms",
    dt="0.5 ms",
    benchmark=Benchmark(duration="1000 ms", at=({"I": 100.0}, {"I": 150.0}, {"I": 0.0})),
    convergence=errors(
        ("0.05 ms", 1.0e-10, 1.0e-03),
        ("0.1 ms", 1.5e-09, 2.0e-03),
        ("0.25 ms", 6.2e-08, 4.8e-03),
        ("0.5 ms", 1.0e-06, 9.2e-03),
        ("1 ms", 1.4e-05, 1.7e-02),
    ),
    spikes=SpikeRule(state="V", threshold=0.0, reset=-10.0, max_step="5 ms"),
    input="I",
    swept="I",
    large_amplitude_start={"V": 20.0, "w": 0.2},
    checks=(
        hopf("I", 93.86, (85.0, 100.0), 0.01, _CURRENT, _BOOK),
        hopf("I", 212.0, (200.0, 225.0), 0.1, _CURRENT, _BOOK),
    ),
)

SADDLE_NODE = SYSTEM.preset(
    "morris-lecar-snlc",
    title="Morris-Lecar neuron, class I (onset by a saddle-node on the cycle)",
    parameters={"g_Ca": 4.0, "V_3": 12.0, "V_4": 17.4, "phi": 1 / 15, "I": 45.0},
    checks=(),
    dt="0.5 ms",
    benchmark=Benchmark(duration="1000 ms", at=({"I": 42.0}, {"I": 100.0}, {"I": 0.0})),
    convergence=errors(
        ("0.05 ms", 6.5e-11, 1.8e-03),
        ("0.1 ms", 1.1e-09, 3.5e-03),
        ("0.25 ms", 4.3e-08, float("inf")),
        ("0.5 ms", 6.8e-07, float("inf")),
    ),
)

HOMOCLINIC = SADDLE_NODE.preset(
    "morris-lecar-homoclinic",
    title="Morris-Lecar neuron, onset by a homoclinic orbit beside a saddle-node",
    parameters={"phi": 0.23, "I": 36.0},
    # Spiking and rest coexist for 35.1 < I < 38.5; the start lies on the cycle, in its upstroke.
    large_amplitude_start={"V": -10.0, "w": 0.047},
    dt="0.1 ms",
    benchmark=Benchmark(duration="1000 ms", at=({"I": 36.0}, {"I": 38.0}, {"I": 30.0})),
    convergence=errors(
        ("0.05 ms", 3.4e-08, float("inf")),
        ("0.1 ms", 5.4e-07, float("inf")),
        ("0.25 ms", 2.0e-05, float("inf")),
        ("0.5 ms", 3.0e-04, float("inf")),
        ("1 ms", 3.6e-03, float("inf")),
    ),
)
