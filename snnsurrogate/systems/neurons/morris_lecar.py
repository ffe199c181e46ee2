"""Morris-Lecar neuron with the three parameter sets of Rinzel and Ermentrout."""

from __future__ import annotations

from snnsurrogate.systems._base import System
from snnsurrogate.systems._declarations import Benchmark, Check, SpikeRule

from ._shared import INTEGRATED, errors, hopf, parameter, rate, spikes, state

EQUATIONS = """
dV/dt = (I - g_Ca*m_inf*(V - V_Ca) - g_K*w*(V - V_K) - g_L*(V - V_L))/C : volt
dw/dt = phi*(w_inf - w)*cosh((V - V_3)/(2*V_4))/ms : 1
m_inf = (1 + tanh((V - V_1)/V_2))/2 : 1
w_inf = (1 + tanh((V - V_3)/V_4))/2 : 1
"""
_CURRENT = "uA/cm**2"
_BOOK = "Rinzel and Ermentrout (1998), to the digits printed there"
_TRACE = "computed from the equations: zero trace on the steady state, one equation in V"
# The MatCont manual (version 7.4), example "fast Morris-Lecar equations", is this preset with
# voltages over 120 mV, currents over g_Ca 120 mV = 480 uA/cm**2 and time over C/g_Ca = 5 ms.
_MATCONT = "; MatCont manual, fast Morris-Lecar equations: "


def _saddle_node() -> Check:
    return Check(
        name="steady state at the saddle-node of rest, I = 39.9632", kind="rhs",
        state={"V": -29.3897774055, "w": 0.00851439913782}, parameters={"I": 39.9631530927},
        value=(0.0, 0.0), atol=1e-8, unit="mV/ms, 1/ms",
        source="computed from the equations: largest current of the lower branch of the "
        f"steady-state curve{_MATCONT}0.083257 x 480 = 39.963",
    )  # fmt: skip


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
    checks=(
        _saddle_node(),
        hopf("I", 97.787889, (95.0, 100.0), 1e-5, _CURRENT, _TRACE),
        # On both sides of the saddle-node on the cycle.
        spikes(39.95, 0, 1000, 3000, INTEGRATED),
        rate(40.0, 1.059701, "1000 ms", "5000 ms", INTEGRATED),
        rate(45.0, 10.06966, "500 ms", "1000 ms", INTEGRATED),
        rate(100.0, 23.76836, "500 ms", "1000 ms", INTEGRATED),
    ),
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
    # Spiking exists from a homoclinic orbit at I = 35.007 to a fold of cycles at I = 40.59. Rest
    # ends at the saddle-node, 39.963; the upper steady state is stable above its Hopf point,
    # 36.316. So spiking stands beside rest below 36.316, beside both up to 39.963, and then beside
    # the upper steady state alone. The start lies near the cycle, in its upstroke, and leads to it
    # from I = 35.04.
    large_amplitude_start={"V": -10.0, "w": 0.047},
    checks=(
        _saddle_node(),
        hopf("I", 36.316217, (35.5, 37.5), 1e-5, _CURRENT,
             f"{_TRACE}{_MATCONT}0.075659 x 480 = 36.316"),
        spikes(35.0, 0, 1000, 3000, INTEGRATED),
        rate(35.1, 15.05948, "500 ms", "1000 ms", INTEGRATED),
        rate(36.0, 24.49364, "500 ms", "1000 ms", INTEGRATED),
        rate(40.0, 41.60122, "1000 ms", "1000 ms", INTEGRATED),
        spikes(41.0, 0, 1000, 3000, INTEGRATED),
    ),
    dt="0.1 ms",
    benchmark=Benchmark(duration="1000 ms", at=({"I": 36.0}, {"I": 38.0}, {"I": 30.0})),
    convergence=errors(
        ("0.05 ms", 3.4e-08, float("inf")),
        ("0.1 ms", 5.4e-07, float("inf")),
        ("0.25 ms", 2.0e-05, float("inf")),
        ("0.5 ms", 3.0e-04, float("inf")),
        ("1 ms", 3.6e-03, float("inf")),
    ),
)  # fmt: skip
