"""markov-if by steps against the exact law: the plain step is biased, the package's is not."""

import dataclasses

import numpy as np
import pytest

from snnsurrogate import systems
from snnsurrogate.simulate import brian2_network, exact
from snnsurrogate.simulate._engine import Task
from snnsurrogate.systems._network import Function, Population

pytestmark = [pytest.mark.brian, pytest.mark.slow]

SYNCHRONOUS = systems.get("markov-if:synchronous")
SIZES = SYNCHRONOUS.sizes(SYNCHRONOUS.defaults)
SECONDS = 10.0

# The plain step: every class is thinned once, the sum applied, the spike seen at the step's end and
# sent on a step later; refractory times are rounded to steps by Brian2.
_PLAIN = """
double heads(const double n, const double p, const int _vectorisation_idx)
{
    double k = 0;
    for (int i = 0; i < (int)n; i++) k += _rand(_vectorisation_idx) < p;
    return k;
}
double inhibited(const double v0, const double kicks, const double S, const double M,
                 const double M_r, const int _vectorisation_idx)
{
    double v = v0;
    for (int i = 0; i < (int)kicks; i++) {
        const double x = S * (v + M_r) / (M + M_r), whole = std::floor(x);
        v -= whole + (_rand(_vectorisation_idx) < x - whole ? 1 : 0);
        if (v < -M_r) v = -M_r;
    }
    return v;
}
"""


def _plain_population(q):
    return Population(
        name=q,
        size=f"N_{q}",
        equations="v : 1\nH_E : 1\nH_I : 1\nk_E : 1\nk_I : 1\npause : second",
        start="v = floor(rand()*M)",
        step=f"""
        H_E = H_E + heads(spikes_E, P_{q}E)
        H_I = H_I + heads(spikes_I, P_{q}I)
        k_E = heads(H_E, 1 - exp(-dt/tau_{q}E))
        k_I = heads(H_I, 1 - exp(-dt/tau_I))
        H_E = H_E - k_E
        H_I = H_I - k_I
        v = v + int(not_refractory)*(poisson(lambda_{q}*dt) + S_{q}E*k_E)
        v = inhibited(v, k_I*int(not_refractory), S_{q}I, M, M_r)
        """,
        threshold="v >= M",
        reset="v = 0\npause = -tau_R*log(1 - rand())",
        refractory="pause",
    )


PLAIN = dataclasses.replace(
    SYNCHRONOUS,
    name="markov-if-plain",
    populations=tuple(_plain_population(q) for q in "EI"),
    functions=(
        Function(name="heads", cpp=_PLAIN, arguments=("1", "1"), random=True),
        Function(name="inhibited", cpp="", arguments=("1",) * 5, random=True),
    ),
    series=(),
    histograms=(),
    causes=False,
    exact="",
)


def measures(engine, network, dt, seeds=range(2)):
    """E and I rates, and the synchrony index of 1 ms bins (the spike itself counted)."""
    found = []
    every = round(1 / dt)
    for seed in seeds:
        task = Task(
            parameters=network.defaults, sizes=SIZES, seed=seed, chunk=0, dt=dt, skip=300 * every,
            every=every, records=round(SECONDS * 1000) + 1, elapsed=0, carry=None,
        )  # fmt: skip
        with engine.worker() as worker:
            piece = engine.run(worker, task, progress=lambda share: None)
        counts = piece.series[0, 1:] * SIZES["E"] * 1e-3
        index = (counts**2).sum() / counts.sum() / SIZES["E"]
        found.append([*piece.series[:2, 1:].mean(axis=1), index])
    return np.mean(found, axis=0)


@pytest.fixture(scope="module")
def truth():
    engine = exact.prepare(SYNCHRONOUS, SIZES, ())
    return measures(engine, SYNCHRONOUS, 0.1, seeds=range(3))


def test_exact_engine_has_the_reference_numbers(truth):
    np.testing.assert_allclose(truth[:2], (33.2, 61.6), rtol=0.02)
    assert truth[2] == pytest.approx(0.127, rel=0.05)


def test_default_step_is_not_biased(truth):
    engine = brian2_network.prepare(SYNCHRONOUS, SIZES, ())
    got = measures(engine, SYNCHRONOUS, float(SYNCHRONOUS.dt.split()[0]))
    # Standard error of 20 s: 0.4 % of the E rate.
    assert got[0] == pytest.approx(truth[0], rel=0.02)
    assert got[1] == pytest.approx(truth[1], rel=0.01)
    assert got[2] == pytest.approx(truth[2], rel=0.05)


def test_plain_step_shows_the_known_bias(truth):
    # Known from another program, 10 s: 30.9/59.5 Hz at 0.1 ms.
    engine = brian2_network.prepare(PLAIN, SIZES, ())
    got = measures(engine, PLAIN, 0.1, seeds=range(1))
    np.testing.assert_allclose(got[:2], (30.9, 59.5), rtol=0.035)
    assert got[0] < 0.96 * truth[0]
