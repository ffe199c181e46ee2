"""Coexistence in time: truth and map from beside the rest state and from a large amplitude."""

from matplotlib.figure import Figure

from snnsurrogate.report._style import SOURCE, new_figure, panel_letter
from snnsurrogate.report._view import View, symbol, with_unit
from snnsurrogate.report.figures._panel import Panel


def draw(view: View) -> Figure:
    """Draw one row per start, truth on the left."""
    ds = view.ds
    starts = [str(name) for name in ds["rest_start"].values]
    time = ds["rest_time"].values
    figure = new_figure(0.7 + 1.5 * len(starts))
    axes = figure.subplots(len(starts), 2, sharex=True, sharey=True, squeeze=False)
    for column, source in enumerate(("truth", "surrogate")):
        for row, start in enumerate(starts):
            ax = axes[row, column]
            ax.plot(time, ds["rest_trace"].values[column, row], color=SOURCE[source], lw=0.8)
            ax.set_title(start, fontsize=9, fontweight="normal")
        axes[0, column].set_title(f"{source}    ", loc="center", color=SOURCE[source])
        axes[-1, column].set_xlabel(with_unit("time", str(ds["rest_time"].attrs.get("units", ""))))
    name = symbol(view.states[0]) if view.states else "state"
    for ax, letter in zip(axes[:, 0], "abcdef", strict=False):
        ax.set_ylabel(with_unit(name, str(ds["rest_trace"].attrs.get("units", ""))))
        panel_letter(ax, letter)
    return figure


def caption(view: View) -> str:
    """Say what is compared."""
    return (
        "Both attractors at one parameter value, each reached from its own start, by the equations "
        "and by the reported map."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    return "" if view.has("rest_trace") else "traces of two attractors"


PANEL = Panel(
    name="rest_traces",
    title="Two attractors",
    caption=caption,
    missing=missing,
    draw=draw,
    optional=True,
)
