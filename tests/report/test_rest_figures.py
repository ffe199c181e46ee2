"""Figures of a rest state beside an oscillation: drawn where the scores hold one, else left out."""

import numpy as np
import pytest
import xarray as xr

from snnsurrogate.report import report
from snnsurrogate.report._style import style
from snnsurrogate.report._view import View
from snnsurrogate.report.figures import rest_basin, rest_branches, rest_traces

PANELS = (rest_branches.PANEL, rest_traces.PANEL, rest_basin.PANEL)


@pytest.fixture
def unseen(scores):
    """The scores, with two maps of one protocol and one of a control that has no basin."""
    x = np.linspace(-44.5, -32.5, 31)
    leading = np.where(abs(x + 36) < 1, -0.5, 5.0)
    line = -60 + 1.2 * (x + 44.5)
    time = np.linspace(0, 30, 301)
    extra = xr.Dataset(
        {
            "rest_state": (("rest_run", "rest_value"), line + [[0.01], [0.02], [np.nan]]),
            "rest_leading": (("rest_run", "rest_value"), [leading, leading + 0.1, abs(leading)]),
            "rest_state_truth": (("rest_protocol", "rest_value"), [line, line]),
            "rest_leading_truth": (("rest_protocol", "rest_value"), [leading, abs(leading)]),
            "rest_run_protocol": ("rest_run", ["transients", "transients", "control"]),
            "rest_share": (("rest_basin", "rest_bound"), [[0.025, 0.02, 0.03], [0, 0, 0.004]]),
            "rest_basin_protocol": ("rest_basin", ["truth", "transients"]),
            "rest_plane": (("rest_source", "rest_V", "rest_S"), np.arange(24).reshape(2, 4, 3) < 9),
            "rest_point": ("rest_axis", [-50.6, 0.188]),
            "rest_trace": (("rest_source", "rest_start", "rest_time"), np.zeros((2, 2, 301))),
        },
        {
            "rest_value": ("rest_value", x, {"units": "mV"}),
            "rest_protocol": ["transients", "control"],
            "rest_start": ["beside the rest state", "large amplitude"],
            "rest_time": ("rest_time", time, {"units": "s"}),
            "rest_V": np.linspace(-55, -45, 4),
            "rest_S": np.linspace(0.18, 0.2, 3),
        },
    )
    return scores.merge(extra, combine_attrs="override")


@pytest.mark.parametrize("panel", PANELS, ids=lambda p: p.name)
def test_drawn_only_where_the_scores_hold_it(panel, scores, unseen):
    assert panel.optional
    assert panel.missing(View(scores))
    assert panel.missing(View(unseen)) == ""
    assert len(panel.caption(View(unseen))) > 40


def test_branches_show_every_map_and_where_it_is_stable(unseen):
    with style():
        figure = rest_branches.draw(View(unseen))
    axes = np.reshape(figure.axes, (3, 2))
    assert "transients" in axes[0, 0].get_title(loc="left")
    assert "control" in axes[0, 1].get_title(loc="left")
    for ax, count in ((axes[1, 0], 3), (axes[1, 1], 0)):  # two maps and the truth; none
        lines = [y[np.isfinite(y)] for y in (np.asarray(line.get_ydata()) for line in ax.lines)]
        stable = [len(y) for y in lines if y.size and y.max() < 0]
        assert stable == [int((abs(unseen["rest_value"] + 36) < 1).sum())] * count


def test_basin_and_traces(unseen):
    with style():
        basin, traces = rest_basin.draw(View(unseen)), rest_traces.draw(View(unseen))
    assert [ax.get_title(loc="left") for ax in basin.axes] == ["truth", "map", "basin fraction"]
    drawn = basin.axes[0].collections[0].get_array()
    np.testing.assert_array_equal(drawn.reshape(4, 3), unseen["rest_plane"].values[0])
    assert len(traces.axes) == 4


def test_pages_with_and_without(scores, unseen, tmp_path):
    assert 'id="rest_' not in report(scores, tmp_path / "plain.html", png=False).read_text()
    text = report(unseen, tmp_path / "page.html").read_text()
    for panel in PANELS:
        assert f'id="{panel.name}"' in text
        assert (tmp_path / "figures" / f"{panel.name}.png").is_file()
