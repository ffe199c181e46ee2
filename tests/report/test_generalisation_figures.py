"""Planes of splits and curves of coverage: drawn from what the scores hold, left out without."""

import json

import numpy as np
import pytest
import xarray as xr

from snnsurrogate.report import _page, _style, report
from snnsurrogate.report._view import View
from snnsurrogate.report.figures import learning, splits


@pytest.fixture
def generalisation(scores, monkeypatch):
    """Scores with the material of both figures, and only these drawn."""
    monkeypatch.setattr(_style, "DPI", 30)
    monkeypatch.setattr(_page, "PANELS", (splits.PANEL, learning.PANEL))
    n = scores.sizes["sample"]
    part = np.zeros((2, n), dtype=np.int8)
    part[1, n // 2 :] = 1
    right = np.ones((2, n))
    right[1, -3:] = 0.0
    curve, bins = np.array([[0.5, 0.9], [0.4, 0.7]]), np.array([[0.01, 0.1], [0.02, np.nan]])
    more = xr.Dataset(
        {
            "split_part": (("training", "sample"), part, {"parts": "interpolation band"}),
            "split_right": (("training", "sample"), right),
            "split_seen": (("training", "known"), np.array([[1, 1, 1], [1, 0, 1]], dtype=bool)),
            "known_x": ("known", np.array([-44.0, -40.0, -34.0])),
            "known_y": ("known", np.array([0.0, 0.1, 0.05])),
            **{
                f"coverage_curve{end}": (("curve", "training_points"), curve + shift)
                for end, shift in (("", 0.0), ("_low", -0.1), ("_high", 0.1))
            },
            "coverage_floor": ((), 1.0),
            **{
                f"curve_{key}": (("kind", "bin"), bins)
                for key in ("distance", "wrong", "error_distance", "error")
            },
        },
        {
            "training": ["interpolation", "band"],
            "curve": ["map", "nearest point"],
            "kind": ["map", "map, held-out parts"],
            "training_points": [10, 100],
            "g_K2": ("sample", np.linspace(0, 0.1, n), {"units": "1", "role": "parameter"}),
        },
    )
    return scores.merge(more).assign_attrs(split_plane=json.dumps(["V_S", "g_K2"]), curve_points=30)


def test_both_figures_are_drawn(generalisation, tmp_path):
    text = report(generalisation, tmp_path / "page.html").read_text()
    assert {p.stem for p in (tmp_path / "figures").glob("*.png")} == {"splits", "learning"}
    assert "Held out, and right or wrong there" in text
    assert "trainings on 30 points" in text
    with _style.style():
        figure = splits.PANEL.draw(View(generalisation))
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    held = generalisation.sizes["sample"] - generalisation.sizes["sample"] // 2
    share = 100 * (held - 3) / held
    assert titles == [
        "interpolation: 100 % right, 3 training points",
        f"band: {share:.3g} % right, 2 training points",
    ]


def test_curves_start_at_the_numbers_of_points(generalisation):
    with _style.style():
        left, middle, _ = learning.PANEL.draw(View(generalisation)).axes
    np.testing.assert_allclose(left.lines[0].get_xydata(), [[10, 0.5], [100, 0.9]])
    assert [t.get_text() for t in left.get_xticklabels()] == ["10", "100"]
    np.testing.assert_allclose(middle.lines[0].get_ydata(), [1.0, 10.0])  # percent


def test_without_splits_nothing_is_said(scores, tmp_path, monkeypatch):
    monkeypatch.setattr(_page, "PANELS", (splits.PANEL, learning.PANEL))
    text = report(scores, tmp_path / "page.html").read_text()
    assert "Held out" not in text
    assert "How many points" not in text
