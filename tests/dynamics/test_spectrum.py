"""Dimension, error and chaos of textbook systems."""

import numpy as np
import pytest

from snnsurrogate import dynamics
from snnsurrogate.dynamics.spectrum import standard_error

from . import known


def test_kaplan_yorke_closed_form():
    assert dynamics.kaplan_yorke([0.5, 0.0, -1.0]) == pytest.approx(2.5)
    assert dynamics.kaplan_yorke([-0.1, -1.0]) == 0
    assert dynamics.kaplan_yorke([0.2, 0.1]) == 2
    assert dynamics.kaplan_yorke([-1e-9, -1.0], zero=1e-6) == 1
    assert dynamics.kaplan_yorke([[0.0, -1.0], [0.5, -1.0]]).tolist() == [1.0, 1.5]
    assert np.isnan(dynamics.kaplan_yorke([np.nan, -1.0]))


def test_dimension_of_henon_and_lorenz():
    henon = dynamics.lyapunov(known.henon(), [0.1, 0.1], duration="200000 s", exponents=2)
    assert henon["kaplan_yorke"].item() == pytest.approx(1.258, abs=2e-3)
    lorenz = dynamics.lyapunov(
        known.lorenz(), [1.0, 1.0, 1.0], duration="1000 s", transient="50 s", exponents=3
    )
    assert lorenz["kaplan_yorke"].item() == pytest.approx(2.062, abs=2e-3)
    error = lorenz["standard_error"].values[0]
    assert abs(lorenz["lyapunov"].values[0, 0] - 0.906) < 4 * error[0] < 0.1


def test_only_chaos_is_marked_chaotic():
    table = dynamics.lyapunov(
        known.logistic(), [0.3], {"r": [2.5, 3.2, 3.5, 3.83, 3.5699, 3.58, 3.7, 4.0]},
        duration="100000 s",
    )  # fmt: skip
    # 3.83 lies in the window of period 3, 3.5699 before the accumulation at 3.569946
    assert table["chaotic"].values.tolist() == [False] * 5 + [True] * 3
    lorenz = dynamics.lyapunov(
        known.lorenz(), [1.0, 1.0, 1.0], {"r": [20.0, 28.0, 160.0]}, duration="500 s",
        transient="100 s", exponents=3,
    )  # fmt: skip
    assert lorenz["chaotic"].values.tolist() == [False, True, False]  # rest, chaos, a cycle
    assert lorenz["kaplan_yorke"].values[[0, 2]].tolist() == [0.0, 1.0]


def test_bursting_neuron_is_chaotic_only_in_its_thin_layer():
    table = dynamics.lyapunov(
        "sherman", parameters={"V_S": [-40.0, -36.0, -33.0, -33.77, -46.0]}, duration="100 s",
        transient="100 s",
    )  # fmt: skip
    assert table["chaotic"].values.tolist() == [False, False, False, True, False]
    assert "kaplan_yorke" not in table


def test_zero_one_test():
    table = dynamics.orbit_diagram(
        known.logistic(), "r", [3.2, 3.55, 3.83, 3.97, 4.0], by="step", x0=[0.3],
        duration="2000 s", transient="2000 s", most=2000,
    )  # fmt: skip
    k = dynamics.zero_one_test(table["x"].values)
    assert k[:3] == pytest.approx(0, abs=0.05)
    assert k[3:] == pytest.approx(1, abs=0.02)
    maxima = dynamics.orbit_diagram(
        known.lorenz(), "r", [28.0, 160.0], by="maximum", state="z", x0=[1.0, 1.0, 1.0],
        duration="700 s", transient="50 s",
    )  # fmt: skip
    k = dynamics.zero_one_test(maxima["z"].values[:, :800])
    assert k == pytest.approx([1, 0], abs=0.05)


def test_zero_one_test_of_a_rotation_and_of_nothing():
    n = np.arange(1000)
    assert dynamics.zero_one_test(np.cos(2 * np.pi * 0.6180339887 * n)) == pytest.approx(0, abs=0.2)
    assert dynamics.zero_one_test(np.random.default_rng(0).random(1000)) > 0.95
    assert np.isnan(dynamics.zero_one_test(np.full(200, 3.0)))
    with pytest.raises(ValueError, match="n >= 100"):
        dynamics.zero_one_test(np.zeros(50))


def test_standard_error_of_independent_blocks():
    means = np.random.default_rng(0).normal(2.0, 0.5, (128, 2000))
    error = standard_error(np.cumsum(means, 0), 128.0)
    assert np.sqrt(np.mean(error**2)) == pytest.approx(0.5 / np.sqrt(128), rel=0.15)
    assert np.isnan(standard_error(np.ones((3, 1)), 1.0)).all()


def test_standard_error_of_a_bounded_part():
    """Growth t plus noise of deviation 0.5 at both ends: the mean is off by 0.5 sqrt(2)/128."""
    growth = np.arange(129.0)[:, None] + np.random.default_rng(0).normal(0, 0.5, (129, 2000))
    sums = growth[1:] - growth[0]
    error = standard_error(sums, 128.0)
    assert np.sqrt(np.mean(error**2)) == pytest.approx((sums[-1] / 128).std(), rel=0.25)


@pytest.mark.parametrize(
    ("make", "centre", "spread", "duration"),
    [("lorenz", [0, 0, 20], 5.0, "200 s"), ("henon", [0, 0], 0.1, "20000 s"),
     ("logistic", [0.5], 0.4, "20000 s")],
)  # fmt: skip
def test_standard_error_is_the_spread_over_starts(make, centre, spread, duration):
    kernel = getattr(known, make)()
    starts = np.array(centre) + np.random.default_rng(0).uniform(-1, 1, (30, len(centre))) * spread
    table = dynamics.lyapunov(kernel, starts, duration=duration)
    ratio = table["standard_error"].values[:, 0].mean() / table["lyapunov"].values[:, 0].std(ddof=1)
    assert 0.5 < ratio < 2


def test_bad_significance():
    with pytest.raises(ValueError, match="between 0 and 1"):
        dynamics.lyapunov(known.logistic(), [0.3], duration="1000 s", significance=0.0)
