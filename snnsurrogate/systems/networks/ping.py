"""Pyramidal-interneuronal gamma: conductance-based E and I cells that inhibit in a rhythm.

E cells are reduced Traub-Miles cells, I cells Wang-Buzsaki cells; a volley of E spikes makes the I
cells fire, which silence the network until their inhibition has decayed. The gating variable of a
synapse follows the potential of its source (rise while it spikes, then decay) and acts with the
conductance g/(p N) on each target. Every cell has a drive of its own, and a noisy one: at random
times an excitatory gate opens fully and decays.
"""

from __future__ import annotations

from snnsurrogate.systems._declarations import Parameter
from snnsurrogate.systems._network import Network, Population, Projection, Series

_CELL = """
dv/dt = (I_{q}*drive - g_Na_{q}*m_inf**3*h*(v - E_Na_{q}) - g_K_{q}*n**4*(v - E_K_{q})
         - g_L*(v - E_L_{q}) - I_syn)/C : volt
dh/dt = phi_{q}*(alpha_h*(1 - h) - beta_h*h) : 1
dn/dt = phi_{q}*(alpha_n*(1 - n) - beta_n*n) : 1
ds/dt = (1 + tanh(v/(4*mV)))/2*(1 - s)/tau_r{q} - s/tau_d{q} : 1
dnoise/dt = -noise/tau_dE : 1
m_inf = alpha_m/(alpha_m + beta_m) : 1
drive : 1
"""

_TRAUB_MILES = """
alpha_m = 1.28/exprel(-(v + 54*mV)/(4*mV))/ms : Hz
beta_m = 1.4/exprel((v + 27*mV)/(5*mV))/ms : Hz
alpha_h = 0.128*exp(-(v + 50*mV)/(18*mV))/ms : Hz
beta_h = 4/(1 + exp(-(v + 27*mV)/(5*mV)))/ms : Hz
alpha_n = 0.16/exprel(-(v + 52*mV)/(5*mV))/ms : Hz
beta_n = 0.5*exp(-(v + 57*mV)/(40*mV))/ms : Hz
I_syn = g_IE/(p*N_I)*open_I*(v - E_GABA) + g_noise_E*noise*v : amp/meter**2
open_I : 1
"""

_WANG_BUZSAKI = """
alpha_m = 1/exprel(-(v + 35*mV)/(10*mV))/ms : Hz
beta_m = 4*exp(-(v + 60*mV)/(18*mV))/ms : Hz
alpha_h = 0.07*exp(-(v + 58*mV)/(20*mV))/ms : Hz
beta_h = 1/(1 + exp(-(v + 28*mV)/(10*mV)))/ms : Hz
alpha_n = 0.1/exprel(-(v + 34*mV)/(10*mV))/ms : Hz
beta_n = 0.125*exp(-(v + 44*mV)/(80*mV))/ms : Hz
I_syn = (g_EI/(p*N_E)*open_E*v + g_II/(p*N_I)*open_I*(v - E_GABA)
         + g_noise_I*noise*v) : amp/meter**2
open_E : 1
open_I : 1
"""
_NAMES = {"E": _TRAUB_MILES, "I": _WANG_BUZSAKI}


def _parameter(
    name: str, value: float, unit: str, low: float, high: float, meaning: str
) -> Parameter:
    return Parameter(name=name, value=value, unit=unit, low=low, high=high, meaning=meaning)


def _population(q: str) -> Population:
    return Population(
        name=q,
        size=f"N_{q}",
        equations=_CELL.format(q=q) + _NAMES[q],
        method="rk2",
        threshold="v > -20*mV",
        reset="",
        refractory="v > -20*mV",  # one spike per crossing
        start=f"""
drive = 1 + sigma_{q}*randn()
v = -75*mV + 20*mV*rand()
h = alpha_h/(alpha_h + beta_h)
n = alpha_n/(alpha_n + beta_n)
""",
        step="noise = noise + (1 - noise)*int(rand() < nu_noise*dt)",
    )


def _projection(source: str, target: str) -> Projection:
    return Projection(
        source=source,
        target=target,
        on_pre="",
        model=f"open_{source}_post = s_pre : 1 (summed)",
        probability="p",
    )


_CONDUCTANCE, _CURRENT = "mS/cm**2", "uA/cm**2"

