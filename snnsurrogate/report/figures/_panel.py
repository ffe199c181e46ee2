"""What a figure of the report is: a name, words, how to draw it, and why it may not be drawn."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from snnsurrogate.report._view import View


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One figure of the page.

    Attributes:
        name: file name of the PNG, without ending.
        title: heading on the page.
        caption: how to read it, one or two sentences; given the view.
        missing: returns "" when it can be drawn, else what the scores lack.
        draw: makes the figure.
        optional: left out without a word where the scores lack what it draws.
    """

    name: str
    title: str
    caption: Callable[[View], str]
    missing: Callable[[View], str]
    draw: Callable[[View], Figure]
    optional: bool = False
