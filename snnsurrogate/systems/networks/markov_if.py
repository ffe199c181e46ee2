"""Markovian integrate-and-fire network: integer potentials, pending kicks with exponential clocks.

The network is a jump process, simulated event by event by the law "markov-if". Brian2 advances it
by steps. The plain way (thin every class once per step, apply the sum) loses 2 to 3 percent of the
E rate at 0.05 ms. Here an error of second order remains: in a step every cell follows its own exact
process of single kicks, spike and refractory exit, with what was pending at the beginning; kicks of
spikes of the step before enter with the probability 1 - (1 - exp(-a))/a, a = dt/tau, of having
arrived since, so that no step of delay is added. There is no synapse table: the spikes of a step
are counted, and every cell draws its number of kicks from Binomial(count, P).
"""

from __future__ import annotations

from snnsurrogate.systems._declarations import Parameter
from snnsurrogate.systems._network import Function, Histogram, Network, Population, Series

_ADVANCE = """
double advance_R, advance_H_E, advance_H_I, advance_fired, advance_cause;
double advance_pending_E, advance_pending_I;

// Heads among n coins; all cells of a population share n and p in a step, hence the table.
int heads(const int which, const int n, const double p, const int _vectorisation_idx)
{
    static std::vector<double> tables[2];
    static int table_n[2] = {-1, -1};
    static double table_p[2];
    if (n <= 0 || p <= 0.0) return 0;
    if (p >= 1.0) return n;
    if (n == 1) return _rand(_vectorisation_idx) < p;
    std::vector<double>& table = tables[which];
    if (table_n[which] != n || table_p[which] != p) {
        const double odds = p / (1.0 - p);
        const int mode = (int)((n + 1) * p);
        double total = 1.0;
        table.assign(n + 1, 1.0);
        for (int k = mode + 1; k <= n; k++)
            total += table[k] = table[k - 1] * odds * (n - k + 1) / k;
        for (int k = mode - 1; k >= 0; k--)
            total += table[k] = table[k + 1] / odds * (k + 1) / (n - k);
        double sum = 0.0;
        for (int k = 0; k <= n; k++) table[k] = (sum += table[k]) / total;
        table_n[which] = n;
        table_p[which] = p;
    }
    const double u = _rand(_vectorisation_idx);
    const int k = std::upper_bound(table.begin(), table.end(), u) - table.begin();
    return k < n ? k : n;
}

// One step of one cell; returns the potential, the rest is kept for the functions above.
double advance(
    const double v0, const double R0, const double H_E0, const double H_I0, const double cause0,
    const double spikes_E, const double spikes_I, const double P_E, const double P_I,
    const double S_E, const double S_I, const double tau_E, const double tau_I,
    const double arrived_E, const double arrived_I,
    const double lambda, const double tau_R, const double M, const double M_r,
    const double dt, const int _vectorisation_idx)
{
    double v = v0, H_E = H_E0, H_I = H_I0;
    double kick = cause0, cause = cause0;  // of the last kick, of the spike
    bool refractory = R0 > 0.5, fired = false;
    const double low = -std::floor(M_r);
    double left = dt;
    int due_E = 0, due_I = 0;  // kicks of spikes of the last step that have arrived since
    if (spikes_E > 0) {
        const int n = heads(0, (int)spikes_E, P_E, _vectorisation_idx);
        for (int i = 0; i < n; i++) due_E += _rand(_vectorisation_idx) < arrived_E;
        H_E += n;
    }
    if (spikes_I > 0) {
        const int n = heads(1, (int)spikes_I, P_I, _vectorisation_idx);
        for (int i = 0; i < n; i++) due_I += _rand(_vectorisation_idx) < arrived_I;
        H_I += n;
    }
    advance_pending_E = H_E - due_E;
    advance_pending_I = H_I - due_I;
    bool spike = v >= M;  // the second spike of the step before
    for (;;) {
        if (spike) {
            spike = false;
            if (fired) break;  // one spike per step: the next one waits for the next step
            fired = true;
            cause = kick;
            v = 0.0;
            refractory = tau_R > 0.0;
        }
        int kind;  // 0 external, 1 E kick, 2 I kick, 3 exit from the refractory state
        if (due_E + due_I > 0) {
            kind = due_I == 0 || (due_E > 0 && _rand(_vectorisation_idx) * (due_E + due_I) < due_E)
                ? 1 : 2;
            if (kind == 1) due_E--; else due_I--;
        } else {
            const double rate_E = H_E / tau_E, rate_I = H_I / tau_I;
            const double exit = refractory ? 1.0 / tau_R : 0.0;
            const double total = lambda + rate_E + rate_I + exit;
            const double w = 1.0 - _rand(_vectorisation_idx);
            if (w <= 1.0 - total * left) break;  // exp(-x) >= 1 - x: no logarithm needed
            left += std::log(w) / total;
            if (!(left > 0.0)) break;
            const double u = _rand(_vectorisation_idx) * total;
            kind = u < lambda ? 0 : u < lambda + rate_E ? 1 : u < lambda + rate_E + rate_I ? 2 : 3;
        }
        if (kind == 0) {
            if (refractory) continue;
            v += 1.0;
            kick = 0.0;
            spike = v >= M;
        } else if (kind == 1) {
            H_E -= 1.0;
            if (refractory) continue;
            const double whole = std::floor(S_E);
            v += whole + (S_E > whole && _rand(_vectorisation_idx) < S_E - whole ? 1.0 : 0.0);
            kick = 1.0;
            spike = v >= M;
        } else if (kind == 2) {
            H_I -= 1.0;
            if (refractory) continue;
            const double x = S_I * (v + M_r) / (M + M_r), whole = std::floor(x);
            v -= whole + (_rand(_vectorisation_idx) < x - whole ? 1.0 : 0.0);
            if (v < low) v = low;
        } else {
            refractory = false;
            v = 0.0;
        }
    }
    advance_R = refractory;
    advance_H_E = H_E;
    advance_H_I = H_I;
    advance_fired = fired;
    advance_cause = cause;
    return v;
}
"""

