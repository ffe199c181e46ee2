"""Runs of the exact engine: seeds, pieces, stopping, what is refused."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from snnsurrogate import systems
from snnsurrogate.simulate import exact
from snnsurrogate.simulate._engine import EngineError
from snnsurrogate.simulate.exact import markov_if
from tests.exact_runs import free, pieces, run, state, task

UNCOUPLED = {"P_EE": 0.0, "P_IE": 0.0, "P_EI": 0.0, "P_II": 0.0}
SILENT = UNCOUPLED | {"lambda_E": 0.0, "lambda_I": 0.0}
LAM, TAU_R, M = 7.0, 2.5, 100


def test_same_seed_same_run():
    a, b = (run(duration=200.0, seed=5) for _ in range(2))
    np.testing.assert_array_equal(a.spike_time, b.spike_time)
    np.testing.assert_array_equal(a.series, b.series)
    np.testing.assert_array_equal(a.carry, b.carry)
    assert not np.array_equal(a.series, run(duration=200.0, seed=6).series)


def test_other_chunk_other_numbers():
    begin = run(duration=50.0).carry
    a, b = (run(duration=50.0, carry=begin, chunk=chunk) for chunk in (1, 2))
    assert not np.array_equal(a.series, b.series)


def test_what_is_recorded_does_not_change_the_run():
    full, bare = run(duration=200.0), run(duration=200.0, record=())
    np.testing.assert_array_equal(full.series, bare.series)
    assert bare.spike_time.size == 0
    assert bare.histograms == {}


def test_threads_share_nothing():
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: run(duration=300.0, seed=seed).series, range(4)))
    for seed, series in enumerate(together):
        np.testing.assert_array_equal(series, run(duration=300.0, seed=seed).series)


def test_records_continue_over_pieces():
    piece = pieces(n=4, duration=50.0, transient=100.0)
    assert piece.series.shape == (8, 201)
    assert np.isfinite(piece.series).all()
    assert (np.diff(piece.spike_time) >= 0).all()
    assert piece.spike_time[-1] <= 200
    counts = np.histogram(piece.spike_time, np.arange(0, 201.0))[0]
    total = piece.series[0, 1:] * 0.3 + piece.series[1, 1:] * 0.1
    np.testing.assert_allclose(total, counts, atol=1e-9)


def test_first_record():
    piece = run(duration=10.0)
    assert not piece.series[:, 0].any()  # nothing has happened yet
    assert piece.histograms["V_E"][0].sum() == 300
    assert run(duration=10.0, transient=0.5).series.shape == (8, 11)
    late = run(duration=0.0, transient=200.0)
    assert late.series.shape == (8, 1)
    assert late.spike_time.size == 0
    assert late.series[2:].any()


def test_nothing_happens_without_drive():
    piece = run(parameters=SILENT, duration=1000.0)
    assert piece.spike_time.size == 0
    assert not piece.series.any()


@pytest.mark.parametrize("sizes", [(1, 1), (1, 7), (50, 3)])
def test_any_size(sizes):
    values = {"N_E": sizes[0], "N_I": sizes[1], "P_EE": 0.2}
    piece = run(parameters=values, duration=500.0)
    assert np.isfinite(piece.series).all()
    assert piece.spike_neuron[piece.spike_population == 0].max() == sizes[0] - 1
    assert piece.spike_neuron[piece.spike_population == 1].max() == sizes[1] - 1


@pytest.mark.parametrize("tau_R", [0.0, 2.5])
def test_runaway_is_stopped(tau_R):
    wild = {"P_EE": 1.0, "S_EE": 90.0, "S_EI": 0.0, "tau_EE": 0.5, "tau_R": tau_R}
    piece = run(parameters=wild, duration=1000.0)
    bound = systems.get("markov-if").runaway * 0.1 * 300  # spikes of E in 100 ms
    assert piece.stopped
    stop = np.flatnonzero(np.isnan(piece.series[0]))[0]
    assert np.isnan(piece.series[:, stop:]).all()
    assert np.isfinite(piece.series[:, :stop]).all()
    assert piece.spike_time.max() <= stop
    n = np.sum(piece.spike_population == 0)
    assert bound < n <= (bound + 1) * (1 + stop // 100)


def test_large_networks_count_kicks_by_cell(monkeypatch):
    """The same numbers in law, piece by piece, from lists and from counts."""
    series = {}
    for kept, limit in (("lists", 10**9), ("counts", 0)):
        monkeypatch.setattr(markov_if, "COUNTED_FROM", limit)
        piece = pieces(n=10, duration=1000.0, transient=200.0)
        series[kept] = piece.series[:, 1:].mean(axis=1)
        last = state(piece)
        pending = [last[f"pending_{name}"] for name in ("ee", "ie", "i")]
        if kept == "counts":
            assert [array.sum() for array in pending[:2]] == piece.series[2:4, -1].tolist()
            assert pending[2][:300].sum() == piece.series[4, -1]
            assert pending[2][300:].sum() == piece.series[5, -1]
        else:
            assert [len(array) for array in pending[:2]] == piece.series[2:4, -1].tolist()
    np.testing.assert_allclose(series["lists"], series["counts"], rtol=0.03)


def test_runaway_in_the_transient():
    wild = {"P_EE": 1.0, "S_EE": 90.0, "S_EI": 0.0, "tau_EE": 0.5}
    piece = run(parameters=wild, duration=1000.0, transient=1000.0)
    assert piece.stopped
    assert np.isnan(piece.series).all()
    assert piece.spike_time.size == 0
    assert piece.histograms["V_E"].shape == (1001, 34)


def test_a_rate_below_the_bound_is_not_a_runaway():
    model = free("markov-if", UNCOUPLED | {"lambda_E": 50.0, "tau_R": 0.0})
    model = dataclasses.replace(model, runaway=515.0)  # the cells fire at 500 Hz
    engine = exact.prepare(model, model.sizes(model.defaults), ())
    piece = engine.run(engine.worker(), task(model, duration=2000.0), progress=lambda x: None)
    assert not piece.stopped
    model = dataclasses.replace(model, runaway=485.0)
    engine = exact.prepare(model, model.sizes(model.defaults), ())
    piece = engine.run(engine.worker(), task(model, duration=2000.0), progress=lambda x: None)
    assert piece.stopped


def test_progress_sums_to_one():
    shares = []
    run(duration=1500.0, transient=700.0, progress=shares.append)
    assert len(shares) > 5
    assert min(shares) >= 0
    assert sum(shares) == pytest.approx(1.0)


def test_kill():
    model = systems.get("markov-if")
    engine = exact.prepare(model, model.sizes(model.defaults), ())
    worker = engine.worker()
    calls = []

    def progress(share):
        calls.append(share)
        worker.kill()

    with pytest.raises(EngineError, match="ended before"):
        engine.run(worker, task(model, duration=1e6), progress=progress)
    assert len(calls) == 1


def test_carried_state_of_another_network():
    small = run(parameters={"N_E": 30.0}, duration=10.0)
    with pytest.raises(EngineError, match="130 cells, the network 400"):
        run(duration=10.0, carry=small.carry, chunk=1)
    with pytest.raises(EngineError, match="cannot be read"):
        run(duration=10.0, carry=small.carry[:100], chunk=1)


def test_networks_without_a_law():
    model = systems.get("markov-if")
    sizes = model.sizes(model.defaults)
    with pytest.raises(ValueError, match="has no exact law; engine='exact' knows markov-if"):
        exact.prepare(dataclasses.replace(model, exact=""), sizes, ())
    with pytest.raises(ValueError, match="Did you mean 'markov-if'"):
        exact.prepare(dataclasses.replace(model, exact="markov-fi"), sizes, ())
    less = tuple(p for p in model.parameters if p.name != "lambda_E")
    without = dataclasses.replace(model, parameters=less)
    with pytest.raises(ValueError, match="parameter 'lambda_E' is missing"):
        exact.prepare(without, sizes, ())
