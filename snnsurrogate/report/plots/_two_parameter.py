"""Curves of special points in the plane of two parameters."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from snnsurrogate.report._style import INK, new_figure, style
from snnsurrogate.report._view import symbol, with_unit
from snnsurrogate.report.plots._lines import Labels, mark, runs

_COLOUR = {"fold": INK, "hopf": "#0072b2", "flip": "#009e73", "neimark_sacker": "#0072b2"}
_NAME = {
    "fold": "fold",
    "hopf": "Hopf",
    "flip": "flip",
    "neimark_sacker": "Neimark-Sacker",
}
_DASHES = (0, (4, 2))


def two_parameter_diagram(
    *curves: xr.Dataset,
    labels: bool = True,
    title: str = "",
    width: float = 6.0,
    height: float = 4.4,
) -> Figure:
    """Draw curves of special points over two parameters.

    Hopf and Neimark-Sacker curves are solid where supercritical (l1 < 0), dashed where subcritical;
    points of codimension two carry the usual letters (CP cusp, BT Bogdanov-Takens, GH generalised
    Hopf, ZH zero-Hopf).

    Args:
        *curves: results of :func:`dynamics.continue_special` in the same two parameters.
        labels: write the letters.
        title: of the figure.
        width: inches.
        height: inches.

    Returns:
        A matplotlib Figure, outside pyplot's state.

    Raises:
        ValueError: nothing to draw, or curves in other parameters.
    """
    if not curves or any("second_parameter" not in table.attrs for table in curves):
        msg = "expected the results of continue_special; branches go to bifurcation_diagram."
        raise ValueError(msg)
    names = {(str(t.attrs["parameter"]), str(t.attrs["second_parameter"])) for t in curves}
    if len(names) > 1:
        msg = f"the curves lie in different planes: {sorted(names)}."
        raise ValueError(msg)
    first, second = names.pop()
    with style():
        figure = new_figure(height, width=width)
        ax = figure.subplots()
        drawn: dict[tuple[str, bool], None] = {}
        for table in curves:
            labelled = table["label"].values != ""
            kinds = table["kind"].values
            with np.errstate(invalid="ignore"):
                hard = (table["l1"].values > 0).astype(int)  # 1: subcritical
            for piece, code in runs(table["branch"].values, hard, labelled):
                kind = str(kinds[piece.start])
                drawn[kind, bool(code)] = None
                ax.plot(
                    table[first].values[piece], table[second].values[piece], color=_COLOUR[kind],
                    linestyle=_DASHES if code else "-", linewidth=1.5,
                )  # fmt: skip
        ax.set_xlim(ax.get_xlim())
        ax.set_ylim(ax.get_ylim())
        place = Labels(ax) if labels else None
        texts = []
        for table in curves:
            texts += mark(ax, table, first, table[second].values, INK, labels=place)
        if place is not None:
            for at, text, colour in texts:
                place.add(at, text, colour)
        ax.set_xlabel(with_unit(symbol(first), curves[0][first].attrs.get("units", "")))
        ax.set_ylabel(with_unit(symbol(second), curves[0][second].attrs.get("units", "")))
        if title:
            ax.set_title(title)
        handles = []
        for kind, hard_side in sorted(drawn):
            side = ""
            if kind in {"hopf", "neimark_sacker"}:
                side = ", subcritical" if hard_side else ", supercritical"
            handles.append(
                Line2D([], [], color=_COLOUR[kind], linewidth=1.5,
                       linestyle=_DASHES if hard_side else "-", label=_NAME[kind] + side)
            )  # fmt: skip
        ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0),
                  ncols=max(len(handles), 1), borderaxespad=0.2)  # fmt: skip
    return figure