_KEPT = ("R", "H_E", "H_I", "pending_E", "pending_I", "fired", "cause")


def _kept(name: str) -> Function:
    return Function(
        name=f"advance_to_{name}",
        cpp=f"double advance_to_{name}(const int _vectorisation_idx) {{ return advance_{name}; }}",
        arguments=(),
        random=True,
    )


_CELL = """
v : 1
R : 1
H_E : 1
H_I : 1
pending_E : 1
pending_I : 1
awake : 1
fired : 1
cause : 1
"""


def _step(q: str) -> str:
    """One step of the cells of population ``q``."""
    arrived_E = f"1 - (1 - exp(-dt/tau_{q}E))/(dt/tau_{q}E)"
    arrived_I = "1 - (1 - exp(-dt/tau_I))/(dt/tau_I)"
    call = (
        f"v = advance(v, R, H_E, H_I, cause, spikes_E, spikes_I, P_{q}E, P_{q}I, S_{q}E, S_{q}I, "
        f"tau_{q}E, tau_I, {arrived_E}, {arrived_I}, lambda_{q}, tau_R, M, M_r, dt)"
    )
    return "\n".join([call, *(f"{name} = advance_to_{name}()" for name in _KEPT), "awake = 1 - R"])


def _population(q: str) -> Population:
    return Population(
        name=q,
        size=f"N_{q}",
        equations=_CELL,
        start="v = floor(rand()*M)\nawake = 1",
        step=_step(q),
        threshold="fired > 0",
        reset="fired = 0",
    )


def _pending(target: str, source: str) -> Series:
    return Series(
        name=f"H_{target}{source}",
        unit="1",
        meaning=f"pending kicks from {source} to {target} cells",
        population=target,
        variable=f"pending_{source}",  # H lacks the kicks of the spikes of the last step
        reduce="sum",
    )


def _histogram(q: str) -> Histogram:
    return Histogram(
        name=f"V_{q}",
        population=q,
        variable="v",
        low="-M_r",
        high="M",
        width=5.0,
        where="awake",
        meaning=f"{q} cells by potential, refractory ones left out",
    )


def _parameter(
    name: str, value: float, unit: str, low: float, high: float, meaning: str
) -> Parameter:
    return Parameter(name=name, value=value, unit=unit, low=low, high=high, meaning=meaning)


_TAUS = ("tau_EE", "tau_IE", "tau_I")
_SMALL = {
    "N_E": 75.0, "N_I": 25.0, "S_EE": 20.0, "S_IE": 8.0, "S_EI": 20.0, "S_II": 20.0, "tau_R": 0.0,
}  # fmt: skip

