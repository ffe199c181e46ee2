"""How far do learned maps hold from the parameters at which they were trained?

Question: maps of a bursting neuron (V_S and g_K2) and of a spiking network (tau_EE, S_EE and the
    external rate) are trained on some parameter points. What do they get right at others: between
    the points, beyond their box, in a band left out across a boundary of regimes, in a regime never
    shown; how many points do they need; and is that more than a table of the training points knows?
Expect: between points, few points suffice (the map has to learn one vector field, not one table
    entry per regime), and a table needs many more. In a band the maps hold, since both sides are
    seen. Beyond the box they get worse with distance, the neuron more slowly than the network,
    whose map knows the law only through statistics. Held-out regimes: tonic spiking is found with a
    shifted boundary, since bursts already show every part of the motion; the synchronous regime of
    the network is recognised as such, with errors in size.
Data: `sherman`, RK4: at every training point the attractor (20 s) and two transients from random
    starts; classes from 60 s after 40 s, from the large start and from the stability of the fixed
    point. `markov-if`, event by event: 3 s at every training point, tested on longer records.
    Points: Sobol sequences, one for training (its first points are the smaller sets) and another
    for the test; boundaries along lines of their own.
Splits: the coordinate `split` of the datasets, by the rules of HELD_OUT in both helpers. The same
    test points serve every training; what a training held out is a part of them, and the map of all
    points stands beside it.
Tables to beat: labels and features of the nearest training point; features interpolated between
    training points (linearly, by splines), with labels by vote or from the interpolated chi.
Floor: the truth again, at half the step (neuron) or with another seed (network).
Result: see docs/generalisation.md, which quotes the full preset.
"""

from __future__ import annotations

import json
import runpy
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import xarray as xr

import snnsurrogate as sns

Adam, LM = sns.models.Adam, sns.models.LevenbergMarquardt
Likelihood, FreeRun = sns.models.Likelihood, sns.models.FreeRun
SIDES = ("bursting", "network")


@dataclass(frozen=True, kw_only=True)
class Preset:
    """All that varies between a try and the claim."""

    points: tuple[int, ...] = (10, 30, 100)  # of training; the last is all
    seeds: tuple[int, ...] = (0,)
    hidden: tuple[int, ...] = (24, 24)
    bursting: tuple[Any, ...] = (Adam(steps=1000, batch=1000), LM(iterations=40, points=6000))
    network: tuple[Any, ...] = (Likelihood(steps=2000),)
    attractor: str = "20 s"
    transients: int = 2  # at every training point
    tests: int = 200
    record: str = "60 s"
    line: int = 161
    piece: str = "3 s"  # of the network, at every training point
    network_tests: int = 32
    network_record: str = "10 s"
    network_line: int = 9


PRESETS = {
    "tiny": Preset(
        points=(8, 16), hidden=(8,), attractor="5 s", transients=1, tests=16, record="20 s",
        line=9, piece="1 s", network_tests=12, network_record="2 s", network_line=3,
        bursting=(Adam(steps=60, batch=200), LM(iterations=3, points=300)),
        network=(Likelihood(steps=40, records=8, pairs=16),),
    ),
    "quick": Preset(),
    "full": Preset(
        points=(10, 30, 100, 300), seeds=(0, 1), tests=400, line=321, network_tests=48,
        bursting=(Adam(steps=1000, batch=1000), LM(iterations=80, points=6000)),
        network=(
            Likelihood(steps=2000),
            FreeRun(steps=150, horizon=20, learning_rate=(5e-4, 5e-5)),
        ),
    ),
}  # fmt: skip
HELPERS = {
    name: runpy.run_path(str(Path(__file__).with_name(f"_generalisation_{name}.py")))
    for name in (*SIDES, "scores")
}
scoring = SimpleNamespace(**HELPERS["scores"])


