"""Write the tables of docs/network_features.md from the scores that ship in data/.

    python docs/make_features.py --measure  simulate further points of `brunel`, then write
    python docs/make_features.py            write
    python docs/make_features.py --check    exit 1 if the page is not what the scores say

The numbers come from the full preset of the study `network-oscillations`
(data/network-oscillations/study.json), those of further points of `brunel` from
docs/network_features.json; none of them is typed by hand.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import snnsurrogate as sns

ROOT = Path(__file__).resolve().parent.parent
STUDY = ROOT / "data" / "network-oscillations" / "study.json"
KEPT = ROOT / "docs" / "network_features.json"
# g, eta and the state that Fig. 2 of Brunel (2000) has there; not used to choose thresholds
POINTS = ((4.5, 2.0, "AI"), (6.0, 2.0, "AI"), (8.0, 4.0, "SI"), (2.0, 2.0, "SR"))
PAGE = ROOT / "docs" / "network_features.md"
REGIMES = ("homogeneous", "regular", "synchronous")
GATE = {"rate_E": "E rate, Hz", "rate_I": "I rate, Hz", "ssi_1ms": "index, 1 ms"}
STATES = {"rate_E": "E rate, Hz", "isi_cv_E": "CV of intervals", "chi": "chi"}

Scores = dict[str, dict[str, Any]]


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def statistics(scores: Scores) -> str:
    """Exact runs beside the reference."""
    rows = []
    for key, words in GATE.items():
        entries = [scores[f"gate.{name}.{key}"] for name in REGIMES]
        rows.append([words, *(f"{e['value']:.3g} ({e['reference']:g})" for e in entries)])
    return (
        "Exact runs of 60 s; in brackets the reference (another program, 10-20 s).\n"
        "Tests hold the other measures against it.\n\n" + table(["", *REGIMES], rows)
    )


def events(scores: Scores) -> str:
    """What hangs on the detector and its parameters."""
    first = f"events.{REGIMES[0]}."
    found = [k.removeprefix(first).rsplit(".", 1)[0] for k in scores if k.startswith(first)]
    rows = []
    for detector in dict.fromkeys(found):
        row = [detector]
        for name in REGIMES:
            size, rate = (
                scores[f"events.{name}.{detector}.{key}"]["value"]
                for key in ("event_size_E", "event_rate")
            )
            size = "-" if size is None else f"{size:.0f}"
            row.append(f"{size}; {rate:.3g}")
        rows.append(row)
    return "Exact runs of 60 s; E spikes per event; events per second:\n\n" + table(
        ["", *REGIMES], rows
    )


def states(scores: Scores) -> str:
    """Presets of `brunel` and the labels they get."""
    labels = sns.features.RULES["brunel"].names
    names = [
        m[1]
        for k in scores
        if (m := re.fullmatch(r"brunel\.(.+)\.regime", k)) and f"brunel.{m[1]}.rate_E" in scores
    ]
    rows = [
        [
            name,
            *(f"{scores[f'brunel.{name}.{key}']['value']:.3g}" for key in STATES),
            labels[int(scores[f"brunel.{name}.regime"]["value"])],
        ]
        for name in names
    ]
    return "Presets of `brunel`, 5000 cells, 2 s:\n\n" + table(
        ["preset", *STATES.values(), "label"], rows
    )


def measure() -> list[dict[str, Any]]:
    """Measures and label of every further point; 5000 cells, 2 s after 300 ms."""
    found = []
    for g, eta, _ in POINTS:
        ds = sns.simulate(
            "brunel",
            sns.Design.points({"g": [g], "eta": [eta]}),
            duration="2 s",
            transient="300 ms",
            record_every="1 ms",
            record=("spikes",),
            seed=11,
            processes=1,
        )
        label = sns.regimes(ds)
        names = label.attrs["flag_meanings"].split()
        found.append(
            {
                "g": g,
                "eta": eta,
                "cycle_cv": float(label["regime_cycle_cv"][0]),
                "isi_cv": float(label["regime_isi_cv"][0]),
                "rate_E": float(sns.features.summary(ds)["rate_E"][0]),
                "label": names[int(label[0]) + 1],
                "sharp": names[int(label["sharp"][0]) + 1],
            }
        )
    return found


def points(scores: Scores) -> str:
    """Further points of `brunel`, beside what the paper's diagram has there."""
    expected = {(g, eta): state for g, eta, state in POINTS}
    rows = [
        [
            f"g = {p['g']:g}, eta = {p['eta']:g}",
            expected[p["g"], p["eta"]],
            *(f"{p[key]:.3g}" for key in ("cycle_cv", "isi_cv", "rate_E")),
            p["label"],
        ]
        for p in json.loads(KEPT.read_text())
    ]
    head = ["", "expected", "cycle_cv", "CV of intervals", "E rate, Hz", "label"]
    return "One run of 2 s each, 5000 cells:\n\n" + table(head, rows)


def main() -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--measure", action="store_true")
    chosen = parser.parse_args()
    if chosen.measure:
        KEPT.write_text(json.dumps(measure(), indent=1) + "\n")
    scores: Scores = json.loads(STUDY.read_text())
    wanted = text = PAGE.read_text()
    for make in (statistics, states, points, events):
        begin = f"<!-- figures: begin {make.__name__} -->"
        end = f"<!-- figures: end {make.__name__} -->"
        before, rest = wanted.split(begin, 1)
        wanted = f"{before}{begin}\n{make(scores)}\n{end}{rest.split(end, 1)[1]}"
    if wanted == text:
        return 0
    if chosen.check:
        print(f"{PAGE.relative_to(ROOT)} does not say what data/ says; run {Path(__file__).name}")
        return 1
    PAGE.write_text(wanted)
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
