"""Phase portraits of the example samples, with fixed points."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snnsurrogate.report._style import SOURCE, new_figure
from snnsurrogate.report._view import View, symbol, with_unit
from snnsurrogate.report.figures._panel import Panel
from snnsurrogate.report.figures.traces import example_label, example_samples

_MOST = 4


def _planes(states: list[str]) -> list[tuple[str, str]]:
    """Return the (x, y) pairs shown: slowest against fast, then the second state."""
    pairs = [(states[-1], states[0])]
    if len(states) > 2:
        pairs.append((states[0], states[1]))
    return pairs


def _fixed_point(view: View, source: str, sample: int, pair: tuple[str, str], ax: Axes) -> None:
    if not view.has("fp_state"):
        return
    values = view.ds["fp_state"].sel(source=source).isel(sample=sample)
    where = [view.states.index(name) for name in pair]
    x, y = (float(values.values[i]) for i in where)
    if np.isfinite(x) and np.isfinite(y):
        ring = source == "surrogate"
        ax.plot(
            x,
            y,
            linestyle="none",
            marker="o" if ring else "D",
            markersize=9 if ring else 4.5,
            markerfacecolor="none" if ring else SOURCE[source],
            markeredgecolor=SOURCE[source],
            markeredgewidth=1.4 if ring else 0,
            label=f"fixed point, {source}",
            zorder=5,
        )


def _limits(view: View, state: str) -> tuple[float, float]:
    """Range of the truth's examples and fixed points, with a margin."""
    low, high = view.window(state, margin=0.08)
    if view.has("fp_state"):
        column = view.states.index(state)
        points = view.of("fp_state", "truth")[example_samples(view), column]
        around = 0.12 * (high - low)
        low = float(np.nanmin([low, *(points - around)]))
        high = float(np.nanmax([high, *(points + around)]))
    return low, high


def draw(view: View) -> Figure:
    """Draw one column per example, one row per plane of states."""
    every = list(enumerate(example_samples(view)))
    pick = np.unique(np.linspace(0, len(every) - 1, min(_MOST, len(every))).round().astype(int))
    chosen = [every[i] for i in pick]
    planes = _planes(view.states)
    shown = view.shown
    figure = new_figure(0.6 + 2.25 * len(planes))
    axes = figure.subplots(len(planes), len(chosen), sharex="row", sharey="row", squeeze=False)
    for column, (row, sample) in enumerate(chosen):
        for line, (a, b) in enumerate(planes):
            ax = axes[line, column]
            for source, width in (("truth", 2.2), ("surrogate", 0.6)):
                ax.plot(
                    view.of(f"trace_{a}", source)[row, shown],
                    view.of(f"trace_{b}", source)[row, shown],
                    color="#a9b1bd" if source == "truth" else SOURCE[source],
                    linewidth=width,
                    label=source,
                )
                _fixed_point(view, source, sample, (a, b), ax)
            ax.set_xlabel(with_unit(symbol(a), view.state_unit(a)))
            ax.set_xlim(_limits(view, a))
            ax.set_ylim(_limits(view, b))
            if column == 0:
                ax.set_ylabel(with_unit(symbol(b), view.state_unit(b)))
        axes[0, column].set_title(example_label(view, sample), fontsize=9, fontweight="normal")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels))
    return figure


def caption(view: View) -> str:
    """Say what is drawn."""
    return "The attractor of the surrogate (thin) drawn over that of the truth (wide, grey)."


def missing(view: View) -> str:
    """Return what the scores lack."""
    if len(view.states) < 2:
        return "a second state variable"
    return "" if view.has(*(f"trace_{s}" for s in view.states)) else "example traces"


PANEL = Panel(
    name="phase_portrait", title="Phase portrait", caption=caption, missing=missing, draw=draw
)
