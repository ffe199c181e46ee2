"""The nearest match to a mistyped name, for error messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["suggestion"]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Text to append, " Did you mean ...?" or nothing; a name differing in case comes first."""
    names = list(known)
    near = [other for other in names if other.casefold() == str(name).casefold()]
    near = near or difflib.get_close_matches(str(name), names, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
