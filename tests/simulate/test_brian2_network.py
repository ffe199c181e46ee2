"""The Brian2 engine of networks: known answers of a network whose every spike can be predicted."""

import dataclasses

import numpy as np
import pytest

from snnsurrogate.simulate import _cache, _programs, brian2_network
from snnsurrogate.simulate._engine import EngineError, Task
from snnsurrogate.systems import Parameter
from snnsurrogate.systems._network import (
    Function,
    Histogram,
    Network,
    Population,
    Projection,
    Series,
)

pytestmark = pytest.mark.brian

SIZES = {"E": 20, "I": 10}
DRAW = """
static double kept = 0;
double draw(const double size, const int _vectorisation_idx)
{
    kept = size * _rand(_vectorisation_idx);
    return kept;
}
"""


def parameter(name, value, unit):
    return Parameter(name=name, value=value, unit=unit, low=-1e9, high=1e9, meaning=name)


def series(name, population="E", reduce="sum", unit="1", scale=1.0):
    return Series(
        name=name, unit=unit, meaning=name, population=population, variable=name, reduce=reduce,
        scale=scale,
    )  # fmt: skip


def network(**changes):
    """E cells spike at random with the rate nu, and all together at the time T."""
    declared = {
        "name": "probe",
        "title": "known answers",
        "source": "the tests",
        "dt": "0.1 ms",
        "parameters": (
            parameter("N_E", 20.0, "1"),
            parameter("N_I", 10.0, "1"),
            parameter("nu", 0.0, "Hz"),
            parameter("T", 5.0, "ms"),
            parameter("growth", 0.0, "1/ms"),
            parameter("p", 0.3, "1"),
            parameter("degree", 7.0, "1"),
            parameter("D", 1.5, "ms"),
            parameter("spread", 0.0, "ms"),
            parameter("low", 2.0, "mV"),
            parameter("high", 12.0, "mV"),
        ),
        "populations": (
            Population(
                name="E",
                size="N_E",
                equations="""
                dy/dt = growth*y : 1
                place : volt
                up : 1
                drawn : 1
                again : 1
                seen : 1
                hit : 1
                cause : 1
                """,
                start="y = 1\nplace = i*mV\nup = int(i < 15)",
                step="""
                drawn = draw(2.0)
                again = kept_value()
                seen = spikes_I
                cause = int(i >= 5)
                """,
                threshold="abs(t - T) < dt/2 or rand() < nu*dt",
                reset="",
            ),
            Population(
                name="I",
                size="N_I",
                equations="v : 1\ngot : 1",
                threshold="v > 0.5",
                reset="v = 0",
            ),
        ),
        "projections": (
            Projection(source="E", target="I", on_pre="got += 1", probability="p"),
            Projection(source="E", target="I", on_pre="v += 1", degree="degree", delay="D"),
            Projection(source="E", target="E", on_pre="hit += 1", delay="D + spread*rand()"),
        ),
        "functions": (
            Function(name="draw", cpp=DRAW, arguments=("1",), random=True),
            Function(
                name="kept_value",
                cpp="double kept_value(const int _vectorisation_idx) { return 10*kept; }",
                arguments=(),
                random=True,
            ),
        ),
        "series": (
            series("y", reduce="mean"),
            series("drawn"),
            series("again"),
            series("seen", reduce="mean"),
            series("hit"),
            series("got", "I"),
            series("place", reduce="mean", unit="mV", scale=1e3),
        ),
        "histograms": (
            Histogram(
                name="places", population="E", variable="place", low="low", high="high", width=3.0,
                where="up", unit="mV",
            ),
        ),
        "causes": True,
        "runaway": 1000.0,
    }  # fmt: skip
    return Network(**(declared | changes))


NETWORK = network()
ROW = {name: k for k, name in enumerate(NETWORK.series_names)}


@pytest.fixture(scope="module")
def engine():
    return brian2_network.prepare(NETWORK, SIZES, ("spikes", "histograms"))


