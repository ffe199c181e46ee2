"""Write the tables of docs/population_map.md from the scores that ship in data/.

    python docs/make_population_map.py            write
    python docs/make_population_map.py --check    exit 1 if the page is not what the scores say

The numbers are those in the card of the shipped surrogate (validation points) and of the full
preset of the study `network-conditioning` (data/network-conditioning/study.json).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from _page import BEGIN, END, table, write_or_check

ROOT = Path(__file__).resolve().parent.parent
CARD = ROOT / "data" / "network-surrogate" / "card.json"
STUDY = ROOT / "data" / "network-conditioning" / "study.json"
PAGE = ROOT / "docs" / "population_map.md"
QUANTITIES = {
    "population_rate_error_E": ("E rate", "%"),
    "population_rate_error_I": ("I rate", "%"),
    "ssi_error": ("synchrony index, 1 ms", "%"),
    "chi_error": ("chi", "%"),
    "spectrum_distance_E": ("spectrum, Hellinger", ""),
}

Scores = dict[str, dict[str, Any]]


def of(scores: Scores, key: str, unit: str) -> str:
    """Median / largest error, the noise floor in brackets."""

    def pair(field: str) -> str:
        values = [scores[f"{key}_{which}"][field] for which in ("median", "max")]
        if None in values:
            return "–"
        return " / ".join(f"{v:.2g}" if v < 10 else f"{v:.0f}" for v in values)

    return f"{pair('value')} ({pair('floor')}){' ' + unit if unit else ''}"


def block() -> str:
    """Everything between the markers, markers included."""
    card = json.loads(CARD.read_text())
    study: Scores = json.loads(STUDY.read_text())
    groups = list(dict.fromkeys(key.split(".")[0] for key in study))
    by_size = {
        g: {k.removeprefix(f"{g}."): v for k, v in study.items() if k.startswith(f"{g}.")}
        for g in groups
    }
    shipped = [[name, of(card["scores"], key, unit)] for key, (name, unit) in QUANTITIES.items()]
    sizes = [
        [name, *(of(by_size[g], key, unit) for g in groups)]
        for key, (name, unit) in QUANTITIES.items()
    ]
    speed = [f"{by_size[g]['speed']['value']:.0f}" for g in groups]
    sizes.append(["biological seconds per second", *speed])
    return "\n".join(
        [
            f"{BEGIN}; written by docs/make_population_map.py -->",
            "Shipped map, 24 validation points, 60 s: median / largest error, in brackets the",
            "noise floor of the records.",
            "",
            *table(["", "error"], shipped),
            "Sizes of 400 to 6400 cells, connection probabilities, and drives of E and I that",
            "differ, all parameters of one map, at held-out points. It was trained on 112 records",
            "of 1.2 s of 400 to 1600 cells and on four each of 3200 and 6400 (full preset of",
            "`network-conditioning`; the speed is that of one run of 60 s on a busy machine):",
            "",
            *table(["", *groups], sizes),
            END,
        ]
    )


if __name__ == "__main__":
    raise SystemExit(write_or_check(PAGE, block(), script=Path(__file__).name))
