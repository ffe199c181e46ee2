"""Write the tables of docs/networks.md from the scores that ship in data/.

    python docs/make_networks.py            write
    python docs/make_networks.py --check    exit 1 if the page is not what the scores say

The numbers come from the full preset of the study `network-oscillations`
(data/network-oscillations/study.json); none of them is typed by hand.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from _page import BEGIN, END, table, write_or_check

import snnsurrogate as sns

ROOT = Path(__file__).resolve().parent.parent
STUDY = ROOT / "data" / "network-oscillations" / "study.json"
PAGE = ROOT / "docs" / "networks.md"
REGIMES = ("homogeneous", "regular", "synchronous")
EVENTS = ("event_rate", "event_size_E", "event_duration", "event_interval")

Scores = dict[str, dict[str, Any]]


def number(value: float | None, digits: int = 3) -> str:
    """A number for people; a dash where there is none."""
    if value is None:
        return "–"
    if value and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.1e}".replace("-", "−")
    text = f"{value:.{digits}g}" if abs(value) < 1000 else f"{value:.0f}"
    return text.replace("-", "−")


def signed(value: float) -> str:
    """A difference with its sign."""
    return f"{value:+.2f}".replace("-", "−")


def gate(scores: Scores) -> list[str]:
    """Rates and index of the exact engine beside the reference."""
    rows = []
    for name in REGIMES:
        row = [name]
        for key in ("rate_E", "rate_I", "ssi_1ms"):
            entry = scores[f"gate.{name}.{key}"]
            off = 100 * (entry["value"] / entry["reference"] - 1)
            row.append(
                f"{number(entry['value'])} ({entry['reference']:g}; {off:+.1f} %)".replace("-", "−")
            )
        rows.append(row)
    return table(["60 s (reference; off)", "E, Hz", "I, Hz", "index, 1 ms"], rows)


def engines(scores: Scores) -> list[str]:
    """How far Brian2 at its default step is off the exact engine, in percent."""
    keys = ("rate_E", "rate_I", "ssi_1ms", "chi")
    rows = [
        [name, *(signed(scores[f"brian2.bias.{name}.{key}"]["value"]) for key in keys)]
        for name in REGIMES
    ]
    return table(["% off exact, 60 s each", "E rate", "I rate", "index, 1 ms", "chi"], rows)


def ceiling(scores: Scores) -> list[str]:
    """Every score of a second seed over the plane, with its floor."""
    rows = []
    for words, key in (
        ("labels across a threshold, clear points", "labels_differing_clear"),
        ("the same, all points", "labels_differing"),
        ("agreement, ambiguous being a label", "agreement_with_ambiguous"),
        *(
            (f"{words}, {how}", f"{key}_{how}")
            for words, key in (
                ("E rate, %", "population_rate_error_E"),
                ("I rate, %", "population_rate_error_I"),
                ("index (1 ms), %", "ssi_error"),
                ("chi, %", "chi_error"),
                ("spectrum E, Hellinger", "spectrum_distance_E"),
                ("cross-correlation, %", "correlation_error"),
            )
            for how in ("median", "max")
        ),
        ("event size, Wasserstein, %", "event_size_distance"),
        ("event duration, Wasserstein, %", "event_duration_distance"),
        ("interval of events, Wasserstein, %", "event_interval_distance"),
    ):
        entry = scores[f"plane.{key}"]
        rows.append([words, number(entry["value"]), number(entry["floor"])])
    return table(["against seed 0", "seed 1", "seed 2"], rows)


def sensitivity(scores: Scores) -> list[str]:
    """Statistics of events by detector, the three regimes side by side."""
    first = f"events.{REGIMES[0]}."
    found = [k.removeprefix(first).rsplit(".", 1)[0] for k in scores if k.startswith(first)]
    rows = []
    for detector in dict.fromkeys(found):
        row = [detector]
        for name in REGIMES:
            values = (scores[f"events.{name}.{detector}.{key}"]["value"] for key in EVENTS)
            row.append(" / ".join(number(v) for v in values))
        rows.append(row)
    return table(["detector", *REGIMES], rows)


def states(scores: Scores, system: str, rule: str) -> list[str]:
    """Measures and label of every preset of another network."""
    keys = {
        "rate_E": "E, Hz",
        "rate_I": "I, Hz",
        "isi_cv_E": "CV of intervals",
        "chi": "chi",
        "peak_frequency": "peak, Hz",
    }
    ending = ".regime"
    names = [
        k.removeprefix(f"{system}.").removesuffix(ending)
        for k in scores
        if k.startswith(f"{system}.") and k.endswith(ending)
    ]
    labels = sns.features.RULES[rule].names
    rows = [
        [
            name,
            *(number(scores[f"{system}.{name}.{key}"]["value"]) for key in keys),
            labels[int(scores[f"{system}.{name}{ending}"]["value"])],
        ]
        for name in names
    ]
    return table(["preset", *keys.values(), "label"], rows)


def cost(scores: Scores) -> list[str]:
    """Processor seconds per biological second against the number of cells."""
    found = [key.split(".")[1:] for key in scores if key.startswith("cost.")]
    engines = list(dict.fromkeys(e for e, _ in found))
    sizes = sorted({int(n) for _, n in found})
    rows = [[f"{n}", *(number(scores[f"cost.{e}.{n}"]["value"]) for e in engines)] for n in sizes]
    return table(["cells", *engines], rows)


def block() -> str:
    """What stands between the marks."""
    scores: Scores = json.loads(STUDY.read_text())
    points, clear = (int(scores[k]["value"]) for k in ("plane.points", "plane.points_clear"))
    return "\n".join(
        [
            f"{BEGIN}; written by docs/make_networks.py -->",
            "## Measured: the full preset of `network-oscillations`",
            "",
            "Exact engine against the reference of this project (another program, 10-20 s):",
            "",
            *gate(scores),
            "Brian2 at its default step against the exact engine; the seed noise of 60 s is of the",
            "same size as most of these:",
            "",
            *engines(scores),
            "### The ceiling of any surrogate",
            "",
            f"A plane of {points} points, tau_EE 1.2-4 ms and S_EI 4.2-5.6, 10 s each; {clear} are",
            "clear. Two further seeds of the truth, scored as predictions of the first:",
            "",
            *ceiling(scores),
            "![Regimes over the plane](images/network-plane.png)",
            "",
            "### Events by detector",
            "",
            "Events per second / E spikes per event / duration / interval (ms); 60 s of each",
            "regime. Parameters that are not named are at their defaults.",
            "",
            *sensitivity(scores),
            "![Rasters and rates](images/network-raster.png)",
            "",
            "### Other networks",
            "",
            "`brunel`, 5000 cells, 2 s, by its own rule (a preset is named after its state):",
            "",
            *states(scores, "brunel", "brunel"),
            "`ping`, 10 s, by the rule of `markov-if`, whose thresholds were not made for it:",
            "",
            *states(scores, "ping", "synchrony"),
            "### Cost",
            "",
            "Processor seconds per biological second, regular regime, weights times 400/N (fixed",
            "mean recurrent drive), one process, builds and start-up taken off, on a busy machine.",
            "Pending kicks grow as N², and at large N the cost of both engines with them:",
            "",
            *cost(scores),
            "![Cost against N](images/network-cost.png)",
            END,
        ]
    )


if __name__ == "__main__":
    raise SystemExit(write_or_check(PAGE, block(), script=Path(__file__).name))
