"""What commands print and write: tables, counts, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def show(*what: Any) -> None:
    """Print for a person; lines are not wrapped."""
    width = None if sys.stdout.isatty() else 120  # a file or a pipe has no width of its own
    Console(highlight=False, markup=False, soft_wrap=True, width=width).print(*what)


def table(*left: str, right: Sequence[str] = ()) -> Table:
    """Return an empty table: columns of text, then columns of numbers."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    for head in left:
        made.add_column(head, no_wrap=head == left[0])
    for head in right:
        made.add_column(head, justify="right", no_wrap=True)
    return made


def summary(dataset: Any) -> None:
    """Print how many samples ended how."""
    status = dataset["status"]
    meanings = str(status.attrs["flag_meanings"]).split()
    counts = [(meaning, int((status == code).sum())) for code, meaning in enumerate(meanings)]
    text = ", ".join(f"{k} {meaning}" for meaning, k in counts if k)
    show(f"{dataset.sizes['sample']} samples ({text}), {dataset.sizes['time']} times each")


def score_table(scores: dict[str, dict[str, Any]]) -> None:
    """Print a flat map of scores; over several seeds: median, smallest and largest."""
    spread = any("min" in entry for entry in scores.values())
    keys = ("value", "min", "max", "floor") if spread else ("value", "floor")
    heads = ("median", "smallest", "largest", "floor") if spread else keys
    shown = table("score", right=(*heads, "unit"))
    for name, entry in scores.items():
        row = ["–" if entry.get(k) is None else f"{entry[k]:.4g}" for k in keys]
        shown.add_row(name, *row, str(entry.get("unit", "")))
    show(shown)


def write_json(values: Any, path: Path) -> None:
    """Write JSON, whole or not at all."""
    from snnsurrogate.dataset.store import atomic

    with atomic(path) as private:
        private.write_text(json.dumps(values, indent=2) + "\n")