def main(preset: str = "quick", out: Path = Path("runs/parameter-generalisation")) -> xr.Dataset:
    """Run the study; what is there and matches is reused.

    Returns:
        Scores of the neuron's map of all points (seed of least training error).
    """
    size, out = PRESETS[preset], Path(out)
    (out / "data").mkdir(parents=True, exist_ok=True)
    summary: dict[str, Any] = {}
    chapters: dict[str, xr.Dataset] = {}
    for name in SIDES:
        side = HELPERS[name]["prepare"](size, out / "data")
        runs = {
            key: trained(side, key, rules, size, out / name)
            for key, rules in scoring.experiments(side, size.points).items()
        }
        summary |= scoring.summarised(side, runs)
        write(out / "scores.json", json.dumps(summary, indent=1) + "\n")
        chapters[name] = chapter(side, runs, summary, size, out / name)
    first = chapters.pop(SIDES[0])
    sns.save_scores(first, out / "scores.nc")
    sns.report(first, out / "report.html", more={"Network": chapters["network"]})
    return first


def trained(
    side: SimpleNamespace, key: str, rules: dict[str, Any], size: Preset, folder: Path
) -> SimpleNamespace:
    """One training of every seed: tables of the maps and of what is to be beaten."""
    seen = scoring.training(side, rules)
    arguments = {"schedule": side.schedule}
    if len(size.seeds) == 1:  # no process of its own
        (seed,) = size.seeds
        maps = [sns.fit(side.model, seen.train, seed=seed, out=folder / key / f"seed-{seed}",
                        **arguments)]  # fmt: skip
    else:
        maps = sns.fit_seeds(side.model, seen.train, size.seeds, out=folder / key, **arguments)
    read = [
        tables(side, one, folder / key / f"tables-{seed}.nc")
        for one, seed in zip(maps, size.seeds, strict=True)
    ]
    others = {name: [guess] for name, guess in scoring.guesses(side, seen.known).items()}
    best = min(maps, key=lambda one: one.card["training"]["loss"])
    return SimpleNamespace(guess={"map": read} | others, best=best, **vars(seen))


def tables(side: SimpleNamespace, surrogate: sns.Surrogate, file: Path) -> list[xr.Dataset]:
    """What a map says at the test points and on every line; kept in a file."""
    targets = [side.test, *(ds for _, ds, _, _ in side.lines)]
    made_of = json.dumps(
        [surrogate.card["checksum"], *(ds.attrs["content_hash"] for ds in targets)]
        + [sns.__version__]
    )
    counts = [ds.sizes["sample"] for ds in targets]
    if file.is_file():
        held = xr.load_dataset(file)
        if held.attrs.get("made_of") == made_of:
            ends = [sum(counts[: i + 1]) for i in range(len(counts))]
            return [
                held.isel(sample=slice(end - n, end)) for n, end in zip(counts, ends, strict=True)
            ]
    found = [side.read(surrogate, ds).reset_coords(drop=True) for ds in targets]
    partial = file.with_suffix(".part")
    whole = xr.concat(found, "sample", combine_attrs="override").assign_attrs(made_of=made_of)
    whole.to_netcdf(partial, engine="netcdf4")
    partial.replace(file)
    return found


def chapter(
    side: SimpleNamespace,
    runs: dict[str, SimpleNamespace],
    summary: dict[str, Any],
    size: Preset,
    folder: Path,
) -> xr.Dataset:
    """Scores of the best map of all points, with the planes, curves and tables of this study."""
    best = runs["interpolation"].best
    file = folder / "scores.nc"
    made_of = json.dumps([best.card["checksum"], side.test.attrs["content_hash"], sns.__version__])
    scores = sns.open_scores(file) if file.is_file() else None
    if scores is None or scores.attrs.get("made_of") != made_of:
        scores = sns.evaluate(side.test, best, twin=side.twin, boundaries=False)
        scores.attrs["made_of"] = made_of
        sns.save_scores(scores, file)
    more = scoring.page(side, runs, summary, size.points)
    return scores.merge(more, combine_attrs="override").assign_attrs(more.attrs)


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_suffix(".part")
    partial.write_text(text)
    partial.replace(path)


if __name__ == "__main__":
    main()
