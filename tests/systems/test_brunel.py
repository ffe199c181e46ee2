"""The Brunel network: rates of the mean-field theory, and the states of the paper."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import erfcx

import snnsurrogate as sns

pytestmark = pytest.mark.brian

DEFAULTS = sns.systems.get("brunel").defaults


def siegert(mu, sigma, tau=20e-3, theta=20.0, reset=10.0, refractory=2e-3):
    """Rate in Hz of a leaky integrate-and-fire cell under white noise (Brunel 2000, eq. 21)."""
    area, _ = quad(lambda u: erfcx(-u), (reset - mu) / sigma, (theta - mu) / sigma, limit=200)
    return 1 / (refractory + tau * np.sqrt(np.pi) * area)


def stationary_rate(g, eta, J=0.1, c_e=1000, tau=20e-3, theta=20.0):
    """The self-consistent rate of the network: eqs. 4, 5 and 21 of the paper, gamma = 1/4."""
    external = eta * theta / (J * c_e * tau)

    def excess(nu):
        mu = c_e * J * tau * (external + nu * (1 - g / 4))
        sigma = J * np.sqrt(c_e * tau * (external + nu * (1 + g**2 / 4)))
        return siegert(mu, sigma) - nu

    rates = np.linspace(0.01, 499, 1000)
    signs = np.sign([excess(nu) for nu in rates])
    k = np.flatnonzero(np.diff(signs))
    assert k.size == 1
    return brentq(excess, rates[k[0]], rates[k[0] + 1])


def run(name="AI", duration="500 ms", transient="200 ms", **parameters):
    network = sns.systems.get(f"brunel:{name}", **parameters)
    design = sns.Design.points({"g": [network.defaults["g"]]})
    return sns.simulate(
        network, design, duration=duration, record_every="1 ms", transient=transient, seed=5,
        record=("spikes",), processes=1,
    )  # fmt: skip


def peak(ds, low=10.0):
    """Frequency of the largest peak of the spectrum of the E rate, in Hz."""
    rate = ds["rate_E"].values[0, 1:]
    power = np.abs(np.fft.rfft(rate - rate.mean())) ** 2
    power = np.convolve(power, np.ones(5) / 5, mode="same")
    frequency = np.fft.rfftfreq(rate.size, 1e-3)
    return frequency[frequency >= low][np.argmax(power[frequency >= low])]


def interval_cv(ds):
    table = sns.schema.spike_table(ds, 0)
    cells = table["population"] == 0
    time, neuron = table["time"][cells], table["neuron"][cells]
    order = np.lexsort((time, neuron))
    gaps, same = np.diff(time[order]), np.diff(neuron[order]) == 0
    trains = np.split(gaps[same], np.cumsum(np.bincount(neuron[order][1:][same]))[:-1])
    return np.mean([train.std() / train.mean() for train in trains if train.size >= 3])


def test_theory_reproduces_the_paper():
    assert stationary_rate(5.0, 2.0) == pytest.approx(37.95, abs=0.01)  # Fig. 8C: 38.0 Hz
    assert stationary_rate(6.0, 4.0) == pytest.approx(55.84, abs=0.01)  # Fig. 8B: 55.8 Hz
    assert stationary_rate(4.5, 0.9) == pytest.approx(6.52, abs=0.01)  # Fig. 8D: 6.5 Hz


def test_cells_without_a_network_fire_as_the_theory_says():
    ds = run(duration="2 s", C_E=0, C_I=0, eta=1.05, N_E=4000, N_I=1000)
    rates = [float(ds[name].mean()) for name in ("rate_E", "rate_I")]
    # Kicks of finite size and finite steps leave less than 1 %.
    expected = siegert(21.0, np.sqrt(0.1 * 21.0))
    np.testing.assert_allclose(rates, expected, rtol=0.015)
    assert interval_cv(ds) == pytest.approx(0.276, abs=0.01)  # theory: eq. of appendix A


@pytest.mark.slow
def test_asynchronous_irregular_state_has_the_rate_of_the_theory():
    ds = run("AI", duration="1 s")
    rate = float(ds["rate_E"].mean())
    assert rate == pytest.approx(stationary_rate(5.0, 2.0), rel=0.04)
    assert float(ds["rate_I"].mean()) == pytest.approx(rate, rel=0.02)  # model A: identical cells
    assert rate == pytest.approx(10 * (2 - 1) / (5 / 4 - 1), rel=0.1)  # leading order, eq. 23
    assert interval_cv(ds) > 0.3


@pytest.mark.slow
def test_fast_oscillation_follows_the_delay():
    # Weak oscillation of strongly inhibited networks: a quarter of its period is the delay.
    for delay in (1.5, 3.0):
        ds = run("SI-fast", D=delay)
        assert peak(ds, low=50.0) == pytest.approx(1000 / (4 * delay), rel=0.2)
        rate = float(ds["rate_E"].mean())
        assert rate < 0.8 * peak(ds, low=50.0)  # cells skip cycles
        assert interval_cv(ds) > 0.4


@pytest.mark.slow
def test_regular_states_and_what_delays_do_to_them():
    synchronous = run("SR", duration="200 ms", transient="100 ms")
    asynchronous = run("AR", duration="200 ms", transient="100 ms")
    expected = stationary_rate(3.0, 2.0)
    assert float(asynchronous["rate_E"].mean()) == pytest.approx(expected, rel=0.03)
    assert float(synchronous["rate_E"].mean()) == pytest.approx(expected, rel=0.08)
    variation = [
        float(ds["rate_E"].std() / ds["rate_E"].mean()) for ds in (synchronous, asynchronous)
    ]
    assert variation[0] > 0.5
    assert variation[1] < 0.05
    assert interval_cv(synchronous) < 0.05
    assert interval_cv(asynchronous) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "label", "rate"),
    # Rates of the paper's simulations (10000 + 2500 cells): 60.7, 37.7 and 5.5 Hz.
    [("SI-fast", "SI", 60.7), ("AI", "AI", 37.7), ("SI-slow", "SI", 5.5)],
)
def test_states_of_figure_8(name, label, rate):
    ds = run(name, duration="2 s")
    assert float(ds["rate_E"].mean()) == pytest.approx(rate, rel=0.12)
    labels = sns.regimes(ds)
    names = dict(
        zip(labels.attrs["flag_values"], labels.attrs["flag_meanings"].split(), strict=True)
    )
    assert names[labels.values[0]] == label
    if name == "SI-slow":
        assert 15 < peak(ds) < 30  # 22 Hz in the paper
