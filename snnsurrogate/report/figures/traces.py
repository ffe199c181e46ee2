"""A few samples as traces: truth on the left, surrogate on the right, same start, same axes."""

import numpy as np
from matplotlib.figure import Figure

from snnsurrogate.report._style import MUTED, SOURCE, WARN, new_figure
from snnsurrogate.report._view import View, number, pretty_unit, symbol, with_unit
from snnsurrogate.report.figures._panel import Panel


def example_samples(view: View) -> list[int]:
    """Return the sample index of every example trace, in ascending order of the parameter."""
    if "example" in view.ds.coords and view.ds["example"].dtype.kind in "iu":
        return [int(i) for i in view.ds["example"].values]
    if "example_sample" in view.ds:
        return [int(i) for i in view.ds["example_sample"].values]
    return list(range(int(view.ds.sizes.get("example", 0))))


def example_label(view: View, sample: int) -> str:
    """Return "V_S = -38 mV" for one sample."""
    return ", ".join(
        f"{symbol(n)} = {number(float(view.ds[n].values[sample]))} "
        f"{pretty_unit(str(view.ds[n].attrs.get('units', '')))}".strip()
        for n in view.swept[:2]
    )


def draw(view: View) -> Figure:
    """Draw one row per example."""
    samples = example_samples(view)
    state = view.states[0]
    shown = view.shown
    time = view.ds["time"].values[shown]
    figure = new_figure(0.7 + 1.35 * len(samples))
    axes = figure.subplots(len(samples), 2, sharex=True, sharey=True, squeeze=False)
    for row, sample in enumerate(samples):
        for ax, source in zip(axes[row], ("truth", "surrogate"), strict=True):
            trace = view.of(f"trace_{state}", source)[row, shown]
            ax.plot(time, trace, color=SOURCE[source], lw=0.8)
            label = view.label(source, sample)
            differs = source == "surrogate" and label != view.label("truth", sample)
            ax.annotate(
                label,
                xy=(1, 1),
                xycoords="axes fraction",
                xytext=(0, 3),
                textcoords="offset points",
                ha="right",
                va="bottom",
                fontsize=8.5,
                color=WARN if differs else MUTED,
            )
            ax.set_title(example_label(view, sample), fontsize=9, fontweight="normal")
        axes[row, 0].set_ylabel(with_unit(symbol(state), view.state_unit(state)))
    for ax, source in zip(axes[0], ("truth", "surrogate"), strict=True):
        ax.set_title(f"{source}    ", loc="center", color=SOURCE[source])
    axes[0, 0].set_ylim(view.window(state, margin=0.15))
    for ax in axes[-1]:
        ax.set_xlabel(with_unit("time", str(view.ds["time"].attrs.get("units", ""))))
        ax.set_xlim(float(np.min(time)), float(np.max(time)))
    return figure


def caption(view: View) -> str:
    """Say what is compared."""
    return (
        "Both start from the truth's state at the end of its transient. A lag that grows along the "
        "record is an error of the period."
    )


def missing(view: View) -> str:
    """Return what the scores lack."""
    return "" if view.states and view.has(f"trace_{view.states[0]}") else "example traces"


PANEL = Panel(
    name="traces", title="Traces side by side", caption=caption, missing=missing, draw=draw
)
