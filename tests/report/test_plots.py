"""The diagrams draw what the tables say: pieces by stability, markers at special points."""

import numpy as np
import pytest

import snnsurrogate as sns
from snnsurrogate import dynamics
from snnsurrogate.report.plots._lines import runs
from tests.dynamics import known


@pytest.fixture(scope="module")
def branches():
    points = dynamics.continue_fixed_points(known.normal_form(), "mu", -0.4, 0.4)
    cycles = dynamics.continue_cycles(
        known.normal_form(), "mu", -0.4, 0.4, start=[1.0, 0.0], at=0.1
    )
    return points, cycles


def lines(ax, style):
    return [
        line for line in ax.lines if line.get_linestyle() == style and len(line.get_xdata()) > 1
    ]


def test_bifurcation_diagram(branches, tmp_path):
    figure = sns.plots.bifurcation_diagram(*branches, period=True)
    ax = figure.axes[0]
    solid = np.concatenate([line.get_xdata() for line in lines(ax, "-") if line.get_color() != ""])
    assert solid.min() == pytest.approx(-0.4)  # rest is stable from the left end on
    (fixed_stable,) = [line for line in lines(ax, "-") if np.ptp(line.get_ydata()) < 1e-9]
    assert fixed_stable.get_xdata().max() == pytest.approx(0.0, abs=1e-9)  # up to the Hopf point
    stable_cycles = [line for line in lines(ax, "-") if np.ptp(line.get_ydata()) > 0.1]
    assert len(stable_cycles) == 2  # largest and smallest value
    for line in stable_cycles:
        assert line.get_xdata().min() == pytest.approx(-0.25, abs=1e-9)  # from the fold on
    texts = sorted(text.get_text() for text in ax.texts)
    assert texts == ["H", "LPC"]
    markers = [line for line in ax.lines if line.get_linestyle() == "None"]
    hollow = [line for line in markers if line.get_markerfacecolor() == "white"]
    assert len(markers) == 3
    assert len(hollow) == 1  # the Hopf point is subcritical
    assert len(figure.axes) == 2
    figure.savefig(tmp_path / "diagram.png")
    assert (tmp_path / "diagram.png").stat().st_size > 10_000


def test_surrogate_over_truth(branches):
    figure = sns.plots.bifurcation_diagram(branches[0], over=branches[0])
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "surrogate" in labels


def test_every_step_of_a_cycle_of_a_map_is_drawn():
    three = dynamics.continue_cycles(known.logistic(), "r", 3.8, 3.9, period=3)
    ax = sns.plots.bifurcation_diagram(three).axes[0]
    heights = {
        round(float(line.get_ydata()[0]), 2) for line in ax.lines if len(line.get_xdata()) > 1
    }
    assert len(heights) >= 3
    assert "cycle, every step" in [t.get_text() for t in ax.get_legend().get_texts()]


def test_two_parameter_diagram(tmp_path):
    start = dynamics.special_points(
        dynamics.continue_fixed_points(known.bautin(), "mu", -0.4, 0.5, parameters={"beta": -0.5})
    )
    curve = dynamics.continue_special(
        known.bautin(), start, {"mu": (-0.4, 0.5), "beta": (-1.0, 1.0)}
    )
    figure = sns.plots.two_parameter_diagram(curve)
    ax = figure.axes[0]
    (solid,) = lines(ax, "-")
    assert solid.get_ydata().max() == pytest.approx(0.0, abs=1e-8)  # supercritical below
    assert [text.get_text() for text in ax.texts] == ["GH"]
    figure.savefig(tmp_path / "plane.png")


def test_nothing_found_still_draws():
    empty = dynamics.continue_fixed_points(known.saddle_node(), "p", -1.0, -0.5)
    assert sns.plots.bifurcation_diagram(empty).axes


def test_runs_split_at_special_points():
    branch = np.array([0, 0, 0, 0, 1, 1])
    style = np.array([1, 1, 0, 0, 1, 1])  # the special point itself (index 2) counts for neither
    labelled = np.array([False, False, True, False, False, False])
    pieces = [(s.start, s.stop, code) for s, code in runs(branch, style, labelled)]
    assert pieces == [(0, 3, 1), (2, 4, 0), (4, 6, 1)]


def test_bad_arguments(branches):
    with pytest.raises(ValueError, match="nothing to draw"):
        sns.plots.bifurcation_diagram()
    with pytest.raises(ValueError, match="no state 'z'"):
        sns.plots.bifurcation_diagram(branches[0], state="z")
    other = dynamics.continue_fixed_points(known.saddle_node(), "p", 0.5, 1.0)
    with pytest.raises(ValueError, match="different parameters"):
        sns.plots.bifurcation_diagram(branches[0], other)
    with pytest.raises(ValueError, match="bifurcation_diagram"):
        sns.plots.two_parameter_diagram(branches[0])
