"""The gamma network: its cells one by one, and the rhythm they make together."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import snnsurrogate as sns

pytestmark = pytest.mark.brian

QUIET = {"nu_noise": 0.0, "sigma_E": 0.0}
APART = {"g_EI": 0.0, "g_IE": 0.0, "g_II": 0.0}


def run(duration="600 ms", transient="200 ms", dt=None, sweep=None, **parameters):
    network = sns.systems.get("ping", **parameters)
    design = sns.Design.grid(sweep or {"I_E": [network.defaults["I_E"]]})
    return sns.simulate(
        network, design, duration=duration, record_every="1 ms", transient=transient, seed=3,
        record=("spikes",), dt=dt, processes=1,
    )  # fmt: skip


def rhythm(ds, sample=0):
    """Frequency of the largest peak of the spectrum of the E rate, and its Poisson-free height.

    The height is chi: the variation of counts in 5 ms beyond that of a Poisson process.
    """
    rate = ds["rate_E"].values[sample, 1:].astype(float)
    power = np.abs(np.fft.rfft(rate - rate.mean())) ** 2
    power = np.convolve(power, np.ones(3) / 3, mode="same")
    frequency = np.fft.rfftfreq(rate.size, 1e-3)
    band = (frequency >= 15) & (frequency <= 150)
    counts = (rate * float(ds["N_E"][sample]) * 1e-3).reshape(-1, 5).sum(1)
    chi = np.sqrt(max(counts.var() - counts.mean(), 0.0)) / counts.mean()
    return frequency[band][np.argmax(power[band])], chi


def traub_miles_rate(drive):
    """Rate of one Traub-Miles cell, integrated independently."""

    def rates(v):
        am, bm = (
            0.32 * (v + 54) / -np.expm1(-(v + 54) / 4),
            0.28 * (v + 27) / np.expm1((v + 27) / 5),
        )
        ah, bh = 0.128 * np.exp(-(v + 50) / 18), 4 / (1 + np.exp(-(v + 27) / 5))
        an, bn = 0.032 * (v + 52) / -np.expm1(-(v + 52) / 5), 0.5 * np.exp(-(v + 57) / 40)
        return am, bm, ah, bh, an, bn

    def rhs(_, x):
        v, h, n = x
        am, bm, ah, bh, an, bn = rates(v)
        ionic = 100 * (am / (am + bm)) ** 3 * h * (v - 50) + 80 * n**4 * (v + 100) + 0.1 * (v + 67)
        return [drive - ionic, ah * (1 - h) - bh * h, an * (1 - n) - bn * n]

    def crossing(_, x):
        return x[0] + 20

    crossing.direction = 1
    found = solve_ivp(
        rhs, (0, 600), [-70.0, 0.9, 0.1], events=crossing, rtol=1e-9, atol=1e-9, max_step=0.5
    )
    times = found.t_events[0]
    return 1000 / np.diff(times[times > 200]).mean()


def mean_rate(ds, population):
    """Rate from the intervals of cell 0."""
    table = sns.schema.spike_table(ds, 0)
    mine = (table["population"] == population) & (table["neuron"] == 0)
    return 1000 / np.diff(table["time"][mine]).mean()


def test_single_cells_fire_as_their_equations_say():
    ds = run(I_E=1.4, I_I=1.0, **APART, **QUIET)
    assert mean_rate(ds, 0) == pytest.approx(traub_miles_rate(1.4), rel=2e-3)
    # The same cell as "wang-buzsaki" of the registry, whose check it is.
    assert mean_rate(ds, 1) == pytest.approx(59.70149, rel=2e-3)
    for population in (0, 1):
        table = sns.schema.spike_table(ds, 0)
        mine = table["population"] == population
        counts = np.bincount(table["neuron"][mine])
        assert counts.size == (200, 50)[population]
        assert np.ptp(counts) <= 1  # no spike is counted twice


def test_half_the_step_gives_the_same_rates():
    rates = [mean_rate(run(I_I=1.0, dt=dt, **APART, **QUIET), 0) for dt in ("0.01 ms", "0.005 ms")]
    assert rates[0] == pytest.approx(rates[1], rel=1e-3)


def test_gamma_rhythm_and_its_period():
    ds = run(duration="1 s", sweep={"tau_dI": [6.0, 9.0, 18.0]})
    frequency, height = np.transpose([rhythm(ds, k) for k in range(3)])
    assert 30 < frequency[1] < 80
    assert height[1] > 0.8
    assert frequency[0] > 1.15 * frequency[1] > 1.15**2 * frequency[2]
    e, i = (ds[name].mean("time").values for name in ("rate_E", "rate_I"))
    assert i[1] == pytest.approx(frequency[1], rel=0.1)  # every I cell in every cycle
    assert e[1] == pytest.approx(frequency[1], rel=0.15)


def test_no_rhythm_without_the_loop():
    for cut in ("g_EI", "g_IE"):
        ds = run(duration="1 s", **{cut: 0.0})
        assert rhythm(ds)[1] < 0.2
        if cut == "g_EI":
            assert float(ds["rate_I"].max()) == 0.0
    assert rhythm(run(duration="1 s"))[1] > 0.8


def test_presets_differ():
    noisy, asynchronous = (rhythm(run(duration="1 s", **sns.systems.get("ping").presets[name]))
                           for name in ("noisy", "asynchronous"))  # fmt: skip
    assert asynchronous[1] < 0.2 < noisy[1]
    assert 30 < noisy[0] < 80