SYSTEM = Network(
    name="markov-if",
    title="Markovian integrate-and-fire network (annealed connections, pending kicks)",
    source=(
        "Li, Chariker and Young, J Math Biol 78:83-115 (2019), doi:10.1007/s00285-018-1257-7, "
        "sections 1.1, 1.2 and 3.1; small networks: working set of Cai, Wu, Tao and Xiao, Front "
        "Comput Neurosci 15:678688 (2021)"
    ),
    parameters=(
        _parameter("N_E", 300.0, "1", 1.0, 65535.0, "excitatory cells"),
        _parameter("N_I", 100.0, "1", 1.0, 65535.0, "inhibitory cells"),
        _parameter("P_EE", 0.15, "1", 0.0, 1.0, "probability that an E spike kicks an E cell"),
        _parameter("P_IE", 0.5, "1", 0.0, 1.0, "probability that an E spike kicks an I cell"),
        _parameter("P_EI", 0.5, "1", 0.0, 1.0, "probability that an I spike kicks an E cell"),
        _parameter("P_II", 0.4, "1", 0.0, 1.0, "probability that an I spike kicks an I cell"),
        _parameter("S_EE", 5.0, "1", 0.0, 200.0, "size of E kicks on E cells"),
        _parameter("S_IE", 2.0, "1", 0.0, 200.0, "size of E kicks on I cells"),
        _parameter("S_EI", 4.91, "1", 0.0, 200.0, "size of I kicks on E cells at threshold"),
        _parameter("S_II", 4.91, "1", 0.0, 200.0, "size of I kicks on I cells at threshold"),
        _parameter("tau_EE", 2.0, "ms", 0.2, 100.0, "mean delay of E kicks on E cells"),
        _parameter("tau_IE", 1.2, "ms", 0.2, 100.0, "mean delay of E kicks on I cells"),
        _parameter("tau_I", 4.5, "ms", 0.2, 100.0, "mean delay of I kicks"),
        _parameter("tau_R", 2.5, "ms", 0.0, 100.0, "mean refractory time"),
        _parameter("lambda_E", 7.0, "1/ms", 0.0, 100.0, "rate of external kicks of an E cell"),
        _parameter("lambda_I", 7.0, "1/ms", 0.0, 100.0, "rate of external kicks of an I cell"),
        _parameter("M", 100.0, "1", 1.0, 1000.0, "threshold"),
        _parameter("M_r", 66.0, "1", 0.0, 1000.0, "reversal potential of inhibition is -M_r"),
    ),
    dt="0.1 ms",
    swept="tau_EE",
    populations=(_population("E"), _population("I")),
    functions=(
        Function(
            name="advance",
            cpp=_ADVANCE,
            arguments=(
                "1", "1", "1", "1", "1", "1", "1", "1", "1", "1", "1",
                "second", "second", "1", "1", "hertz", "second", "1", "1", "second",
            ),
            random=True,
        ),
        *(_kept(name) for name in _KEPT),
    ),
    series=(
        *(_pending(target, source) for source in "EI" for target in "EI"),
        *(
            Series(
                name=f"R_{q}", unit="1", meaning=f"refractory {q} cells",
                population=q, variable="R", reduce="sum",
            )
            for q in "EI"
        ),
    ),
    histograms=(_histogram("E"), _histogram("I")),
    causes=True,
    # Mutual excitation without bound ends where the refractory time allows: 350 to 400 Hz.
    runaway=250.0,
    presets={
        "homogeneous": dict(zip(_TAUS, (4.0, 1.2, 4.5), strict=True)),
        "regular": dict(zip(_TAUS, (2.0, 1.2, 4.5), strict=True)),
        "synchronous": dict(zip(_TAUS, (1.3, 0.95, 4.5), strict=True)),
        "small-homogeneous": _SMALL | dict(zip(_TAUS, (4.0, 1.2, 4.5), strict=True)),
        "small-regular": _SMALL | dict(zip(_TAUS, (1.7, 1.2, 4.5), strict=True)),
        "small-synchronous": _SMALL | dict(zip(_TAUS, (1.4, 1.2, 4.5), strict=True)),
    },
    regimes="synchrony",
    exact="markov-if",
    resolve=("tau_EE", "tau_IE", "tau_I"),
)  # fmt: skip