def task(parameters=None, **changes):
    arguments = {
        "parameters": NETWORK.defaults | (parameters or {}), "sizes": SIZES, "seed": 7,
        "chunk": 0, "dt": 0.1, "skip": 0, "every": 1, "records": 101, "elapsed": 0, "carry": None,
    }  # fmt: skip
    return Task(**(arguments | changes))


def run(engine, *tasks):
    with engine.worker() as worker:
        pieces = [engine.run(worker, one) for one in tasks]
    return pieces if len(pieces) > 1 else pieces[0]


def same(a, b):
    for field in dataclasses.fields(a):
        first, second = getattr(a, field.name), getattr(b, field.name)
        if field.name == "histograms":
            assert first.keys() == second.keys()
            assert all(np.array_equal(first[name], second[name]) for name in first)
        else:
            assert np.array_equal(first, second, equal_nan=field.name == "series"), field.name


@pytest.mark.parametrize("delay", [0.0, 0.3, 1.5])
def test_every_spike_of_a_volley(engine, delay):
    piece = run(engine, task({"D": delay}))
    cells_e = piece.spike_population == 0
    # The step from 5.0 to 5.1 ms, in which t is T; a kick counts in the step after its arrival.
    np.testing.assert_allclose(piece.spike_time[cells_e], 5.1)
    np.testing.assert_array_equal(piece.spike_neuron[cells_e], np.arange(20))
    np.testing.assert_array_equal(piece.spike_cause[cells_e], np.arange(20) >= 5)
    np.testing.assert_allclose(piece.spike_time[~cells_e], 5.1 + delay + 0.1)
    np.testing.assert_array_equal(np.sort(piece.spike_neuron[~cells_e]), np.arange(10))
    assert np.flatnonzero(piece.series[ROW["rate_E"]]).tolist() == [51]
    assert piece.series[ROW["rate_E"], 51] == pytest.approx(1e4)  # all cells in 0.1 ms
    # "spikes_I" holds in the step after the spikes.
    arrived = round((5.1 + delay + 0.1) / 0.1)
    assert np.flatnonzero(piece.series[ROW["seen"]]).tolist() == [arrived + 1]
    assert piece.series[ROW["seen"], arrived + 1] == 10


def test_connections_are_drawn_with_run_time_numbers(engine):
    counts = {}
    for p in (0.0, 0.2, 0.9, 1.0):
        pieces = [run(engine, task({"p": p}, seed=seed)) for seed in range(20)]
        counts[p] = np.array([piece.series[ROW["got"], -1] for piece in pieces])
        if 0 < p < 1:
            assert len(set(counts[p])) > 5  # another seed, other connections
            sd = np.sqrt(200 * p * (1 - p) / 20)
            assert counts[p].mean() == pytest.approx(200 * p, abs=4 * sd)
        else:
            assert set(counts[p]) == {200 * p}


def test_in_degree_and_drawn_delays(engine):
    # One synapse per I cell: all fire. None: none does.
    assert (run(engine, task({"degree": 1.0})).spike_population == 1).sum() == 10
    assert (run(engine, task({"degree": 0.0})).spike_population == 1).sum() == 0
    # 400 E to E synapses with delays of 1.5 to 3.5 ms, after the spikes in the step from 5.0 ms.
    hits = run(engine, task({"spread": 2.0})).series[ROW["hit"]]
    assert hits[51 + 14] == 0
    assert hits[51 + 35] == 400
    middle = hits[51 + 25]
    assert middle == pytest.approx(210, abs=4 * np.sqrt(100))
    assert len(np.unique(hits)) > 15


def test_functions_share_their_statics_and_draw_from_the_seed(engine):
    first, second = run(engine, task()), run(engine, task(seed=8))
    np.testing.assert_allclose(first.series[ROW["again"]], 10 * first.series[ROW["drawn"]])
    drawn = first.series[ROW["drawn"], 1:]
    assert drawn.mean() == pytest.approx(20, abs=4 * np.sqrt(20 * 4 / 12 / 100))
    assert not np.array_equal(drawn, second.series[ROW["drawn"], 1:])
    same(first, run(engine, task()))


