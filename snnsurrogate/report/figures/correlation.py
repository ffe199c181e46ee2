"""Cross-correlations: the share of a population that fires around a spike of another."""

from matplotlib.figure import Figure

from snnsurrogate.report._style import new_figure
from snnsurrogate.report._view import View, with_unit
from snnsurrogate.report.figures._panel import Panel
from snnsurrogate.report.figures.raster import title_of

_COLOURS = ("#0072b2", "#56b4e9", "#d55e00", "#e69f00")
_LINES = {"truth": "-", "surrogate": (0, (4, 1.5)), "twin": (0, (1, 1))}


def draw(view: View) -> Figure:
    """Draw one column per example, one colour per pair of populations."""
    figure = new_figure(2.9)
    axes = figure.subplots(1, len(view.examples), sharex=True, squeeze=False)[0]
    pairs = [str(p) for p in view.ds["pair"].values]
    lag = view.ds["lag"].values
    for column, ax in enumerate(axes):
        for source, line in _LINES.items():
            if source not in view.sources:
                continue
            for k, pair in enumerate(pairs):
                ax.plot(
                    lag,
                    view.of("correlation", source)[column, k],
                    color=_COLOURS[k % len(_COLOURS)],
                    linestyle=line,
                    linewidth=1.6 if source == "truth" else 1.1,
                    label=pair if source == "truth" else "",
                )
        title_of(view, "truth", column, ax)
        ax.set_xlabel(with_unit("lag", str(view.ds["lag"].attrs["units"])))
        ax.set_ylim(bottom=0)
    axes[0].set_ylabel("cells firing per 1 ms (%)")
    for source, line in _LINES.items():
        if source in view.sources:
            axes[0].plot([], [], color="#22262e", linestyle=line, label=view.name_of(source))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels), handlelength=2.4)
    return figure


def caption(view: View) -> str:
    """Say how to read it."""
    return (
        "Share of the second population that fires in a bin of 1 ms at a lag from a spike of the "
        "first; the spike itself is counted at lag 0."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    return "" if view.examples and view.has("correlation") else "cross-correlations"


PANEL = Panel(
    name="correlation", title="Cross-correlations", caption=caption, missing=missing, draw=draw
)
