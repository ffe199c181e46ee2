"""Phase portraits of excitation and inhibition: which pairs of values are taken how often."""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from snnsurrogate.report._style import SOURCE, new_figure
from snnsurrogate.report._view import View, symbol, with_unit
from snnsurrogate.report.figures._panel import Panel
from snnsurrogate.report.figures.raster import sources_shown, title_of


def draw(view: View) -> Figure:
    """Draw one column per example, one row per source; one colour scale for all."""
    ds, sources = view.ds, sources_shown(view)
    shares = ds["portrait"].sel(source=sources).values
    norm = LogNorm(float(shares[shares > 0].min()), float(shares.max()))
    figure = new_figure(0.7 + 1.9 * len(sources))
    axes = figure.subplots(
        len(sources), len(view.examples), sharex="col", sharey="col", squeeze=False
    )
    names = [_words(str(name)) for name in ds["portrait_axis"].values]
    unit = str(ds["portrait_path"].attrs["units"])
    for row, source in enumerate(sources):
        for column in range(len(view.examples)):
            ax = axes[row, column]
            x, y = (ds[f"portrait_at_{axis}"].values[column] for axis in "xy")
            share = np.ma.masked_less_equal(shares[row, column].T, 0)
            image = ax.pcolormesh(x, y, share, norm=norm, cmap="Greys", rasterized=True)
            path = view.of("portrait_path", source)[column]
            ax.plot(*path, color=SOURCE[source], linewidth=0.8, alpha=0.9)
            ax.set_xlim(0, x[-1])
            ax.set_ylim(0, y[-1])
            ax.grid(visible=False)
            title_of(view, source, column, ax)
        words = f"{view.name_of(source)}\n{with_unit(names[1], unit)}"
        axes[row, 0].set_ylabel(words, color=SOURCE[source])
    for ax in axes[-1]:
        ax.set_xlabel(with_unit(names[0], unit))
    bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=28)
    bar.set_label("share of the record")
    bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def _words(name: str) -> str:
    return f"{name.removeprefix('rate_')} rate" if name.startswith("rate_") else symbol(name)


def caption(view: View) -> str:
    """Say how to read it."""
    kicks = str(view.ds["portrait_axis"].values[0]).startswith("H_")
    what = "Pending kicks of excitation and of inhibition" if kicks else "Rates in bins of 5 ms"
    return (
        f"{what}; grey: share of the whole record at a pair of values, the line: a first stretch "
        "of it. Where the network oscillates inhibition follows excitation around a loop."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    return "" if view.examples and view.has("portrait") else "pairs of series of the examples"


PANEL = Panel(name="portrait", title="Phase portraits", caption=caption, missing=missing, draw=draw)
