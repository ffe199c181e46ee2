"""Phase planes draw nullclines, directions, orbits and fixed points where they are."""

import numpy as np
import pytest

import snnsurrogate as sns
from snnsurrogate import dynamics

AXES = {"v": np.linspace(-2.5, 2.5, 40), "w": np.linspace(-1.0, 2.0, 40)}


def panel(current):
    at = {"I": current}
    return sns.plots.PhasePlane(
        nullclines=dynamics.nullclines("fitzhugh-nagumo", at, axes=AXES),
        field=dynamics.vector_field("fitzhugh-nagumo", at, axes=AXES),
        orbits=(np.array([[0.0, 0.0], [1.0, 1.0]]),),
        points=dynamics.fixed_points("fitzhugh-nagumo", at),
        title=f"I = {current:g}",
    )


def test_panels():
    figure = sns.plots.phase_planes(panel(0.0), panel(0.5), columns=2)
    rest, firing = figure.axes
    for ax, stable in ((rest, True), (firing, False)):
        markers = [line for line in ax.lines if line.get_marker() == "o"]
        assert len(markers) == 1
        assert (markers[0].get_markerfacecolor() == "white") != stable
        curve = max((line for line in ax.lines), key=lambda line: len(line.get_xdata()))
        v, w = curve.get_xdata(), curve.get_ydata()
        current = 0.0 if stable else 0.5
        np.testing.assert_allclose(w, v - v**3 / 3 + current, atol=1e-9)
    assert rest.get_title(loc="left") == "I = 0"
    assert "v" in rest.get_xlabel()


def test_not_nullclines():
    with pytest.raises(ValueError, match="nullclines"):
        sns.plots.phase_planes()
