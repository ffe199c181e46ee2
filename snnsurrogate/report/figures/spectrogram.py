"""Spectrograms of the examples: how steady the rhythm is."""

import numpy as np
from matplotlib.figure import Figure

from snnsurrogate.report._style import new_figure
from snnsurrogate.report._view import View, with_unit
from snnsurrogate.report.figures._panel import Panel
from snnsurrogate.report.figures.raster import sources_shown, title_of


def draw(view: View) -> Figure:
    """Draw one column per example, one row per source; one colour scale for all."""
    sources = sources_shown(view)
    f, t = (view.ds[f"spectrogram_{n}"].values for n in ("frequency", "time"))
    every = view.ds["spectrogram"].sel(source=sources).values[:, :, f > 0]
    with np.errstate(divide="ignore"):
        level = np.log10(every)
    known = level[np.isfinite(level)]
    low, high = np.percentile(known, [25, 99.8])
    figure = new_figure(0.6 + 1.75 * len(sources))
    axes = figure.subplots(
        len(sources), len(view.examples), sharex=True, sharey=True, squeeze=False
    )
    image = None
    for column in range(len(view.examples)):
        for row, source in enumerate(sources):
            ax = axes[row, column]
            image = ax.pcolormesh(
                t, f[f > 0], level[row, column], vmin=low, vmax=high, cmap="magma", rasterized=True
            )
            ax.grid(visible=False)
            title_of(view, source, column, ax)
            if column == 0:
                ax.set_ylabel("frequency (Hz)")
                ax.annotate(
                    view.name_of(source), (0.02, 0.95), xycoords="axes fraction", color="white",
                    va="top", fontsize=8.5, fontweight="bold",
                )  # fmt: skip
        axes[-1, column].set_xlabel(
            with_unit("time", str(view.ds["spectrogram_time"].attrs["units"]))
        )
    if image is not None:
        bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=28)
        bar.set_label("log10 density (Hz)")
        bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def caption(view: View) -> str:
    """Say how to read it."""
    return "Power of the E rate in a sliding Hann window of 200 ms; the rhythm comes and goes."


def missing(view: View) -> str:
    """Return what the scores lack."""
    return "" if view.examples and view.has("spectrogram") else "spectrograms"


PANEL = Panel(name="spectrogram", title="Spectrograms", caption=caption, missing=missing, draw=draw)
