"""Measure event maps of `markov-if` and write the tables of docs/event_map.md.

    python docs/make_event_map.py --measure --work DIR   simulate, train, roll out (an hour of one
                                                         core), keep the numbers, write
    python docs/make_event_map.py                        write from the numbers that are kept
    python docs/make_event_map.py --check                exit 1 if the page is not what they say

What is done is kept in DIR and not done again; ``--pieces N`` ends after N new pieces of work (exit
status 75), and ``--pieces 0`` writes the page from those that are done. The numbers are in
docs/event_map.json; none of them is typed by hand.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import snnsurrogate as sns
from snnsurrogate import schema

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "event_map.json"
PAGE = ROOT / "docs" / "event_map.md"
BEGIN, END = "<!-- figures: begin", "<!-- figures: end -->"
BOX = {
    "tau_EE": (1.2, 4.0), "tau_IE": (0.9, 1.3), "S_EE": (4.25, 5.75), "S_IE": (1.7, 2.3),
    "S_EI": (4.1735, 5.6465), "S_II": (4.1735, 5.6465), "lambda_E": (5.0, 8.0),
}  # fmt: skip
WIDER = 0.07  # of a side of the box, on both ends of the training points
TRAINING = {"points": 192, "duration": "3 s", "seed": 11}
TEST = {"points": 16, "duration": "20 s", "design": 13, "seeds": (0, 1)}
PERTURBED = {"runs": 8, "strength": 0.7, "seed": 1}  # runs per training point
VARIANTS = {
    "stochastic": (False, False), "stochastic, perturbed": (False, True),
    "deterministic": (True, False), "deterministic, perturbed": (True, True),
}  # fmt: skip
SEEDS = {False: (0, 1, 2), True: (0,)}  # deterministic or not -> training seeds
LOOPS = ("full", "hybrid")
EVENTS = {"size_E": "size", "duration": "duration", "interval": "interval"}
RATES = {"rate_E": "E rate", "rate_I": "I rate", "chi": "chi"}


class Later(Exception):  # noqa: N818 - no error: the work goes on in another call
    """The pieces of work of this call are done."""


class Work:
    """Pieces of work that are kept in a folder."""

    def __init__(self, folder: Path, pieces: int) -> None:
        self.folder, self.pieces = folder, pieces
        for name in ("fits", "scores"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def done(self, what: str) -> None:
        """Count a piece."""
        print(what, flush=True)
        self.pieces -= 1
        if self.pieces == 0:
            raise Later

    def dataset(self, name: str, make: Callable[[Path], xr.Dataset]) -> xr.Dataset:
        """A dataset that is made once."""
        path = self.folder / f"{name}.nc"
        if not path.is_file():
            began = time.process_time()
            sns.save(make(path), path)
            self.done(f"{name}: {time.process_time() - began:.0f} s")
        return sns.open(path, load=True)

    def number(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        """Numbers that are made once; None if they are not there and nothing is to be done."""
        path = self.folder / "scores" / f"{name}.json"
        if not path.is_file():
            if self.pieces == 0:
                return None
            path.write_text(json.dumps(make()))
            self.done(name)
        return dict(json.loads(path.read_text()))


def points(n: int, seed: int, wider: float = 0.0) -> sns.Design:
    """Sobol points of the box, tau_EE on a logarithmic scale, one drive for both populations."""
    cube = sns.Design.sobol({name: (0.0, 1.0) for name in BOX}, n=n, seed=seed).parameters
    found = {}
    for name, (low, high) in BOX.items():
        u = (cube[name] - 0.5) * (1 + 2 * wider) + 0.5
        found[name] = low * (high / low) ** u if name == "tau_EE" else low + (high - low) * u
    return sns.Design.points(found | {"lambda_I": found["lambda_E"]})


def simulated(design: sns.Design, duration: str, seed: int, record: list[str]) -> xr.Dataset:
    """Exact runs."""
    return sns.simulate(
        "markov-if", design, duration=duration, record_every="1 ms", transient="500 ms",
        engine="exact", record=record, seed=seed, processes=1,
    )  # fmt: skip


def data(work: Work) -> tuple[xr.Dataset, xr.Dataset, list[xr.Dataset]]:
    """Training data, perturbed states, and the truth at the test points with both seeds."""
    found = work.dataset(
        "train",
        lambda path: simulated(
            points(TRAINING["points"], TRAINING["seed"], WIDER),
            TRAINING["duration"], TRAINING["seed"], ["histograms"],
        ),
    )  # fmt: skip
    train = schema.select(found, sns.features.events(found)["event_count"].values > 2)
    more = work.dataset(
        "pert",
        lambda path: sns.perturbed_events(
            train, PERTURBED["runs"] * train.sizes["sample"],
            strength=PERTURBED["strength"], seed=PERTURBED["seed"],
        ),
    )  # fmt: skip
    truth = [
        work.dataset(
            f"val-{k}",
            lambda path, k=k: simulated(
                points(TEST["points"], TEST["design"]), TEST["duration"], k, []
            ),
        )
        for k in TEST["seeds"]
    ]
    return train, more, truth


def of_events(ds: xr.Dataset, detector: str) -> dict[str, list[np.ndarray]]:
    """Size, duration and interval of events, one array per sample."""
    table = sns.features.events(ds, detector=detector)
    ends = np.cumsum(table["event_count"].values)[:-1]
    return {
        name: [x[np.isfinite(x)] for x in np.split(table[name].values, ends)] for name in EVENTS
    }


def compared(ds: xr.Dataset, truth: xr.Dataset, detector: str) -> dict[str, Any]:
    """Distances (percent) of events, rates and chi at every point."""
    from snnsurrogate.evaluate.metrics.events import relative_wasserstein  # slow to import

    own, true = of_events(ds, detector), of_events(truth, "crossing")
    found: dict[str, Any] = {
        name: [relative_wasserstein(a, b) for a, b in zip(true[name], own[name], strict=True)]
        for name in EVENTS
    }
    tables = [sns.features.summary(x) for x in (truth, ds)]
    for name in RATES:
        a, b = (t[name].values for t in tables)
        found[name] = (100.0 * np.abs(b / a - 1.0)).tolist()
    return found


def rolled(surrogate: sns.Surrogate, truth: xr.Dataset, loop: str) -> dict[str, Any]:
    """Scores of one surrogate in one loop."""
    parameters = {name: truth[name].values for name in surrogate.parameters}
    surrogate.rollout(None, parameters, "1 s", loop=loop)  # compiled before it is timed
    began = time.process_time()
    run = surrogate.rollout(None, parameters, TEST["duration"], seed=0, loop=loop)
    seconds = time.process_time() - began
    rate = run["rate_E"].values[:, 1:].astype(float)
    first, last = np.array_split(rate, 2, axis=1)
    number = sns.features.events(run, detector="stated")["event_count"].values
    labels = [sns.regimes(x).values for x in (truth, run)]
    return {
        **compared(run, truth, "crossing"),
        "stated": {k: v for k, v in compared(run, truth, "stated").items() if k in EVENTS},
        "clipped": (run["clipped"].values / np.maximum(number, 1)).tolist(),
        "drift": (100 * np.abs(last.mean(1) / first.mean(1) - 1)).tolist(),
        "agree": (labels[0] == labels[1]).tolist(),
        "speed": 20.0 * len(rate) / seconds,
    }


def exact_speed() -> dict[str, Any]:
    """Biological seconds per second of one core of the exact engine at some of the test points."""
    design = points(TEST["points"], TEST["design"])
    simulated(design, "10 ms", 3, [])  # compiled before it is timed
    began = time.process_time()
    simulated(design, "1 s", 3, [])
    return {"speed": 1.5 * TEST["points"] / (time.process_time() - began)}  # with the transient


def measure(work: Work) -> dict[str, Any]:
    """All variants, loops and seeds."""
    train, more, truth = data(work)
    labels = sns.regimes(truth[0])
    names = dict(zip(labels.attrs["flag_values"].tolist(),
                     labels.attrs["flag_meanings"].split(), strict=True))  # fmt: skip
    kept: dict[str, Any] = {
        "training": TRAINING | {"used": train.sizes["sample"]},
        "test": TEST, "perturbed": PERTURBED, "wider": WIDER,
        "regimes": [names[int(v)] for v in labels.values],
        "floor": compared(truth[1], truth[0], "crossing"),
        "runs": {},
        "exact": work.number("exact", exact_speed),
    }  # fmt: skip
    plan = [
        (loop, seed, variant)
        for loop in LOOPS
        for seed in SEEDS[False]
        for variant, (deterministic, _) in VARIANTS.items()
        if seed in SEEDS[deterministic]
    ]
    for loop, seed, variant in plan:
        surrogate = trained(work, variant, seed, train, more)
        scores = None
        if surrogate is not None:
            name = f"{surrogate[0]}-{loop}"
            scores = work.number(name, lambda s=surrogate[1], k=loop: rolled(s, truth[0], k))
        if scores is None or surrogate is None:
            continue
        kept["runs"].setdefault(loop, {}).setdefault(variant, []).append(scores)
        pairs = surrogate[1].card["training"]["data"]["pairs"]
        kept["cycles"] = kept.get("cycles", {}) | {variant: pairs}
    return kept


def trained(
    work: Work, variant: str, seed: int, train: xr.Dataset, more: xr.Dataset
) -> tuple[str, sns.Surrogate] | None:
    """A short name and the surrogate; None if it is not there and nothing is to be done."""
    deterministic, perturbed = VARIANTS[variant]
    short = ("d" if deterministic else "s") + "p" * perturbed + str(seed)
    folder = work.folder / "fits" / short
    if (folder / "card.json").is_file():
        return short, sns.load(folder)
    if work.pieces == 0:
        return None
    surrogate = sns.fit(
        sns.models.EventMap(deterministic=deterministic),
        [train, more] if perturbed else train,
        seed=seed, out=folder, progress=False,
    )  # fmt: skip
    work.done(f"fit {short}: {surrogate.card['training']['seconds']:.0f} s")
    return short, surrogate


def ratio(
    runs: list[dict[str, Any]], floor: dict[str, Any], name: str, at: Any, mean: Any = np.nanmean
) -> list[float]:
    """Mean distance over points in units of the mean distance between two seeds, by seed."""
    least = mean(np.array(floor[name], dtype=float)[at])
    return [float(mean(np.array(r[name], dtype=float)[at]) / least) for r in runs]


def span(values: list[float], digits: int = 1) -> str:
    """Mean of several seeds, and their range."""
    low, high = (f"{v:.{digits}f}" for v in (min(values), max(values)))
    mean = f"{np.mean(values):.{digits}f}"
    return mean if low == high else f"{mean} ({low} to {high})"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table and the empty line after it."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def block() -> str:
    """What stands between the marks."""
    kept = json.loads(KEPT.read_text())
    floor, runs = kept["floor"], kept["runs"]
    every = np.ones(len(kept["regimes"]), dtype=bool)
    rows, tail = [], []
    for loop, by in runs.items():
        for variant, found in by.items():
            row = [loop, f"{variant} ({len(found)})"]
            row += [
                f"{span(ratio(found, floor, name, every))}; "
                f"{np.mean(ratio(found, floor, name, every, np.nanmedian)):.1f}"
                for name in EVENTS
            ]
            for name in RATES:
                medians = [float(np.median(r[name])) for r in found]
                largest = [float(np.max(r[name])) for r in found]
                row.append(f"{np.mean(medians):.1f} / {np.mean(largest):.0f}")
            rows.append(row)
            tail.append(
                [
                    loop, variant,
                    span([100 * float(np.mean(r["clipped"])) for r in found], 2),
                    span([float(np.median(r["drift"])) for r in found]),
                    f"{sum(sum(r['agree']) for r in found)} of {len(every) * len(found)}",
                    span([float(r["speed"]) for r in found], 0),
                ]
            )  # fmt: skip
    medians = [f"{np.median(floor[n]):.1f} / {np.max(floor[n]):.0f}" for n in RATES]
    rows.append(["", "exact, another seed", "1; 1", "1; 1", "1; 1", *medians])
    shown = "stochastic"
    by_regime = []
    for regime in dict.fromkeys(kept["regimes"]):
        at = np.array(kept["regimes"]) == regime
        for loop, by in runs.items():
            row = [f"{regime} ({int(at.sum())})", loop]
            row += [span(ratio(by[shown], floor, name, at)) for name in EVENTS]
            row += [span([float(np.max(np.array(r["rate_E"])[at])) for r in by[shown]])]
            by_regime.append(row)
    of = [r["stated"] for r in runs["full"][shown]]
    stated = ", ".join(f"{EVENTS[k]} {np.mean(ratio(of, floor, k, every)):.1f}" for k in EVENTS)
    cycles = kept["cycles"]
    return "\n".join(
        [
            f"{BEGIN}; written by docs/make_event_map.py -->",
            f"Trained on {kept['training']['points']} Sobol points of the box (sides "
            f"{100 * kept['wider']:.0f} % longer at both ends), "
            f"{kept['training']['duration']} each;",
            f"{kept['training']['points'] - kept['training']['used']} of them without events are "
            "left out. Cycles in the training data: "
            f"{', '.join(f'{v} ({k})' for k, v in cycles.items())}.",
            f"Tested at {kept['test']['points']} other points, "
            f"{kept['test']['duration']}. Number of training seeds in",
            "brackets after the map; mean over them, range in brackets. Events: mean distance over "
            "points over that of two seeds of the",
            "exact engine; the same of medians over points. Rates and chi: error in percent, "
            "median / largest over points.",
            "",
            *table(["loop", "map", *EVENTS.values(), *RATES.values()], rows),
            "Clipped numbers per 100 cycles, change of the E rate from the first half of a run to "
            "the second (percent, median), regime",
            "labels that agree, and biological seconds per second of one core (exact engine "
            f"{kept['exact']['speed']:.1f}):",
            "",
            *table(["loop", "map", "clipped", "drift", "labels", "speed"], tail),
            "By regime of the truth (number of points), stochastic map without perturbed states; E "
            "rate: largest error in percent:",
            "",
            *table(["regime", "loop", *EVENTS.values(), "E rate"], by_regime),
            "Events of all tables are found by the detector `crossing` in the rates, of truth and "
            "surrogate alike. Those that the stochastic map states",
            f"itself (full loop) are at {stated} times the floor.",
            END,
        ]
    )


def main() -> int:
    """Measure, write, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "event-map")
    parser.add_argument("--pieces", type=int, default=-1)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)  # clipping and short records: counted below
    if chosen.measure:
        import torch

        torch.set_num_threads(1)
        try:
            kept = measure(Work(chosen.work, chosen.pieces))
        except Later:
            return 75
        KEPT.write_text(json.dumps(kept) + "\n")
    text = PAGE.read_text()
    before, rest = text.split(BEGIN, 1)
    wanted = before + block() + rest.split(END, 1)[1]
    if wanted == text:
        return 0
    if chosen.check:
        print(f"{PAGE.relative_to(ROOT)} does not say what {KEPT.name} says")
        return 1
    PAGE.write_text(wanted)
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
