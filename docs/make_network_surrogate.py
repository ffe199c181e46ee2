"""Write docs/network_surrogate.md from the scores that ship in data/.

    python docs/make_network_surrogate.py            write
    python docs/make_network_surrogate.py --check    exit 1 if the page is not what the scores say

The numbers come from the full presets of the studies `network-surrogate` and `network-atlas`
(data/network-surrogate/study.json and atlas.json); none of them is typed by hand.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STUDY = ROOT / "data" / "network-surrogate" / "study.json"
ATLAS = ROOT / "data" / "network-surrogate" / "atlas.json"
PAGE = ROOT / "docs" / "network_surrogate.md"

Scores = dict[str, dict[str, Any]]
ERRORS = {
    "population_rate_error_E": "E rate, error, %",
    "population_rate_error_I": "I rate, error, %",
    "ssi_error": "synchrony index (1 ms), error, %",
    "chi_error": "chi, error, %",
    "spectrum_distance_E": "spectrum of E, Hellinger",
}
SINGLE = {
    "event_size_ratio": "event size, Wasserstein over the floor",
    "event_duration_ratio": "event duration, the same",
    "event_interval_ratio": "interval of events, the same",
    "labels_differing_clear": "labels missed, clear points",
    "labels_differing": "labels missed, all points",
}
BASELINES = {
    "event-map": "EventMap",
    "event-resampling": "stored events, resampled",
    "nearest-run": "nearest training run, replayed",
    "analogues": "nearest neighbour on the coarse state",
    "gate-chain": "4-D coarse-grained chain",
    "linear-gaussian": "linear-Gaussian map",
    "count-gru": "GRU on counts",
    "coarse-step": "Brian2 with a coarse step",
}
SPEEDS = {
    "exact": "exact engine",
    "exact.1600": "exact engine, 1600 cells",
    "exact.6400": "exact engine, 6400 cells",
    "brian2": "Brian2, default step",
    "single": "PopulationMap, one network",
    "batch": "PopulationMap, batch of 256",
}
NAMES = ("tau_EE", "tau_IE", "S_EE", "S_IE", "S_EI", "S_II", "lambda_E")


def number(value: float | None) -> str:
    """A number for people; a dash where there is none."""
    if value is None:
        return "–"
    if value and abs(value) < 1e-3:
        return f"{value:.1e}".replace("-", "−")
    return (f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}").replace("-", "−")


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table and the empty line after it."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def pair(scores: Scores, name: str, part: str | int = "value") -> str:
    """Median and largest of an error, or those of one seed."""
    found = []
    for end in ("median", "max"):
        entry = scores[f"{name}_{end}"]
        found.append(number(entry["values"][part] if isinstance(part, int) else entry[part]))
    return " / ".join(found)


def part_of(scores: Scores, prefix: str) -> Scores:
    """The scores below a prefix, without it."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in scores.items() if k.startswith(start)}


def verdict(*entries: dict[str, Any]) -> str:
    """Whether all reach their target, and what to try for beyond."""
    if all(e["hope_met"] for e in entries):
        return "both"
    return "met" if all(e["met"] for e in entries) else "**missed**"


def seeds(scores: Scores) -> list[str]:
    """One column per training seed, the floor before and the goals behind."""
    n = len(scores["chi_error_max"]["values"])
    rows = []
    for name, words in ERRORS.items():
        ends = [scores[f"{name}_{end}"] for end in ("median", "max")]
        goals = [" / ".join(f"{e[key]:g}" for e in ends) for key in ("target", "hope")]
        cells = [pair(scores, name, part) for part in ("floor", *range(n), "value")]
        rows.append([words, *cells, *goals, verdict(*ends)])
    for name, words in SINGLE.items():
        e = scores[name]
        cells = [number(v) for v in (e["floor"], *e["values"], e["value"])]
        rows.append([words, *cells, f"{e['target']:g}", f"{e['hope']:g}", verdict(e)])
    head = ["median / largest", "floor", *(f"seed {k}" for k in range(n)), "all seeds"]
    return table([*head, "to reach", "then try for", "reached"], rows)


def beside(scores: Scores) -> list[str]:
    """The map beside what it has to beat."""
    columns = {"PopulationMap": part_of(scores, "heldout")}
    for name, words in BASELINES.items():
        found = part_of(scores, f"baseline.{name}")
        if found:
            columns[words] = found
    rows = []
    for words, column in columns.items():
        cells = [pair(column, name) for name in ERRORS]
        rows.append([words, *cells, *(number(column[name]["value"]) for name in SINGLE)])
    return table(["", *ERRORS.values(), *SINGLE.values()], rows)


