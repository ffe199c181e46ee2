"""Orbit diagrams with answers in closed form, hysteresis, and the bursting neuron's intervals."""

import numpy as np
import pytest

import snnsurrogate as sns
from snnsurrogate import dynamics
from snnsurrogate.features.spikes import detect

from . import known


def orbit(kernel, parameter, values, **keywords):
    given = {"duration": "100 s", "transient": "1000 s", "x0": [0.3]} | keywords
    return dynamics.orbit_diagram(kernel, parameter, values, **given)


def values_of(table, name, sample):
    shown = table[name].values[sample]
    return np.unique(np.round(shown[np.isfinite(shown)], 7))


def test_logistic_map_fixed_point_and_two_cycle():
    table = orbit(known.logistic(), "r", [2.5, 3.2, 3.5], by="step")
    assert values_of(table, "x", 0) == pytest.approx([0.6])
    r = 3.2  # x = (r + 1 -+ sqrt((r - 3)(r + 1)))/(2 r)
    two = (r + 1 + np.array([-1, 1]) * np.sqrt((r - 3) * (r + 1))) / (2 * r)
    assert values_of(table, "x", 1) == pytest.approx(two, abs=1e-6)
    assert len(values_of(table, "x", 2)) == 4
    assert table["count"].values.tolist() == [100] * 3


def test_flips_of_the_logistic_map_are_at_3_and_1_plus_root_6():
    r = np.array([2.98, 3.02, 1 + np.sqrt(6) - 0.01, 1 + np.sqrt(6) + 0.01])
    table = orbit(known.logistic(), "r", r, by="step", transient="20000 s")
    assert [len(values_of(table, "x", i)) for i in range(4)] == [1, 2, 2, 4]


def test_intervals_and_section_of_a_circle():
    """Angle grows by 1 per second: every interval is 2 pi, the section at y = 0 is x = radius."""
    table = orbit(
        known.subcritical_hopf(), "mu", [-0.1, 0.2], by="section", state="y", level=0.0,
        x0=[1.2, 0.3], duration="50 s", transient="100 s",
    )  # fmt: skip
    radius = np.sqrt(0.5 + np.sqrt(0.25 + np.array([-0.1, 0.2])))
    np.testing.assert_allclose(table["interval"].values[:, 1:7], 2 * np.pi, rtol=2e-6)
    np.testing.assert_allclose(
        table["x"].values[:, :7], np.repeat(radius[:, None], 7, 1), rtol=1e-6
    )
    np.testing.assert_allclose(table["high"].sel(state="x"), radius, rtol=1e-3)
    assert table.attrs["shows"] == "y"
    assert table["interval"].attrs["units"] == "s"


@pytest.mark.parametrize(("by", "sign"), [("maximum", 1), ("minimum", -1)])
def test_extremes_of_a_circle(by, sign):
    table = orbit(
        known.subcritical_hopf(), "mu", [0.1], by=by, state="x", x0=[1.2, 0.3], duration="40 s"
    )
    radius = np.sqrt(0.5 + np.sqrt(0.35))
    assert table["x"].values[0, :6] == pytest.approx(sign * radius, rel=1e-5)
    assert table["y"].values[0, :6] == pytest.approx(0, abs=1e-3)


def test_hysteresis_of_a_subcritical_hopf_point():
    """Rest up to mu = 0 when mu grows, the cycle down to the fold at mu = -1/4 when it falls."""
    mu = np.round(np.arange(-0.4, 0.2, 0.02), 12) + 0.001
    both = {
        direction: orbit(
            known.subcritical_hopf(), "mu", mu, direction=direction, by="maximum", state="x",
            x0=[0.01, 0.0], duration="30 s", transient="600 s",
        )
        for direction in ("forward", "backward")
    }  # fmt: skip
    swings = {name: table["high"].sel(state="x").values > 0.5 for name, table in both.items()}
    assert mu[swings["forward"]].min() == pytest.approx(0.001, abs=0.0201)
    assert mu[swings["backward"]].min() == pytest.approx(-0.25, abs=0.0201)
    apart = dynamics.hysteresis(both["forward"], both["backward"])
    np.testing.assert_array_equal(apart.values, swings["forward"] != swings["backward"])
    assert (np.diff(both["backward"]["mu"]) > 0).all(), "in the order that was given"


