"""Power spectra of the examples with the spread of another seed, and the coherence of E and I."""

import numpy as np
from matplotlib.figure import Figure

from snnsurrogate.report._style import MUTED, SOURCE, new_figure
from snnsurrogate.report._view import View, pretty_unit
from snnsurrogate.report.figures._panel import Panel
from snnsurrogate.report.figures.raster import title_of

_HIGHEST = 200.0  # Hz
_LINES = {"twin": 1.0, "truth": 1.8, "surrogate": 1.1}


def _rows(view: View) -> list[str]:
    rows = [f"spectrum_{p}" for p in view.populations]
    return [*rows, "coherence"] if view.has("coherence") else rows


def draw(view: View) -> Figure:
    """Draw one column per example; spectra of every population and coherence below."""
    names = _rows(view)
    f = view.ds["frequency"].values
    shown = (f > 0) & (f <= _HIGHEST)
    figure = new_figure(0.7 + 1.75 * len(names))
    axes = figure.subplots(len(names), len(view.examples), sharex=True, sharey="row", squeeze=False)
    for column, sample in enumerate(view.examples):
        for row, name in enumerate(names):
            ax = axes[row, column]
            for source, width in _LINES.items():
                if source not in view.sources:
                    continue
                values = view.of(name, source)[column if name == "coherence" else sample]
                label = f"{source} (floor)" if source == "twin" else view.name_of(source)
                ax.plot(
                    f[shown],
                    values[shown],
                    color=SOURCE[source],
                    linewidth=width,
                    label=label,
                )
            if name == "coherence":
                ax.set_ylim(0, 1)
            else:
                ax.set_yscale("log")
                _poisson(view, name, sample, ax)
            if column == 0:
                unit = pretty_unit(str(view.ds[name].attrs.get("units", "")))
                what = "coherence" if name == "coherence" else f"{name.split('_')[1]} density"
                ax.set_ylabel(f"{what} ({unit})" if unit else what)
        title_of(view, "truth", column, axes[0, column])
        axes[-1, column].set_xlabel("frequency (Hz)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels))
    return figure


def _poisson(view: View, name: str, sample: int, ax: object) -> None:
    """Mark the density of independent Poisson cells of the same rate, 2 r / N."""
    population = name.removeprefix("spectrum_")
    size = view.attr("populations", {}).get(population)
    if size not in view.ds or f"rate_{population}" not in view.ds:
        return
    rate = float(view.of(f"rate_{population}", "truth")[sample])
    level = 2.0 * rate / float(view.ds[size].values[sample])
    if np.isfinite(level) and level > 0:
        ax.axhline(level, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)), label="Poisson level")  # type: ignore[attr-defined]


def caption(view: View) -> str:
    """Say how to read it."""
    return (
        "Welch estimates of the population rate (1 ms bins, windows of 512 ms); dotted, the flat "
        "density of independent Poisson cells. Lines as far apart as truth and twin are equal."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    names = [f"spectrum_{p}" for p in view.populations]
    return "" if view.examples and names and view.has(*names) else "power spectra"


PANEL = Panel(name="spectra", title="Power spectra", caption=caption, missing=missing, draw=draw)