def reached(entry: dict[str, Any], key: str) -> str:
    """A goal and whether it is reached; nothing where there is none."""
    if key not in entry:
        return ""
    met = entry["met" if key == "target" else "hope_met"]
    return f"{entry[key]:g}: {'met' if met else '**missed**' if key == 'target' else 'missed'}"


def speeds(scores: Scores) -> list[str]:
    """Biological seconds per second of one core."""
    rows = []
    for name, words in SPEEDS.items():
        entry = scores.get(f"speed.{name}")
        if entry is not None:
            over = number(entry["value"] / scores["speed.exact"]["value"])
            goals = [reached(entry, key) for key in ("target", "hope")]
            rows.append([words, number(entry["value"]), over, *goals])
    return table(["", "biological s / s", "over exact", "to reach", "then try for"], rows)


def over_sizes(scores: Scores) -> list[str]:
    """How many times faster one network is than the exact engine at other sizes."""
    ratios = {
        n: scores[key]["value"]
        for n in (1600, 6400)
        if (key := f"speed.single.over_exact.{n}") in scores
    }
    if not ratios:
        return []
    words = ", ".join(f"{number(v)} at N = {n}" for n, v in ratios.items())
    return [f"One map (of 400 cells) over the exact engine of N cells: {words}.", ""]


def planes(scores: Scores) -> list[str]:
    """Labels and errors over the two planes."""
    rows, labels = [], ("labels_differing_clear", "labels_differing")
    for name, words in (("S_EE", "tau_EE and S_EE"), ("lambda_E", "tau_EE and lambda")):
        found = part_of(scores, f"plane.{name}")
        if found:
            cells = [tuple(number(found[k][e]) for e in ("value", "floor")) for k in labels]
            for k in ("chi_error", "population_rate_error_E"):
                cells.append((pair(found, k), pair(found, k, "floor")))
            rows.append([words, *(f"{value} ({floor})" for value, floor in cells)])
    head = ["63 points, 10 s each (in brackets: floor)", *(SINGLE[k] for k in labels)]
    return table([*head, "chi, error, %", "E rate, error, %"], rows) if rows else []


def unseen(scores: Scores) -> list[str]:
    """The regime that was left out of the training."""
    found = part_of(scores, "unseen")
    if not found:
        return []
    rows = []
    for words in [k[4:-8] for k in found if k.startswith("chi[") and k.endswith("].points")]:
        of = {
            k.split("].")[1]: v["value"] for k, v in found.items() if k.startswith(f"chi[{words}]")
        }
        cells = [number(of["points"]), f"{100 * of['labels']:.0f}"]
        cells += [f"{of[k]:+.1f}".replace("-", "−") for k in ("chi_off_median", "chi_off_largest")]
        rows.append([words, *cells, number(of["rate_error_E_median"])])
    head = ["chi of the truth", "points", "labels right, %", "chi off, median, %"]
    head += ["chi off, largest, %", "E rate error, median, %"]
    share = 100 * found["unseen_labels"]["value"] if "unseen_labels" in found else float("nan")
    return [
        "## A regime that was left out",
        "",
        "Trained without every record whose chi is 1 or more; tested on the held-out points and",
        f"the plane of tau_EE and S_EE. Labels of points with a chi of 1 and more: {share:.0f} %",
        "right (80 % was hoped for).",
        "",
        *table(head, rows),
    ]


def signed(value: float) -> str:
    """A number with its sign."""
    return f"{value:+.2f}".replace("-", "−")