SYSTEM = Network(
    name="ping",
    title="Gamma rhythm of conductance-based E and I cells (PING)",
    source=(
        "Boergers and Kopell, Neural Comput 15:509 (2003) and 17:557 (2005), "
        "doi:10.1162/089976603321192059, doi:10.1162/0899766053019908; rise times of the 2003 "
        "paper; N_E, N_I, I_E, sigma_E, g_EI, g_IE, g_II, p, tau_dE, tau_dI, E_GABA of Boergers, "
        "An Introduction to Modeling Neuronal Dynamics (2017), chapter 30; no E to E synapses; "
        "size and rate of the noise are ours"
    ),
    parameters=(
        _parameter("N_E", 200.0, "1", 1.0, 10000.0, "excitatory cells"),
        _parameter("N_I", 50.0, "1", 1.0, 10000.0, "inhibitory cells"),
        _parameter("I_E", 1.4, _CURRENT, -5.0, 20.0, "mean drive of E cells"),
        _parameter("I_I", 0.0, _CURRENT, -5.0, 20.0, "mean drive of I cells"),
        _parameter("sigma_E", 0.05, "1", 0.0, 1.0, "relative spread of the drive of E cells"),
        _parameter("sigma_I", 0.0, "1", 0.0, 1.0, "relative spread of the drive of I cells"),
        _parameter("g_EI", 0.25, _CONDUCTANCE, 0.0, 5.0, "sum of E conductances on an I cell"),
        _parameter("g_IE", 0.25, _CONDUCTANCE, 0.0, 5.0, "sum of I conductances on an E cell"),
        _parameter("g_II", 0.25, _CONDUCTANCE, 0.0, 5.0, "sum of I conductances on an I cell"),
        _parameter("p", 0.5, "1", 0.01, 1.0, "connection probability"),
        _parameter("tau_rE", 0.1, "ms", 0.05, 10.0, "rise time of AMPA synapses"),
        _parameter("tau_dE", 3.0, "ms", 0.5, 50.0, "decay time of AMPA synapses"),
        _parameter("tau_rI", 0.3, "ms", 0.05, 10.0, "rise time of GABA synapses"),
        _parameter("tau_dI", 9.0, "ms", 0.5, 50.0, "decay time of GABA synapses"),
        _parameter("E_GABA", -75.0, "mV", -100.0, -50.0, "reversal potential of GABA synapses"),
        _parameter("nu_noise", 40.0, "Hz", 0.0, 2000.0, "rate of the noisy drive of a cell"),
        _parameter("g_noise_E", 0.02, _CONDUCTANCE, 0.0, 1.0, "conductance of the noise, E cells"),
        _parameter("g_noise_I", 0.01, _CONDUCTANCE, 0.0, 1.0, "conductance of the noise, I cells"),
        _parameter("C", 1.0, "uF/cm**2", 0.5, 2.0, "membrane capacitance"),
        _parameter("g_L", 0.1, _CONDUCTANCE, 0.02, 0.5, "leak conductance"),
        _parameter("g_Na_E", 100.0, _CONDUCTANCE, 50.0, 200.0, "sodium conductance, E cells"),
        _parameter("g_K_E", 80.0, _CONDUCTANCE, 40.0, 160.0, "potassium conductance, E cells"),
        _parameter("E_Na_E", 50.0, "mV", 35.0, 70.0, "sodium reversal potential, E cells"),
        _parameter("E_K_E", -100.0, "mV", -110.0, -70.0, "potassium reversal potential, E cells"),
        _parameter("E_L_E", -67.0, "mV", -80.0, -50.0, "leak reversal potential, E cells"),
        _parameter("phi_E", 1.0, "1", 0.2, 10.0, "rate factor of h and n, E cells"),
        _parameter("g_Na_I", 35.0, _CONDUCTANCE, 20.0, 70.0, "sodium conductance, I cells"),
        _parameter("g_K_I", 9.0, _CONDUCTANCE, 4.0, 20.0, "potassium conductance, I cells"),
        _parameter("E_Na_I", 55.0, "mV", 35.0, 70.0, "sodium reversal potential, I cells"),
        _parameter("E_K_I", -90.0, "mV", -100.0, -70.0, "potassium reversal potential, I cells"),
        _parameter("E_L_I", -65.0, "mV", -80.0, -50.0, "leak reversal potential, I cells"),
        _parameter("phi_I", 5.0, "1", 1.0, 10.0, "rate factor of h and n, I cells"),
    ),
    # Traub-Miles cells are unstable above 0.02 ms; at 0.01 ms rates are those of 0.005 ms to 0.1 %.
    dt="0.01 ms",
    swept="tau_dI",
    populations=(_population("E"), _population("I")),
    projections=(_projection("E", "I"), _projection("I", "E"), _projection("I", "I")),
    series=(
        *(
            Series(
                name=f"v_{q}", unit="mV", scale=1e3, meaning=f"mean potential of {q} cells",
                population=q, variable="v",
            )
            for q in "EI"
        ),
        *(
            Series(
                name=f"s_{q}", unit="1", meaning=f"mean gating variable of synapses of {q} cells",
                population=q, variable="s",
            )
            for q in "EI"
        ),
    ),
    presets={
        "gamma": {},
        "slow": {"tau_dI": 18.0},
        "noisy": {"g_noise_E": 0.05, "g_noise_I": 0.02},
        "asynchronous": {"I_E": 0.8, "g_noise_E": 0.1, "g_noise_I": 0.05},
    },
    regimes="synchrony",
)  # fmt: skip
