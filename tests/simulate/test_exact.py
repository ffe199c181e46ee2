"""The exact engine of the Markovian integrate-and-fire network against closed forms."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from snnsurrogate import systems
from tests.exact_runs import carry, pieces, run, state

UNCOUPLED = {"P_EE": 0.0, "P_IE": 0.0, "P_EI": 0.0, "P_II": 0.0}
SILENT = UNCOUPLED | {"lambda_E": 0.0, "lambda_I": 0.0}
LAM, TAU_R, M = 7.0, 2.5, 100


def intervals(piece, population=0):
    """Interspike intervals of all cells of a population."""
    own = piece.spike_population == population
    found = []
    for cell in np.unique(piece.spike_neuron[own]):
        found.append(np.diff(piece.spike_time[own & (piece.spike_neuron == cell)]))
    return np.concatenate(found)


def interval_cdf(t):
    """Gamma(M, lambda) plus an exponential refractory time."""
    inner = integrate.quad(
        lambda s: stats.gamma.pdf(s, M, scale=1 / LAM) * -math.expm1(-(t - s) / TAU_R),
        0.0, t, points=[min(M / LAM, t)], limit=200,
    )  # fmt: skip
    return inner[0]


@pytest.fixture(scope="module")
def piece():
    return run(parameters=UNCOUPLED, duration=5000.0, transient=100.0)


class TestExternalDriveAlone:
    """Without synapses every cell is a renewal process."""

    def test_interval_law(self, piece):
        isi = intervals(piece)
        mean, var = M / LAM + TAU_R, M / LAM**2 + TAU_R**2
        assert abs(isi.mean() - mean) < 4.5 * math.sqrt(var / isi.size)
        assert abs(isi.var() / var - 1) < 0.03
        grid = np.linspace(isi.min(), isi.max(), 200)
        cdf = np.interp(isi, grid, [interval_cdf(t) for t in grid])
        assert stats.kstest(cdf, "uniform").pvalue > 1e-4

    def test_rates_and_refractory_counts(self, piece):
        model = systems.get("markov-if")
        rate = 1 / (M / LAM + TAU_R)  # per ms
        names = model.series_names
        means = dict(zip(names, piece.series[:, 1:].mean(axis=1), strict=True))
        for q, size in (("E", 300), ("I", 100)):
            spikes = size * rate * 5000
            # Renewal counts: variance = mean * CV^2.
            sd = math.sqrt((M / LAM**2 + TAU_R**2) * rate**2 / spikes)
            assert means[f"rate_{q}"] == pytest.approx(1e3 * rate, rel=4.5 * sd)
            assert means[f"R_{q}"] == pytest.approx(size * rate * TAU_R, rel=0.02)

    def test_rates_count_the_spikes(self, piece):
        for population, size in ((0, 300), (1, 100)):
            times = piece.spike_time[piece.spike_population == population]
            counts = np.histogram(times, np.arange(0, 5001.0))[0]
            np.testing.assert_allclose(piece.series[population, 1:], counts * 1e3 / size)

    def test_everything_is_external(self, piece):
        assert not piece.spike_cause.any()
        assert not piece.series[2:6].any()

    def test_spikes_are_ordered_and_inside(self, piece):
        assert (np.diff(piece.spike_time) >= 0).all()
        assert piece.spike_time[0] > 0
        assert piece.spike_time[-1] <= 5000

    def test_potentials_are_uniform_below_threshold(self, piece):
        """Of a cell that climbs by one per kick, each of M levels has the same probability."""
        model = systems.get("markov-if")
        counts = piece.histograms["V_E"].sum(axis=0) / piece.histograms["V_E"].sum()
        assert piece.histograms["V_E"].shape[1] == model.histograms[0].bins(model.defaults) == 34
        # Bins are [-66, -61), ..., [-1, 4), [4, 9), ..., [94, 99), [99, 104).
        expected = np.zeros(34)
        for level in range(M):
            expected[(level + 66) // 5] += 1 / M
        np.testing.assert_allclose(counts, expected, atol=2e-3)

    def test_histograms_leave_refractory_cells_out(self, piece):
        cells = piece.histograms["V_E"].sum(axis=1) + piece.series[6]
        assert (cells == 300).all()
        assert (piece.histograms["V_I"].sum(axis=1) + piece.series[7] == 100).all()

    def test_without_refractory_state(self):
        piece = run(parameters=UNCOUPLED | {"tau_R": 0.0}, duration=2000.0, transient=50.0)
        isi = intervals(piece)
        assert stats.kstest(isi, stats.gamma(M, scale=1 / LAM).cdf).pvalue > 1e-4
        assert not piece.series[6:].any()

    def test_fractional_threshold_and_reversal(self):
        """Whole potentials: 99.5 is reached at 100, -66.5 bounds at -66."""
        values = UNCOUPLED | {"M": 99.5, "M_r": 66.5, "tau_R": 0.0}
        piece = run(parameters=values, duration=1000.0, transient=50.0)
        assert intervals(piece).mean() == pytest.approx(100 / LAM, rel=0.01)

    def test_cut_into_pieces_shorter_than_an_interval(self):
        """What is carried over loses nothing: the interval law is that of one run."""
        piece = pieces(n=400, duration=5.0, parameters=UNCOUPLED)
        isi = intervals(piece)
        mean, var = M / LAM + TAU_R, M / LAM**2 + TAU_R**2
        # 2 s only: intervals longer than what is left are missing.
        assert abs(isi.mean() - mean) < 4.5 * math.sqrt(var / isi.size) + 0.02
        assert abs(isi.var() / var - 1) < 0.05
        assert (np.diff(piece.spike_time) >= 0).all()
        counts = np.histogram(piece.spike_time, np.arange(0, 2001.0))[0]
        rates = piece.series[0, 1:] * 0.3 + piece.series[1, 1:] * 0.1
        np.testing.assert_allclose(rates, counts, atol=1e-9)


def silent_network(v, *, refractory=(), **pending):
    """Bytes of a network at rest with given potentials and pending kicks."""
    arrays = state(run(parameters=SILENT, duration=0.0))
    arrays["v"] = np.asarray(v, np.int32)
    arrays["refractory"] = np.asarray(refractory, np.int32)
    arrays["v"][arrays["refractory"]] = -(2**30)
    for name in ("pending_ee", "pending_ie", "pending_i"):
        arrays[name] = np.asarray(pending.get(name, ()), np.int32)
    counters = arrays["counters"]
    counters[0], counters[1] = len(arrays["pending_ee"]), len(arrays["pending_ie"])
    counters[2] = len(arrays["pending_i"])
    counters[3] = np.sum(arrays["pending_i"] < 300)
    counters[4] = len(refractory)
    counters[5] = np.sum(np.asarray(refractory) < 300)
    return carry(arrays)


def after(begin, parameters, duration=1000.0, **times):
    """The network left alone for a while, with the given state at the beginning."""
    values = SILENT | parameters
    return run(parameters=values, duration=duration, chunk=1, carry=begin, **times)


class TestPendingKicks:
    """Kicks alone: no drive, no recruitment."""

    @pytest.mark.parametrize(
        ("name", "row", "tau", "target"),
        [
            ("pending_ee", 2, "tau_EE", 0),
            ("pending_ie", 3, "tau_IE", 300),
            ("pending_i", 4, "tau_I", 0),
            ("pending_i", 5, "tau_I", 300),
        ],
    )
    def test_pure_death(self, name, row, tau, target):
        n = 20_000
        begin = silent_network(np.zeros(400), **{name: np.full(n, target)})
        values = {tau: 3.0, "S_EE": 0.0, "S_IE": 0.0, "S_EI": 0.0, "S_II": 0.0}
        piece = after(begin, values, duration=12.0)
        left = np.exp(-np.arange(1, 13) / 3.0)
        sd = np.sqrt(n * left * (1 - left))
        assert (np.abs(piece.series[row] - n * left) < 4.5 * sd).all()
        others = [i for i in (2, 3, 4, 5) if i != row]
        assert not piece.series[others].any()

    @pytest.mark.parametrize("S", [2.0, 2.3, 0.25])
    def test_stochastic_rounding_of_excitation(self, S):
        begin = silent_network(
            np.zeros(400),
            pending_ee=np.repeat(np.arange(300), 20),
            pending_ie=np.repeat(np.arange(300, 400), 20),
        )
        v = state(after(begin, {"S_EE": S, "S_IE": S}))["v"]
        whole, coin = math.floor(S), S % 1
        extra = v - 20 * whole
        assert extra.min() >= 0
        assert extra.max() <= 20
        sd = math.sqrt(coin * (1 - coin) * 20 / 400)
        assert abs(extra.mean() - 20 * coin) <= 4.5 * sd
        if 0 < coin < 1:
            assert extra.var() == pytest.approx(20 * coin * (1 - coin), rel=0.35)

    @pytest.mark.parametrize(("v0", "fall"), [(99, 4.91 * 165 / 166), (0, 4.91 * 66 / 166)])
    def test_inhibition_depends_on_the_potential(self, v0, fall):
        begin = silent_network(np.full(400, v0), pending_i=np.arange(400))
        v = state(after(begin, {}))["v"]
        assert set(np.unique(v0 - v)) == {math.floor(fall), math.floor(fall) + 1}
        coin = fall % 1
        assert abs(np.mean(v0 - v) - fall) < 4.5 * math.sqrt(coin * (1 - coin) / 400)

    def test_inhibition_stops_at_the_reversal_potential(self):
        begin = silent_network(np.full(400, 50), pending_i=np.repeat(np.arange(400), 400))
        assert set(state(after(begin, {}))["v"]) <= {-66, -65}
        # A kick larger than the whole way down ends on the floor, too.
        begin = silent_network(np.full(400, 50), pending_i=np.arange(400))
        strong = state(after(begin, {"S_EI": 400.0, "S_II": 166.0}))["v"]
        assert set(strong) == {-66}

    def test_a_cell_at_the_reversal_potential_does_not_move(self):
        begin = silent_network(np.full(400, -66), pending_i=np.repeat(np.arange(400), 10))
        assert set(state(after(begin, {}))["v"]) == {-66}

    def test_kicks_on_refractory_cells_are_lost(self):
        begin = silent_network(
            np.zeros(400), refractory=np.arange(400), pending_ee=np.arange(300),
            pending_ie=np.arange(300, 400), pending_i=np.arange(400),
        )  # fmt: skip
        piece = after(begin, {"tau_R": 1e9}, duration=500.0)
        assert not piece.series[2:6, -1].any()
        assert (piece.series[6:, -1] == [300, 100]).all()
        assert (state(piece)["v"] < -1000).all()

    def test_refractory_times_are_exponential(self):
        begin = silent_network(np.zeros(400), refractory=np.arange(400))
        piece = after(begin, {}, duration=5.0)
        left = np.exp(-np.arange(1, 6) / 2.5)
        sd = np.sqrt(left * (1 - left))
        assert (np.abs(piece.series[6] - 300 * left) < 4.5 * sd * math.sqrt(300)).all()
        assert (np.abs(piece.series[7] - 100 * left) < 4.5 * sd * math.sqrt(100)).all()
        assert set(state(after(begin, {}))["v"]) == {0}

    def test_overshoot_is_a_spike_and_is_forgotten(self):
        begin = silent_network(
            np.full(400, 97), pending_ee=np.arange(300), pending_ie=np.arange(300, 400)
        )
        piece = after(begin, {"S_EE": 5.0, "S_IE": 2.0}, duration=100.0)
        assert piece.spike_time.size == 300  # 97 + 2 stays below 100
        assert (piece.spike_cause == 1).all()
        assert (piece.spike_population == 0).all()
        v = state(piece)["v"]
        assert set(v[:300]) == {0}
        assert set(v[300:]) == {99}


class TestRecruitment:
    """One spike, and what becomes pending."""

    def one_spike(self, cell, **parameters):
        name = "pending_ee" if cell < 300 else "pending_ie"
        v = np.zeros(400)
        v[cell] = 99
        begin = silent_network(v, **{name: [cell]})
        taus = {"tau_EE": 1e12, "tau_IE": 1e12, "tau_I": 1e12, "tau_R": 1e12}
        quick = {"tau_EE" if cell < 300 else "tau_IE": 1e-6}
        # The kick rings at once; then all clocks stand still.
        piece = after(begin, taus | quick | parameters, duration=1e-3, step=1e-3, dt=1e-3)
        assert piece.spike_time.size == 1
        return piece

    def test_certain_kicks_reach_everyone_once_even_refractory_cells(self):
        ones = {"P_IE": 1.0, "P_EI": 1.0, "P_II": 1.0}
        arrays = state(self.one_spike(7, **ones))
        assert sorted(arrays["pending_ie"]) == list(range(300, 400))
        assert len(arrays["pending_ee"]) == 0  # P_EE = 0
        arrays = state(self.one_spike(333, **ones))
        assert sorted(arrays["pending_i"]) == list(range(400))

    def test_counts_are_in_the_right_row(self):
        assert self.one_spike(7, P_IE=1.0).series[:, -1].tolist() == pytest.approx(
            [1e3 / 300 / 1e-3, 0, 0, 100, 0, 0, 1, 0]
        )
        assert self.one_spike(333, P_EI=1.0).series[2:, -1].tolist() == [0, 0, 300, 0, 0, 1]
        assert self.one_spike(333, P_II=1.0).series[2:, -1].tolist() == [0, 0, 0, 100, 0, 1]

    def test_kicks_in_flight_are_those_of_the_spikes(self):
        """Nothing rings: what is pending is Binomial(spikes * targets, P)."""
        still = {"tau_EE": 1e12, "tau_IE": 1e12, "tau_I": 1e12}
        P = {"P_EE": 0.15, "P_IE": 0.5, "P_EI": 0.34, "P_II": 0.4}
        piece = run(parameters=still | P, duration=500.0)
        n_e, n_i = (np.sum(piece.spike_population == q) for q in (0, 1))
        pending = piece.series[2:6, -1]
        pairs = np.array([n_e * 300, n_e * 100, n_i * 300, n_i * 100])
        p = np.array([P["P_EE"], P["P_IE"], P["P_EI"], P["P_II"]])
        assert (np.abs(pending - p * pairs) < 4.5 * np.sqrt(p * (1 - p) * pairs)).all()