def atlas(scores: Scores) -> list[str]:
    """The box seen whole."""

    def value(key: str) -> float:
        return float(scores[key]["value"])

    labels = [k.removeprefix("share.") for k in scores if k.startswith("share.")]
    shares = ", ".join(f"{name} {100 * value(f'share.{name}'):.1f} %" for name in labels)
    features = {"chi": "chi", "rate_E": "E rate", "rate_I": "I rate", "peak_frequency": "peak"}
    rows = [
        [name, *(signed(value(f"rank_correlation.{f}.{name}")) for f in features)] for name in NAMES
    ]
    check = part_of(scores, "check")
    right = {k: 100 * value(f"check.atlas_labels_{k}") for k in ("clear", "all")}
    chi, rate = "chi_error", "population_rate_error_E"
    return [
        "## Atlas of the box",
        "",
        f"`network-atlas`: {value('biological_seconds') / 10:.0f} points of 10 s in",
        f"{value('seconds'):.0f} s of one core, {value('rollout_seconds'):.0f} s of them rollouts",
        f"and the rest features; failed runs: {100 * value('failed_points'):.2g} %, runs with a",
        f"state clipped at some step: {100 * value('clipped_points'):.2g} %. Shares of the box:",
        f"{shares}.",
        "",
        f"The exact engine at {value('check.points'):.0f} of these points, drawn at random, 10 s",
        f"each: labels of the atlas right at {right['clear']:.0f} % of the",
        f"{value('check.points_clear'):.0f} clear and {right['all']:.0f} % of all points; chi off",
        f"by {pair(check, chi)} % (median / largest; a second seed of the network:",
        f"{pair(check, chi, 'floor')}), E rate by {pair(check, rate)} %",
        f"({pair(check, rate, 'floor')}).",
        "",
        "Rank correlation over all points; peak: frequency of the spectral peak.",
        "",
        *table(["", *features.values()], rows),
        "![Regimes, chi and rate over tau_EE and each other parameter](images/network-atlas.png)",
        "",
    ]


def page() -> str:
    """The text of the page."""
    scores = json.loads(STUDY.read_text())
    training = scores["training.seconds"]
    wall = ", ".join(f"{s:.0f}" for s in training["values"])
    lines = [
        "# Network surrogate: measured",
        "",
        "Written by `docs/make_network_surrogate.py` from `data/network-surrogate/`: the full",
        "presets of the studies `network-surrogate` and `network-atlas`. The surrogate, a",
        "[PopulationMap](population_map.md), stands for `markov-if` in a box of seven parameters:",
        "tau_EE 1.2-4 ms (even on a logarithmic scale), tau_IE 0.9-1.3 ms, the four weights 15 %",
        "up and down, lambda_E = lambda_I 5-8 per ms. The parameter table of the paper whose idea",
        "it follows (Zhang et al., 2024, doi:10.1007/s00285-024-02081-0) was not available: the",
        "method is reproduced, not the table.",
        "",
        "Every error stands beside the floor: the truth against its twin, the network again with",
        "other seeds. Truth, twin and surrogate are three runs of 20 s each, laid end to end.",
        "",
        "## Held-out points",
        "",
        "24 Sobol points of the box and the three presets; no choice was made by them. Three",
        "training seeds; in the column of all seeds the median of medians and the largest of all.",
        "",
        *seeds(part_of(scores, "heldout")),
    ]
    fresh = part_of(scores, "fresh")
    if fresh:
        lines += [
            "## Fresh points",
            "",
            "24 further points, looked at once, after all choices.",
            "",
            *seeds(fresh),
        ]
    lines += [
        f"Training, one process per seed, wall time on a busy machine: {wall} s.",
        "",
        "## Beside the baselines",
        "",
        "The same held-out points; all know the same training data (EventMap every second point",
        "that has events). Events of EventMap are those it states; of all others and of the truth",
        "those of the detector `crossing`. The last stage of PopulationMap's training fits rates,",
        "synchrony and spectra of its long runs to those of the training points; the others have",
        "no such stage.",
        "",
        *beside(scores),
        "## Over two planes",
        "",
        *planes(scores),
        "![Regimes of truth, surrogate and twin](images/network-surrogate-plane.png)",
        "",
        "![Phase portraits](images/network-surrogate-portrait.png)",
        "",
        *unseen(scores),
        "## Speed",
        "",
        "Processor time of one core, 400 cells where no number is said, regular regime, all in one",
        "run on a busy machine; the best of three, other sizes once, weights times 400 / N. A step",
        "of the map has no part that depends on N (a map with sizes among its parameters:",
        "[PopulationMap](population_map.md)).",
        "",
        *speeds(scores),
        *over_sizes(scores),
    ]
    if ATLAS.is_file():
        lines += atlas(json.loads(ATLAS.read_text()))
    return "\n".join(lines)


def main() -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    wanted = page()
    if PAGE.is_file() and PAGE.read_text() == wanted:
        return 0
    if check:
        print(f"{PAGE.relative_to(ROOT)} does not say what data/ says; run {Path(__file__).name}")
        return 1
    PAGE.write_text(wanted)
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
