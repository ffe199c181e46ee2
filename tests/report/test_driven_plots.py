"""Figures of driven neurons show the numbers that they are given."""

import numpy as np
import pytest
import xarray as xr

import snnsurrogate as sns


def table(shift=0.0):
    """As `excitability` returns, with every curve moved by `shift`."""
    current = np.array([7.0, 20.0])
    return xr.Dataset(
        {
            "rate": ("current", np.array([58.3, 86.5]) * (1 + shift)),
            "latency": ("weak", [4.5 + shift, 1.8 + shift]),
            "half_width": ("spike", [1.2, 0.9]),
            "peak": ("spike", [40.0, 30.0]),
            "trough": ("spike", [-75.0, -75.0]),
            "rebound_latency": ("release", [np.nan, 4.7 + shift]),
            "steady": ("level", [-71.9, -63.5]),
        },
        coords={"current": current, "weak": [3.0, 10.0], "release": [-2.0, -5.0],
                "level": [-5.0, 2.0], "spike": ["first", "tonic"]},
    )  # fmt: skip


def test_curves_and_their_errors():
    figure = sns.plots.excitability_curves({"neuron": table(), "network": table(0.01)})
    axes = {ax.get_ylabel(): ax for ax in figure.axes}
    rates = [line.get_ydata() for line in axes["rate (Hz)"].lines]
    np.testing.assert_allclose(rates, [[58.3, 86.5], [58.883, 87.365]])
    np.testing.assert_allclose(axes["error of the rate (%)"].lines[0].get_ydata(), 1.0)
    np.testing.assert_allclose(axes["error of the latency (ms)"].lines[0].get_ydata(), 0.01)
    assert figure.legends[0].get_texts()[1].get_text() == "network"


def test_responses_stand_above_their_input():
    protocol = sns.protocols.step("amplitude", start="2 ms")
    truth = sns.simulate(
        "hodgkin-huxley", sns.Design.points({"amplitude": [0.0, 10.0]}), duration="10 ms",
        record_every="0.1 ms", protocol=protocol, progress=False,
    )  # fmt: skip
    figure = sns.plots.response_traces({"a": truth, "b": truth}, titles=["rest", "step"])
    upper = [ax for ax in figure.axes if ax.get_title(loc="left") == "step"]
    assert len(upper) == 1
    np.testing.assert_array_equal(upper[0].lines[1].get_ydata(), truth["V"].values[1])
    inputs = [ax for ax in figure.axes if ax.get_ylabel().startswith("$I$") and ax.get_visible()]
    assert {float(ax.lines[0].get_ydata()[-1]) for ax in inputs} == {0.0, 10.0}


def test_ramps():
    ramp = xr.Dataset(
        {
            "spike_input": (("leg", "spike"), [[12.0, 13.0], [8.0, 7.0]]),
            "spike_rate": (("leg", "spike"), [[np.nan, 75.0], [62.0, 58.0]]),
            "begins": 12.0,
            "ends": 7.0,
        },
        coords={"leg": ["up", "down"]},
    )
    figure = sns.plots.ramp_rates({"neuron": ramp})
    up, down, *_ = figure.axes[0].lines
    np.testing.assert_array_equal(up.get_xdata(), [12.0, 13.0])
    assert down.get_markerfacecolor() == "white"
    assert any("7 (down)" in t.get_text() for t in figure.axes[0].texts)


def test_surfaces_mark_where_one_alone_fires():
    rate = [[[np.nan, 60.0], [50.0, 70.0]], [[40.0, 63.0], [50.0, 70.0]]]
    table = xr.Dataset(
        {"rate": (("source", "value", "current"), rate), "trained": ("value", [True, False])},
        coords={
            "source": ["truth", "surrogate"],
            "value": ("value", [6.3, 10.0], {"units": "1", "long_name": "celsius"}),
            "current": [5.0, 10.0],
        },
    )
    figure = sns.plots.rate_surfaces(table)
    truth, learned, apart = figure.axes[:3]
    np.testing.assert_allclose(np.asarray(apart.collections[0].get_array())[0, 1], 5.0)
    cross = next(line for line in apart.lines if line.get_marker() == "x")
    assert (cross.get_xdata().tolist(), cross.get_ydata().tolist()) == ([5.0], [6.3])
    marked = [line for line in truth.lines if line.get_marker() == "<"]
    assert marked[0].get_ydata().tolist() == [6.3]
    assert "celsius" in truth.get_ylabel()


@pytest.mark.parametrize(
    "draw",
    ["excitability_curves", "response_traces", "ramp_rates"],
)
def test_nothing_to_draw(draw):
    with pytest.raises(ValueError, match="expected"):
        getattr(sns.plots, draw)({})


def test_cycles_are_dashed_where_unstable():
    axes = {"v": np.linspace(-2.5, 2.5, 30), "w": np.linspace(-1.0, 2.0, 30)}
    ring = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    figure = sns.plots.phase_planes(
        sns.plots.PhasePlane(
            nullclines=sns.dynamics.nullclines("fitzhugh-nagumo", {"I": 0.5}, axes=axes),
            cycles=((ring, True), (ring, False)),
            behind=(ring,),
        )
    )
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names[2:] == ["stable cycle", "unstable cycle", "equations, projected"]
    drawn = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 3]
    assert sorted(line.is_dashed() for line in drawn) == [False, False, True]
