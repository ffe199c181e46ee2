"""What the scripts of the pages share: tables, and a block that is put there or checked."""

from __future__ import annotations

import argparse
from pathlib import Path

BEGIN, END = "<!-- figures: begin", "<!-- figures: end -->"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table and the empty line after it."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def write_or_check(page: Path, block: str, *, script: str) -> int:
    """Put the block between the marks of the page; with --check only say whether it is there.

    Returns:
        Exit status: 1 if a check finds another block.
    """
    parser = argparse.ArgumentParser(description=f"Write the figures of {page.name}.")
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    text = page.read_text()
    before, rest = text.split(BEGIN, 1)
    wanted = before + block + rest.split(END, 1)[1]
    if wanted == text:
        return 0
    if check:
        print(f"docs/{page.name} does not say what data/ says; run {script}")
        return 1
    page.write_text(wanted)
    print(f"wrote docs/{page.name}")
    return 0