def test_rates_and_time_axis(engine):
    values = {"nu": 200.0, "T": -1.0, "degree": 0.0}
    piece = run(engine, task(values, skip=500, every=20, records=501))
    n = (piece.spike_population == 0).sum()
    assert n == pytest.approx(20 * 200, abs=4 * np.sqrt(20 * 200))
    assert (np.diff(piece.spike_time) >= 0).all()
    assert piece.spike_time[0] > 0
    assert piece.spike_time[-1] <= 1000
    edges = 2.0 * np.arange(501) + 1e-6
    counts, _ = np.histogram(piece.spike_time[piece.spike_population == 0], edges)
    np.testing.assert_allclose(piece.series[ROW["rate_E"], 1:], counts / 20 / 2e-3)
    assert piece.series[ROW["rate_E"], 0] >= 0  # spikes of the last 2 ms of the transient
    assert run(engine, task(values)).series[ROW["rate_E"], 0] == 0


def test_growth_and_series(engine):
    piece = run(engine, task({"growth": 0.01}, every=10, records=11))
    steps = np.arange(11) * 10
    np.testing.assert_allclose(piece.series[ROW["y"]], (1 + 0.01 * 0.1) ** steps, rtol=1e-12)
    np.testing.assert_allclose(piece.series[ROW["place"]], 9.5)


def test_histogram_counts_every_wanted_cell(engine):
    piece = run(engine, task())
    # Cells 0 to 14 at 0 to 14 mV, bins of 3 mV from 2 mV, the last one from 11 mV: 0 and 1 mV go to
    # the first, 14 mV to the last bin.
    np.testing.assert_array_equal(piece.histograms["places"][-1], [5, 3, 3, 4])
    other = run(engine, task({"low": 0.0, "high": 20.0}))
    assert other.histograms["places"][-1].tolist() == [3, 3, 3, 3, 3, 0, 0]
    bare = dataclasses.replace(engine, record=())
    piece = run(bare, task())
    assert piece.histograms == {}
    assert piece.spike_time.size == 0
    assert np.flatnonzero(piece.series[ROW["rate_E"]]).tolist() == [51]


def test_the_same_piece_by_piece_in_one_process_or_several(engine):
    values = {"nu": 100.0, "D": 7.0, "spread": 3.0}
    first = run(engine, task(values, every=5, records=41))
    one = task(values, every=5, records=40, chunk=1, elapsed=200, carry=first.carry)
    second = run(engine, one)
    two = task(values, every=5, records=40, chunk=2, elapsed=400, carry=second.carry)
    third = run(engine, two)
    at_once = run(engine, task(values, every=5, records=41), one, two)
    for a, b in zip(at_once, (first, second, third), strict=True):
        same(a, b)
    assert first.carry.size < 3000
    # Spikes under way cross from piece to piece: 20 E cells, all their synapses in all pieces.
    whole = np.concatenate([p.series[ROW["hit"]] for p in at_once])
    spikes = np.concatenate([p.spike_time[p.spike_population == 0] for p in at_once])
    assert whole[-1] > 0.8 * 20 * (spikes < 50).sum() > 0
    assert whole[-1] <= 20 * (spikes < 53.1).sum()
    assert (np.diff(whole) >= 0).all()


def test_a_task_of_another_sample_starts_anew(engine):
    alone = run(engine, task({"nu": 100.0}, seed=2))
    after = run(engine, task({"nu": 100.0}, seed=1), task({"nu": 100.0}, seed=2))[1]
    same(alone, after)


