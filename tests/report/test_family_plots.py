"""Figures of families of maps and of recovered states: what is drawn, and what is refused."""

import numpy as np
import pytest
import xarray as xr

from snnsurrogate.report import plots


def table(codes=(0, 2, 2, 1, 3, -1)):
    n = len(codes)
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {
            "regime": ("value", np.array(codes)),
            "interval": (("value", "event"), rng.exponential(1.0, (n, 5)), {"units": "s"}),
            "lowest": ("value", np.full(n, -65.0), {"units": "mV"}),
            "highest": ("value", np.full(n, -22.0), {"units": "mV"}),
            "fine": ("value", np.arange(n) > 0),
            "rest": (("value", "point"), np.full((n, 1), -50.0)),
            "leading": (("value", "point"), np.linspace(-1, 1, n)[:, None]),
            "value": ("value", np.arange(n, dtype=float), {"units": "1"}),
        },
        attrs={"parameter": "control", "at": 2.0},
    )


def test_family_diagram_has_a_column_per_table():
    plain = table().drop_vars(["fine", "rest", "leading"])
    figure = plots.family_diagram({"truth": plain, "map": table()})
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles[:2] == ["truth", "map"]
    assert figure.axes[3].get_xlabel() == "control"
    # five even values: a filled or an open point of rest at each, one of the six is not even
    points = [len(line.get_xdata()) for line in figure.axes[3].lines if line.get_marker() == "o"]
    assert sum(points) == 5
    assert figure.axes[1].get_yscale() == "log"


def test_regime_strips_have_a_row_per_map():
    figure = plots.regime_strips({"input": {"0": table()}, "bias": {"0": table(), "1": table()}})
    assert [len(ax.images) for ax in figure.axes] == [1, 2]
    assert figure.axes[1].images[0].get_array().tolist() == [[2, 2, 1, 3, -1]]


def test_portraits_take_one_to_three_coordinates():
    x = np.random.default_rng(0).standard_normal((50, 4))
    figure = plots.portraits(
        {"state": ("VnS", x[:, :3]), "u": (("u_1", "u_2"), x[:, :2])}, colour=x[:, 0]
    )
    assert [ax.name for ax in figure.axes] == ["3d", "rectilinear"]
    assert figure.axes[0].get_zlabel() == "$S$"


def test_free_run_shows_the_whole_and_a_part():
    t = np.arange(100.0)
    figure = plots.free_run(t, t, t, name="V", unit="mV", zoom=(10.0, 20.0))
    assert [len(ax.lines[0].get_xdata()) for ax in figure.axes] == [100, 11]
    assert figure.axes[0].get_ylabel() == "$V$ (mV)"


def test_every_seed_is_drawn_and_failures_apart():
    rows = {"period": {"one": [0.1, np.nan, 2.0], "three": [0.0]}}
    (ax,) = plots.every_seed(rows, goals={"period": 1.0}, unit="%").axes
    dots = [len(line.get_xdata()) for line in ax.lines if line.get_marker() == "o"]
    crosses = [len(line.get_xdata()) for line in ax.lines if line.get_marker() == "x"]
    assert (sum(dots), sum(crosses)) == (3, 1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "three"]


def test_what_is_no_table_is_refused():
    with pytest.raises(ValueError, match="expected tables of families"):
        plots.family_diagram({"truth": xr.Dataset()})
    with pytest.raises(ValueError, match="got no trajectory"):
        plots.portraits({})
