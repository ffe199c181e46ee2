"""One look for every figure: who is truth, who is surrogate, and what a regime's colour is.

Colours are of the Okabe-Ito set, which people with colour-blindness can tell apart; truth and
surrogate differ in marker and line style as well, never in hue alone.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI = 170
WIDTH = 9.2  # inches: the text column of the page
INK = "#22262e"
MUTED = "#6b7380"
GRID = "#e3e6ea"
WARN = "#c0143c"
SOURCE = {"truth": INK, "surrogate": "#d55e00", "twin": "#8d99ab"}
REGIME = {
    "quiescent": "#b8c0cc",
    "tonic": "#009e73",
    "bursting": "#0072b2",
    "chaotic": "#e69f00",
    "homogeneous": "#7fc4e8",
    "regular": "#009e73",
    "synchronous": "#e69f00",
    "SR": "#e69f00",
    "SI": "#cc79a7",
    "AR": "#56b4e9",
    "AI": "#009e73",
    "ambiguous": "#e6e0d4",
}
POPULATION = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")  # E, I, others
MISSING = "#ffffff"
_MORE = ("#56b4e9", "#f0e442", "#cc79a7", "#e69f00")

_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9aa3af",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "lines.solid_capstyle": "round",
    "axes.formatter.useoffset": False,
    "axes.unicode_minus": True,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw under the report's look, whatever the user's own matplotlib settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        yield


def new_figure(height: float, *, width: float = WIDTH) -> Figure:
    """Return an empty figure (inches) outside pyplot's global state, with constrained layout."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def regime_colours(labels: Sequence[str]) -> list[str]:
    """Return one colour per regime label; unknown labels get the next free colour."""
    free = iter(_MORE * 3)
    known = [next((c for k, c in REGIME.items() if label.startswith(k)), None) for label in labels]
    return [colour or next(free) for colour in known]


def panel_letter(ax: Axes, letter: str) -> None:
    """Write a small panel letter at the upper left, outside the axes."""
    ax.annotate(
        letter,
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(-34, 8),
        textcoords="offset points",
        fontsize=11,
        fontweight="bold",
        va="bottom",
        annotation_clip=False,
    )