def test_runaway_is_stopped_after_100_ms(engine):
    values = {"nu": 3000.0, "degree": 0.0}
    piece = run(engine, task(values, every=10, records=301))
    assert piece.stopped
    known = np.isfinite(piece.series[0])
    assert known.sum() in (100, 101)
    assert known[:100].all()
    assert 99.9 < piece.spike_time[-1] <= 100
    assert piece.spike_time.size == pytest.approx(20 * 3000 * 0.1, rel=0.1)
    in_transient = run(engine, task(values, skip=2000, every=10, records=11))
    assert in_transient.stopped
    assert np.isnan(in_transient.series).all()
    assert in_transient.spike_time.size == 0
    assert not run(engine, task(values | {"nu": 800.0}, every=10, records=301)).stopped


def test_states_that_are_not_finite_end_the_piece(engine):
    piece = run(engine, task({"growth": 100.0}, every=10, records=401))
    assert not piece.stopped
    assert np.isnan(piece.series[ROW["rate_E"], 101:]).all()
    after = run(
        engine, task({"growth": 100.0}, records=5, chunk=1, elapsed=4000, carry=piece.carry)
    )
    assert np.isnan(after.series).all()
    # Found only at the end of a piece shorter than 100 ms.
    short = run(engine, task({"growth": 100.0}, every=10, records=41))
    assert np.isnan(short.series[:, -1]).all()
    assert np.isfinite(short.series[ROW["rate_E"], :-1]).all()


def test_progress_sums_to_one(engine):
    shares = []
    with engine.worker() as worker:
        engine.run(worker, task(skip=3000, every=10, records=201), progress=shares.append)
    assert sum(shares) == pytest.approx(1)
    assert len(shares) == 6
    assert min(shares) >= 0


def test_builds_depend_on_text_and_sizes_alone(engine, monkeypatch):
    class Built(Exception):
        pass

    def compile_program(*arguments):
        raise Built

    monkeypatch.setattr(_programs, "compile_program", compile_program)
    again = brian2_network.prepare(NETWORK.with_parameters(p=0.7, nu="3 Hz"), SIZES, ())
    assert again.command == engine.command
    assert not again.built
    brian2_network.prepare(dataclasses.replace(NETWORK, runaway=3.0, title="other"), SIZES, ())
    with pytest.raises(Built):
        brian2_network.prepare(NETWORK, SIZES | {"I": 11}, ())
    with pytest.raises(Built):
        brian2_network.prepare(network(causes=False), SIZES, ())


def test_errors_say_what_to_do(engine, monkeypatch):
    with pytest.raises(EngineError, match="expected {'E': 20, 'I': 10}"):
        run(engine, task(sizes={"E": 20, "I": 11}))
    with engine.worker() as worker:
        worker.kill()
        with pytest.raises(EngineError, match="was ended"):
            engine.run(worker, task())
    with pytest.raises(EngineError, match="carried state does not fit"):
        run(engine, task(chunk=1, carry=np.zeros(9, np.uint8)))
    for values, words in (
        ({"degree": 21.0}, "degree, the synapses E -> I per target cell"),
        ({"degree": 1.5}, "whole number from 0 to 20"),
        ({"p": 1.2}, "p, the connection probability E -> I, is outside 0 to 1"),
        ({"spread": -4.0}, "a delay E -> E is negative"),
    ):
        with pytest.raises(EngineError, match=words):
            run(engine, task(values))
    broken = network(
        populations=(
            dataclasses.replace(NETWORK.populations[0], step="drawn = no_such_name"),
            NETWORK.populations[1],
        )
    )
    with pytest.raises(EngineError, match="no_such_name"):
        brian2_network.prepare(broken, SIZES, ())
    monkeypatch.setattr(_cache, "compiler", lambda: None)
    with pytest.raises(EngineError, match=r"Install g\+\+ and make, or set CXX\.$"):
        brian2_network.prepare(NETWORK, SIZES, ())
    with pytest.raises(EngineError, match="engine='exact'"):
        brian2_network.prepare(network(exact="markov-if"), SIZES, ())
