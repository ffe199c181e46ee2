"""Cycles at given parameters and their multipliers, against closed forms and simulation."""

import json
from pathlib import Path

import numpy as np
import pytest

from snnsurrogate import dynamics

from . import known

REFERENCE = Path(__file__).parents[1] / "reference"
HH = json.loads((REFERENCE / "hodgkin_huxley.json").read_text())["tables"]


def test_closed_form():
    """r' = mu r + r^3 - r^5: the outer cycle, period pi, multiplier exp(T (2 s - 4 s^2))."""
    mu = np.array([-0.2, 0.1, 0.3])
    s = (1 + np.sqrt(1 + 4 * mu)) / 2
    table = dynamics.cycles(known.normal_form(), {"mu": mu}, x0=[1.2, 0.0])
    assert table["found"].all()
    np.testing.assert_allclose(table["period"], np.pi, rtol=1e-9)
    np.testing.assert_allclose(
        table["multiplier_real"][:, 0], np.exp(np.pi * (2 * s - 4 * s**2)), rtol=1e-7
    )
    np.testing.assert_allclose(table["trivial_error"], 0.0, atol=1e-8)
    radius = np.hypot(table["x"], table["y"])
    np.testing.assert_allclose(
        radius, np.broadcast_to(np.sqrt(s)[:, None], radius.shape), atol=3e-7
    )


def test_hodgkin_huxley_rates():
    rows = [row for row in HH["f_I_steady"]["rows"] if 8 <= row["I"] <= 80]
    table = dynamics.cycles("hodgkin-huxley", {"I": [row["I"] for row in rows]})
    assert table["found"].all()
    assert table["stable"].all()
    rates = 1000 / table["period"].values
    np.testing.assert_allclose(rates, [row["rate"] for row in rows], atol=0.06)
    assert float(table["trivial_error"].max()) < 1e-6
    for row in HH["tonic_peak"]["rows"]:
        if 8 <= row["I"] <= 80:
            i = [r["I"] for r in rows].index(row["I"])
            assert float(table["V"][i].max()) == pytest.approx(row["peak"], abs=0.5)


def test_multipliers_against_the_variational_equation():
    """The largest nontrivial multiplier is the Lyapunov exponent beside the zero one."""
    table = dynamics.cycles("hodgkin-huxley", {"I": 10.0})
    exponents = dynamics.lyapunov(
        "hodgkin-huxley",
        [float(table[name][0, 0]) for name in ("V", "m", "h", "n")],
        {"I": 10.0},
        duration=f"{300 * float(table['period'][0])} ms",
        exponents=2,
    )
    expected = np.log(table["multiplier_real"].values[0, -2]) / table["period"].values[0]
    assert float(exponents["lyapunov"][0, 1]) == pytest.approx(expected, rel=2e-3)


def test_bursting():
    """Periods of bursting stated in the reference."""
    table = dynamics.cycles("sherman", {"V_S": [-40.0, -33.0]})
    assert table["found"].all()
    assert float(table["period"][0]) == pytest.approx(8.7, abs=0.06)
    assert float(table["period"][1]) == pytest.approx(0.449, abs=1e-3)


def test_rest_chaos_and_escape_are_said():
    table = dynamics.cycles("hodgkin-huxley", {"I": [0.0, 10.0]})
    assert table["found"].values.tolist() == [False, True]
    assert "fixed point" in str(table["reason"][0].values)
    assert "1 of 2 samples have no cycle" in table.attrs["note"]
    chaos = dynamics.cycles(known.lorenz(), x0=[1.0, 1.0, 20.0])
    assert not chaos["found"].any()
    assert "not periodic" in str(chaos["reason"][0].values)
    escape = dynamics.cycles(known.no_fixed_point(), x0=[0.0])
    assert "diverged" in str(escape["reason"][0].values)


def test_k_cycles_of_the_logistic_map():
    r = 3.84
    table = dynamics.cycles(known.logistic(), {"r": r}, period=3)
    assert int(table["count"][0]) == 2  # one stable, one unstable, above 1 + sqrt 8
    assert sorted(table["stable"].values[0].tolist()) == [False, True]
    for j in range(2):
        x = table["x"].values[0, j]
        np.testing.assert_allclose(r * x * (1 - x), np.roll(x, -1), atol=1e-13)
        np.testing.assert_allclose(
            table["multiplier_real"][0, j, 0], np.prod(r * (1 - 2 * x)), rtol=1e-10
        )
    counts = [
        int(dynamics.cycles(known.logistic(), {"r": 4.0}, period=k, starts=512)["count"][0])
        for k in (2, 3, 4, 5)
    ]
    assert counts == [1, 2, 3, 6]  # all there are, at full chaos


def test_two_cycle_of_henon_closed_form():
    a, b = 0.8, 0.3
    table = dynamics.cycles(known.henon(), {"a": a}, period=2)
    x = table["x"].values[0, 0]
    assert x.sum() == pytest.approx((1 - b) / a, abs=1e-12)
    assert x.prod() == pytest.approx(((1 - b) ** 2 - a) / a**2, abs=1e-12)
    multipliers = table["multiplier_real"].values[0, 0] + 1j * table["multiplier_imag"].values[0, 0]
    assert np.prod(multipliers) == pytest.approx(b**2, abs=1e-12)  # the squared Jacobian


def test_no_k_cycle_is_said():
    table = dynamics.cycles(known.logistic(), {"r": [2.9, 3.2]}, period=2)
    assert table["count"].values.tolist() == [0, 1]
    assert "1 of 2 samples have no 2-cycle" in table.attrs["note"]


def test_bad_arguments():
    with pytest.raises(ValueError, match="1 for a flow"):
        dynamics.cycles("hodgkin-huxley", period=2)
    with pytest.raises(ValueError, match="positive integer"):
        dynamics.cycles(known.logistic(), period=0)
    with pytest.raises(ValueError, match="x0 is missing"):
        dynamics.cycles(known.lorenz())
