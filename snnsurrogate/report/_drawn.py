"""A figure that whoever writes a page brings along."""

from dataclasses import dataclass

from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """A figure for a page, made by one of `plots`.

    Attributes:
        name: file name of the PNG, without ending.
        title: heading on the page.
        caption: how to read it, one or two sentences.
        figure: of matplotlib.
    """

    name: str
    title: str
    caption: str
    figure: Figure
