"""Sherman-Rinzel bursting neuron, and its bistable variant with an extra potassium current.

Two fast variables (V, n) and one slow one (S). The conductances are normalised by C/tau, so that
the "currents" of the text carry mV.
"""

from __future__ import annotations

from snnsurrogate.systems._base import System
from snnsurrogate.systems._declarations import Benchmark, Check, SpikeRule

from ._shared import errors, state
from ._shared import parameter as _parameter

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
p_inf = 0.5/cosh((V - V_p)/theta_p) : 1
"""

_COMPUTED = "computed from the equations: Brent's method on the steady-state current, xtol 1e-13"
_TRAJECTORY = (
    "computed from the equations: RK4 and LSODA, unchanged at half and a fifth of the step"
)


def _fixed_point(V_S: float, value: tuple, atol: tuple = (2e-5, 1e-6, 1e-6)) -> Check:
    return Check(
        name=f"fixed point at V_S = {V_S:g} mV",
        kind="fixed_point",
        parameters={"V_S": V_S},
        value=value,
        atol=atol,
        unit="mV, 1, 1",
        source=_COMPUTED,
    )


def _eigenvalues(V_S: float, value: tuple) -> Check:
    atol = tuple(max(2e-3 * abs(complex(*pair)), 1e-4) for pair in value)
    return Check(
        name=f"eigenvalues at V_S = {V_S:g} mV",
        kind="eigenvalues",
        parameters={"V_S": V_S},
        value=value,
        atol=atol,
        unit="1/s",
        source=_COMPUTED,
    )


def _hopf(V_S: float, bracket: tuple[float, float]) -> Check:
    return Check(
        name=f"Hopf point at V_S = {V_S:g} mV",
        kind="hopf",
        along="V_S",
        bracket=bracket,
        value=V_S,
        atol=1e-4,
        unit="mV",
        source=_COMPUTED,
    )


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
        _parameter("V_S", -40.0, "mV", -50.0, -25.0, "half-activation of S; control parameter"),
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
        state("V", "mV", 10.5, -75.0, -10.0, -40.0, "membrane potential"),
        state("n", "1", 0.0223, 0.0, 0.15, 0.02, "activation of fast potassium"),
        state("S", "1", 0.0046, 0.14, 0.28, 0.175, "activation of slow potassium"),
    ),
    time_unit="s",
    dt="1 ms",
    benchmark=Benchmark(
        duration="40 s",
        at=(
            {"V_S": -42.0, "g_K2": 0.0},
            {"V_S": -36.0, "g_K2": 0.0},
            {"V_S": -33.0, "g_K2": 0.0},
            {"V_S": -36.0, "g_K2": 0.12},
        ),
    ),
    convergence=errors(
        ("0.25 ms", 1.4e-08, float("inf")),
        ("0.5 ms", 1.3e-07, float("inf")),
        ("1 ms", 1.9e-06, float("inf")),
        ("2 ms", 1.1e-04, float("inf")),
        ("2.5 ms", 3.7e-04, float("inf")),
        ("5 ms", float("inf"), float("inf")),
    ),
    # Between spikes V falls to -51.0 mV or lower for every V_S in [-44.7, -26]; a spike stays above
    # -35 mV for 31 to 34 ms. Intervals inside a burst stay below 1.1 s, silent phases above 4.5 s.
    spikes=SpikeRule(state="V", threshold=-35.0, reset=-40.0, max_step="15 ms"),
    swept="V_S",
    # The upstroke of a spike in mid-burst at V_S = -40 mV.
    large_amplitude_start={"V": -30.0, "n": 0.0206, "S": 0.178},
    checks=(
        _fixed_point(-44.0, (-59.51488, 0.000422, 0.174872)),
        _fixed_point(-40.0, (-54.99813, 0.000944, 0.182453)),
        _fixed_point(-36.0, (-49.89704, 0.002345, 0.199455)),
        _fixed_point(-33.0, (-45.95512, 0.004730, 0.214921)),
        _eigenvalues(-44.0, ((-45.937, 0.0), (0.7769, -0.8023), (0.7769, 0.8023))),
        _eigenvalues(-40.0, ((-45.135, 0.0), (0.13493, 0.0), (10.714, 0.0))),
        _eigenvalues(-36.0, ((-42.884, 0.0), (0.09083, 0.0), (20.772, 0.0))),
        _eigenvalues(-33.0, ((-38.763, 0.0), (0.09728, 0.0), (26.668, 0.0))),
        _hopf(-44.7216, (-46.0, -43.9)),
        Check(
            name="tonic spiking at V_S = -30 mV: one spike per 0.279 s", kind="rate",
            parameters={"V_S": -30.0}, value=1 / 0.279, atol=0.01 / 0.279, unit="1/s",
            transient="80 s", duration="20 s", source=_TRAJECTORY,
        ),
    ),
)  # fmt: skip

BISTABLE = SYSTEM.preset(
    "sherman-bistable",
    title="Sherman-Rinzel neuron with extra potassium current: bursting beside a stable rest state",
    parameters={"g_K2": 0.12, "V_S": -36.0},
    checks=(
        _fixed_point(-37.0, (-51.532, 0.00175, 0.18951), atol=(1e-3, 1e-5, 1e-5)),
        _fixed_point(-36.0, (-50.636, 0.00206, 0.18792), atol=(1e-3, 1e-5, 1e-5)),
        _fixed_point(-35.0, (-49.797, 0.00239, 0.18548), atol=(1e-3, 1e-5, 1e-5)),
        _eigenvalues(-37.0, ((-42.77, 0.0), (-0.4145, -1.446), (-0.4145, 1.446))),
        _eigenvalues(-36.0, ((-38.79, 0.0), (-19.52, 0.0), (-0.1593, 0.0))),
        _eigenvalues(-35.0, ((-40.95, 0.0), (-0.847, -1.342), (-0.847, 1.342))),
        _hopf(-44.7206, (-46.0, -44.0)),
        _hopf(-37.0528, (-37.5, -36.5)),
        _hopf(-34.9757, (-35.5, -34.9)),
    ),
    source=(
        "parent: Sherman and Rinzel, PNAS 89:2471 (1992); extra current after Stankevich and "
        "Mosekilde, Chaos 27(12) (2017), doi:10.1063/1.4986401; form and values of the current "
        "have not been compared with the paper"
    ),
)
