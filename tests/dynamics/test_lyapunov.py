"""Lyapunov exponents of textbook systems and of the bursting neuron."""

import numpy as np
import pytest

from snnsurrogate import dynamics

from . import known


def test_logistic_map_is_log_two():
    table = dynamics.lyapunov(known.logistic(), [0.3], duration="300000 s")
    assert table["lyapunov"].values[0, 0] == pytest.approx(np.log(2), abs=2e-3)


def test_henon_map():
    table = dynamics.lyapunov(known.henon(), [0.1, 0.1], duration="200000 s", exponents=2)
    first, second = table["lyapunov"].values[0]
    assert first == pytest.approx(0.419, abs=2e-3)
    assert first + second == pytest.approx(np.log(0.3), abs=1e-9)  # constant area contraction


def test_lorenz_spectrum():
    table = dynamics.lyapunov(
        known.lorenz(), [1.0, 1.0, 1.0], duration="3000 s", transient="50 s", exponents=3
    )
    exponents = table["lyapunov"].values[0]
    assert exponents == pytest.approx([0.906, 0.0, -14.57], abs=0.02)
    assert exponents.sum() == pytest.approx(-(10 + 1 + 8 / 3), abs=3e-4)  # RK4 at 0.01


def test_linear_focus_and_step_of_orthogonalisation():
    for kind in ("flow", "map"):
        for every in (1, 7):
            table = dynamics.lyapunov(
                known.spiral(kind=kind, step=0.01), [0.1, 0.0], {"mu": [-0.5, 0.25]},
                duration="70 s", exponents=2, every=every,
            )  # fmt: skip
            np.testing.assert_allclose(table["lyapunov"], [[-0.5, -0.5], [0.25, 0.25]], atol=5e-3)
            np.testing.assert_allclose(table["lyapunov"].mean("exponent"), [-0.5, 0.25], atol=1e-8)


def test_bursting_neuron_periodic_and_chaotic():
    """Periodic at -36 and -33, chaotic in the thin layer at -33.77, rest below the Hopf point."""
    table = dynamics.lyapunov(
        "sherman", parameters={"V_S": [-36.0, -33.0, -33.77, -46.0]}, duration="200 s",
        transient="100 s",
    )  # fmt: skip
    bursting, tonic, chaotic, rest = table["lyapunov"].values[:, 0]
    assert abs(bursting) < 0.03
    assert abs(tonic) < 0.03
    assert chaotic == pytest.approx(1.0, abs=0.5)
    assert rest < -0.3


@pytest.mark.slow
def test_bistable_variant_in_its_chaotic_layer():
    table = dynamics.lyapunov(
        "sherman-bistable", parameters={"V_S": [-35.0, -34.95]}, duration="500 s",
        transient="100 s",
    )  # fmt: skip
    assert table["lyapunov"].values[:, 0] == pytest.approx([0.72, 0.27], rel=0.3)


def test_divergence_is_flagged():
    table = dynamics.lyapunov(known.logistic(), [0.3], {"r": [4.0, 5.5]}, duration="1000 s")
    assert table["status"].values.tolist() == [0, 1]
    assert np.isnan(table["lyapunov"].values[1]).all()


def test_bad_step():
    for run in (dynamics.lyapunov, dynamics.basins):
        with pytest.raises(ValueError, match="expected a time above zero"):
            run(
                known.double_well(),
                duration="10 s",
                transient="1 s",
                dt="0 s",
                **({"x0": [0.1, 0.0]} if run is dynamics.lyapunov else {}),
            )
    for keywords in ({"values": []}, {"values": [0.1], "kick": np.nan}):
        with pytest.raises(ValueError, match="expected a value at least"):
            dynamics.orbit_diagram(
                known.logistic(), "r", by="step", duration="10 s", transient="1 s", **keywords
            )


@pytest.mark.parametrize(
    ("keywords", "match"),
    [
        ({"duration": 100}, 'duration=100 has no unit; write "100 s"'),
        ({"duration": "10 s", "exponents": 2}, "expected 1 to 1"),
        ({"duration": "0 s"}, "0 and 0 steps"),
        ({"duration": "10 s", "x0": None}, "x0 is missing"),
        ({"duration": "10 s", "x0": [0.1, 0.2]}, "x0 has shape"),
        ({"duration": "10 s", "x0": {"y": 0.1}}, "x0 lacks x"),
    ],
)
def test_bad_input(keywords, match):
    with pytest.raises(ValueError, match=match):
        dynamics.lyapunov(known.logistic(), **({"x0": [0.3]} | keywords))
