"""Sparse network of leaky integrate-and-fire cells with delta synapses; model A of Brunel (2000).

Every cell has C_E excitatory and C_I inhibitory synapses from the network and C_E excitatory ones
from outside, each with spikes at the rate ``eta * nu_thr``; nu_thr = theta/(J C_E tau_m) brings
the mean potential to threshold without the network. The presets SR, SI-fast, AI and SI-slow
are Fig. 8, A to D, of the paper, with its g, eta, J, C_E and C_I; AR is A with delays spread over 0
to 3 ms. Presets named "...-full" also have the paper's 12500 cells. The
default network has 5000 cells with the same numbers of synapses per cell: mean and variance of the
input, and with them the mean-field rates, are the same, but two cells share 20 % of their inputs
and not 8 %.
"""

from __future__ import annotations

from snnsurrogate.systems._declarations import Parameter
from snnsurrogate.systems._network import Function, Network, Population, Projection, Series

# Spikes from outside in a step: inverse of the cumulative distribution, the same for all cells.
_KICKS = """
double kicks(const double mean, const int _vectorisation_idx)
{
    static std::vector<double> table;
    static double table_mean = -1.0;
    if (mean <= 0.0) return 0.0;
    if (mean > 500.0) {
        const double number = std::floor(mean + std::sqrt(mean) * _randn(_vectorisation_idx) + 0.5);
        return number > 0.0 ? number : 0.0;
    }
    if (table_mean != mean) {
        table_mean = mean;
        table.clear();
        double term = std::exp(-mean), sum = term;
        for (int k = 1; k < 16 + mean + 12.0 * std::sqrt(mean); k++) {
            table.push_back(sum);
            sum += term *= mean / k;
        }
    }
    const double u = _rand(_vectorisation_idx);
    if (mean > 16.0)
        return std::lower_bound(table.begin(), table.end(), u) - table.begin();
    size_t k = 0;
    while (k < table.size() && table[k] < u) k++;
    return k;
}
"""


def _parameter(
    name: str, value: float, unit: str, low: float, high: float, meaning: str
) -> Parameter:
    return Parameter(name=name, value=value, unit=unit, low=low, high=high, meaning=meaning)


def _population(name: str) -> Population:
    return Population(
        name=name,
        size=f"N_{name}",
        # A variable that stands still while refractory also takes no kicks then.
        equations="dv/dt = -v/tau_m : volt (unless refractory)",
        method="exact",
        threshold="v >= theta",
        reset="v = V_r",
        refractory="tau_rp",
        start="v = rand()*theta",
        step="v += J*kicks(eta*theta/(J*tau_m)*dt)",
    )


def _projection(source: str, target: str) -> Projection:
    return Projection(
        source=source,
        target=target,
        on_pre="v += J" if source == "E" else "v -= g*J",
        degree=f"C_{source}",
        delay="D - D_spread + 2*D_spread*rand()",
    )


_STATES = {
    "SR": {"g": 3.0, "eta": 2.0},
    "SI-fast": {"g": 6.0, "eta": 4.0},
    "AI": {"g": 5.0, "eta": 2.0},
    "SI-slow": {"g": 4.5, "eta": 0.9},
    # The paper: where delays are widely distributed, the regular state is asynchronous.
    "AR": {"g": 3.0, "eta": 2.0, "D_spread": 1.5},
}
_FULL = {"N_E": 10000.0, "N_I": 2500.0}

SYSTEM = Network(
    name="brunel",
    title="Sparse network of integrate-and-fire cells with delta synapses (Brunel, model A)",
    source="Brunel, J Comput Neurosci 8:183-208 (2000), doi:10.1023/A:1008925309027, model A",
    parameters=(
        _parameter("N_E", 4000.0, "1", 1.0, 100000.0, "excitatory cells"),
        _parameter("N_I", 1000.0, "1", 1.0, 100000.0, "inhibitory cells"),
        _parameter("C_E", 1000.0, "1", 0.0, 100000.0, "E synapses per cell (at most N_E)"),
        _parameter("C_I", 250.0, "1", 0.0, 100000.0, "I synapses per cell (at most N_I)"),
        _parameter("g", 5.0, "1", 0.0, 20.0, "strength of I synapses relative to E synapses"),
        _parameter("eta", 2.0, "1", 0.0, 10.0, "external rate relative to nu_thr"),
        _parameter("J", 0.1, "mV", 0.001, 5.0, "size of an excitatory kick"),
        _parameter("D", 1.5, "ms", 0.0, 20.0, "mean transmission delay"),
        _parameter("D_spread", 0.0, "ms", 0.0, 20.0, "delays are uniform in D +- D_spread"),
        _parameter("tau_m", 20.0, "ms", 1.0, 100.0, "membrane time constant"),
        _parameter("theta", 20.0, "mV", 1.0, 100.0, "threshold"),
        _parameter("V_r", 10.0, "mV", -100.0, 99.0, "reset potential"),
        _parameter("tau_rp", 2.0, "ms", 0.0, 20.0, "refractory time"),
    ),
    dt="0.1 ms",
    swept="g",
    populations=(_population("E"), _population("I")),
    projections=tuple(_projection(source, target) for source in "EI" for target in "EI"),
    functions=(Function(name="kicks", cpp=_KICKS, arguments=("1",), random=True),),
    series=tuple(
        Series(
            name=f"v_{name}", unit="mV", scale=1e3, meaning=f"mean potential of {name} cells",
            population=name, variable="v",
        )
        for name in "EI"
    ),
    presets=_STATES | {f"{name}-full": values | _FULL for name, values in _STATES.items()},
    regimes="brunel",
    runaway=499.0,  # 1/tau_rp = 500 Hz at its default: cells that only saturate
)  # fmt: skip