def test_a_sweep_goes_on_after_a_divergence():
    table = orbit(known.logistic(), "r", [3.2, 5.0, 2.5], by="step", direction="backward")
    assert table["status"].values.tolist() == [0, 1, 0]
    assert np.isnan(table["x"].values[1]).all()
    assert np.isnan(table["high"].values[1]).all()
    assert values_of(table, "x", 2) == pytest.approx([0.6])


def test_events_beyond_the_room_are_counted():
    table = orbit(known.logistic(), "r", [4.0], by="step", most=10)
    assert table.sizes["event"] == 10
    assert table["count"].item() == 100


def test_bursting_neuron_by_intervals():
    """Tonic intervals and the two classes of a burster (known values), as the detector has them."""
    v_s = [-36.0, -33.0, -30.0, -46.0]
    table = dynamics.orbit_diagram("sherman", "V_S", v_s, duration="20 s", transient="60 s")
    intervals = table["interval"].values
    assert np.nanmax(intervals[1]) == pytest.approx(0.449, rel=0.01)
    assert np.nanmin(intervals[1]) == pytest.approx(0.449, rel=0.01)
    assert np.nanmedian(intervals[2]) == pytest.approx(0.279, rel=0.01)
    assert np.nanmax(intervals[0]) > 10 * np.nanmin(intervals[0])
    assert table["count"].values[3] == 0
    assert table["high"].values[3] - table["low"].values[3] == pytest.approx(0, abs=1e-4)


def test_surrogate_diagram_is_that_of_its_rollout():
    surrogate = sns.load("bursting-map")
    start = {"V": -30.0, "n": 0.0206, "S": 0.178}
    table = dynamics.orbit_diagram(
        surrogate, "V_S", [-36.0, -33.0], x0=start, duration="20 s", transient="0 s"
    )
    rollout = surrogate.rollout(start, {"V_S": [-36.0, -33.0]}, "20 s")
    for i in range(2):
        times = table["event_time"].values[i]
        own = detect(rollout["V"].values[i], 0.01, threshold=-35.0, reset=-40.0)
        np.testing.assert_allclose(times[np.isfinite(times)], own, atol=1e-6)
    assert not table["extrapolated"].any()
    outside = dynamics.orbit_diagram(
        surrogate, "V_S", [-30.0], x0=start, duration="5 s", transient="0 s"
    )
    assert outside["extrapolated"].all()


def test_cost_of_500_values_of_20_s():
    import time

    surrogate = sns.load("bursting-map")
    start = {"V": -30.0, "n": 0.0206, "S": 0.178}
    run = lambda n: dynamics.orbit_diagram(  # noqa: E731
        surrogate, "V_S", np.linspace(-44, -33, n), x0=start, duration="20 s", transient="0 s"
    )
    run(2)
    began = time.process_time()
    run(500)
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("keywords", "match"),
    [
        ({"direction": "up"}, "expected one of forward, backward, fixed"),
        ({"by": "peak"}, "expected one of step, interval, section"),
        ({"by": "interval"}, "needs a level of x"),
        ({"by": "maximum", "state": "y"}, "expected one of x"),
        ({"by": "step", "duration": 100}, "has no unit"),
        ({"by": "step", "duration": "1 s"}, "need 3 or more"),
        ({"by": "step", "parameters": {"r": 3.0}}, "leave it out"),
        ({"by": "step", "x0": None}, "x0 is missing"),
    ],
)
def test_bad_input(keywords, match):
    with pytest.raises(ValueError, match=match):
        orbit(known.logistic(), "r", [3.0], **keywords)


def test_flow_has_no_steps_and_diagrams_must_fit():
    with pytest.raises(ValueError, match="is for maps"):
        orbit(known.lorenz(), "r", [28.0], by="step", x0=[1.0, 1.0, 1.0])
    one, two = (orbit(known.logistic(), "r", [r], by="step") for r in (3.0, 3.1))
    with pytest.raises(ValueError, match="differ in their values of r"):
        dynamics.hysteresis(one, two)
