"""Does a stochastic map of a network's coarse state fire, oscillate and synchronise as the network?

Question: a PopulationMap is trained on short exact runs of `markov-if` over a box of seven
    parameters. Has it, at parameters that it never saw, the rates, the synchrony, the spectra, the
    multiple-firing events and the regimes of the network, as close as a second seed of the network
    itself? How many times faster is it, and where does it break?
Expect: errors near the seed floor all over the box; largest where the oscillation sets in and at
    the lowest rates. Labels of clear points right. Hundreds of times faster than the exact engine,
    at a cost that does not depend on the number of cells. A regime that was left out of the
    training is entered on the right side and missed in strength.
Data: exact engine. Training: Sobol points of a box 6 % wider on both ends, half of them where
    tau_EE is below 2.2 ms, 5 s each. Test: 24 other Sobol points of the box and the presets
    homogeneous, regular and synchronous; truth three runs of 20 s laid end to end, twin (the
    floor) three more, surrogate three runs from three seeds of noise. 24 further points are for one
    last check: nothing was chosen by them. Two planes of 10 s records. The last stage of training
    fits what the map does in the long run to that of the *training* points. The method is that of
    maps learned for multiple-firing events (Zhang et al., 2024); their parameter table was not
    available, so the method is reproduced and not the table.
Result: see docs/network_surrogate.md, which quotes the full preset.
"""

from __future__ import annotations

import json
import runpy
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import xarray as xr

import snnsurrogate as sns
from snnsurrogate import schema


def helper(name: str) -> SimpleNamespace:
    """A file beside this one."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name(f"_network_{name}.py"))))


box, tables, speed = helper("box"), helper("tables"), helper("speed")
Likelihood, FreeRun = sns.models.Likelihood, sns.models.FreeRun
PLANES = {"S_EE": "The plane of tau_EE and S_EE", "lambda_E": "The plane of tau_EE and lambda"}
RUNS = box.RECORDS
EVENTS = "event-map"
FEWEST = 1.5  # events per second of a record that an EventMap is trained on
SHOWN = ["H_EE", "H_EI"]  # recorded of a surrogate besides the rates


@dataclass(frozen=True, kw_only=True)
class Preset:
    """All that varies between a try and the claim."""

    training: int = 128  # points
    length: str = "3 s"
    schedule: tuple[Any, ...] | None = (Likelihood(steps=3000), FreeRun(steps=200))
    seeds: tuple[int, ...] = (0,)
    shown: int = 0  # seed on the page; in full the best at 24 validation points, which ships
    points: int = 8
    record: str = "10 s"  # of each of three runs
    fresh: bool = False
    planes: tuple[str, ...] = ("S_EE",)  # second parameter, beside tau_EE
    plane: tuple[int, int] = (5, 5)
    plane_record: str = "10 s"
    unseen: bool = False
    baselines: tuple[str, ...] = ("nearest-run", "linear-gaussian")
    speed: float = 2.0  # biological seconds of the exact engine
    batch: int = 64
    brian2: bool = False
    sizes: tuple[int, ...] = ()  # cells, at which the exact engine is timed besides


PRESETS = {
    "tiny": Preset(
        training=8,
        length="1 s",
        schedule=(Likelihood(steps=60), FreeRun(steps=2, starts=8, horizon=10)),
        points=1,
        record="500 ms",
        planes=(),
        baselines=("nearest-run",),
        speed=0.2,
        batch=2,
    ),
    "quick": Preset(),
    "full": Preset(
        training=512,
        length="5 s",
        schedule=None,  # the model's own
        seeds=(0, 1, 2),
        points=24,
        record="20 s",
        fresh=True,
        planes=("S_EE", "lambda_E"),
        plane=(9, 7),
        unseen=True,
        baselines=(
            EVENTS,
            "event-resampling",
            "nearest-run",
            "linear-gaussian",
            "analogues",
            "coarse-step",
            "gate-chain",
            "count-gru",
        ),
        speed=10.0,
        batch=256,
        brian2=True,
        sizes=(1600, 6400),
    ),
}


def main(preset: str = "quick", out: Path = Path("runs/network-surrogate")) -> xr.Dataset:
    """Run the study; what is there and matches is reused.

    Returns:
        Scores of the shown training seed at the held-out points.
    """
    size, out = PRESETS[preset], Path(out)
    for folder in ("data", "scores"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():  # short records of small presets; the issue is in the counts
        warnings.filterwarnings("ignore", message="the record of .* is short")
        return run(size, out)


def run(size: Preset, out: Path) -> xr.Dataset:
    """All parts, the most telling first; scores.json grows with them."""
    summary: dict[str, dict[str, Any]] = {}
    pages: list[dict[str, Any]] = []
    chapters: dict[str, xr.Dataset] = {}

    def keep(prefix: str, flat: dict[str, dict[str, Any]]) -> None:
        summary.update({f"{prefix}.{key}" if prefix else key: v for key, v in flat.items()})
        text = json.dumps(summary, indent=1) + "\n"
        partial = out / "scores.part"
        partial.write_text(text)
        partial.replace(out / "scores.json")

    train = training(size, out)
    models = trained(size, train, size.seeds, out / "seeds")
    shown = size.seeds.index(size.shown)

    points = box.with_presets(box.sobol(size.points, 2024))
    truth, twin = box.both_sides(points, size.record, out / "data", "heldout")
    every = [
        scored(truth, twin, model, out / "scores" / f"heldout-{seed}.nc", seed=10 * seed)
        for model, seed in zip(models, size.seeds, strict=True)
    ]
    held_out = tables.judged(tables.over_seeds([flat_of(scores) for scores in every]))
    keep("heldout", held_out)
    keep("training", trainings(models))
    pages.append(
        tables.seed_table(
            held_out,
            "Held-out points",
            size.seeds,
            f"{truth.sizes['sample']} points that no choice was made by, "
            f"{truth.attrs['duration']} each; the page shows seed {size.shown}.",
        )
    )
    first = named(every[shown], size).assign(training_distance=distances(truth, train))
    if size.fresh:
        keep("fresh", last_check(size, models, out, pages))
    found = speeds(size, models[shown], out / "scores" / "speed.json")
    table, flat = speed.table(found, size.batch)
    pages.append(table)
    keep("", flat)
    for name in size.planes:
        chapters[PLANES[name]] = over_plane(size, models[shown], name, out)
        keep(f"plane.{name}", sns.to_json(chapters[PLANES[name]]))
    columns = {"surrogate": held_out, "second seed of the network": floor_of(held_out)}
    for name in size.baselines:
        columns[name] = beside(name, train, truth, twin, out / "scores" / f"baseline-{name}.nc")
        keep(f"baseline.{name}", columns[name])
    caption = "Baselines know the same training data. The surrogate's column: median over seeds. "
    caption += "An EventMap is trained on every second point that has events; its events are those "
    caption += "it states, of all others those of the detector crossing. Fitted to the long run at "
    caption += "training points, by its last stage, is the surrogate only."
    pages.append(tables.beside_table(columns, "What is to be beaten", caption))
    if size.unseen:
        keep("unseen", without_synchrony(size, train, (truth, twin), out, pages))
    first = tables.attach(first, pages)
    sns.save_scores(first, out / "scores.nc")
    sns.report(first, out / "report.html", more=chapters)
    return first


def training(size: Preset, out: Path) -> xr.Dataset:
    """Exact runs with histograms over the wider box."""
    return box.simulated(
        box.training_points(size.training),
        size.length,
        out / "data" / "train.nc",
        seed=1100,
        histograms=True,
        transient="300 ms",
    )


def trained(
    size: Preset, train: xr.Dataset, seeds: tuple[int, ...], folder: Path
) -> list[sns.Surrogate]:
    """One surrogate per seed; finished ones are loaded, interrupted ones go on."""
    model = sns.models.PopulationMap()
    if len(seeds) == 1:
        where = folder / f"seed-{seeds[0]}"
        return [sns.fit(model, train, schedule=size.schedule, seed=seeds[0], out=where)]
    return sns.fit_seeds(model, train, seeds, schedule=size.schedule, out=folder)


def rolled(model: Any, truth: xr.Dataset, *, seed: int, runs: int = RUNS) -> xr.Dataset:
    """As many runs of a surrogate or baseline as the truth has, each from its own noise."""
    parameters = {name: truth[name].values for name in schema.parameters_of(truth)}
    length = f"{float(truth['time'][-1]) / runs:.12g} ms"
    more = {"record": SHOWN} if set(SHOWN) <= set(getattr(model, "states", ())) else {}
    made = [model.rollout(None, parameters, length, seed=seed + k, **more) for k in range(runs)]
    return box.end_to_end(made)


def scored(
    truth: xr.Dataset,
    twin: xr.Dataset,
    model: Any,
    path: Path,
    *,
    seed: int,
    runs: int = RUNS,
    learned: str = "",
) -> xr.Dataset:
    """Scores beside their floor; those in the file if they are of these records and this model."""
    sides = [ds.attrs["content_hash"] for ds in (truth, twin)]
    of = json.dumps([*sides, name_of(model), learned, seed, runs])
    if path.is_file():
        held = sns.open_scores(path)
        if held.attrs.get("made_of") == of and held.attrs.get("version") == sns.__version__:
            return held
    made = rolled(model, truth, seed=seed, runs=runs)
    scores = sns.evaluate(truth, made, twin=twin)
    if "clipped" in made:
        steps = made.sizes["time"] - 1
        share = made["clipped"] / steps
        scores["clipped_values"] = share.assign_attrs(units="1", long_name="clipped, per step")
    scores.attrs |= {
        "made_of": of,
        "version": sns.__version__,
        "card": json.dumps(getattr(model, "card", None) or {}, default=str),
    }
    sns.save_scores(scores, path)
    return scores


def name_of(model: Any) -> str:
    """What tells one model from another: the checksum of its weights, or its card."""
    card = getattr(model, "card", None) or {}
    return str(card.get("checksum") or json.dumps(card.get("model"), default=str))


def flat_of(scores: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Every score by name; of events also over their floor."""
    flat = tables.with_ratios(sns.to_json(scores))
    if "clipped_values" in scores:
        value = float(scores["clipped_values"].max())
        flat["clipped_values_max"] = {"value": value, "unit": "1", "floor": 0.0}
    return flat


def floor_of(flat: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The twin in the place of a prediction."""
    return {key: {**entry, "value": entry["floor"]} for key, entry in flat.items()}


def trainings(models: list[Any]) -> dict[str, dict[str, Any]]:
    """Seconds of every training, and what ended it."""
    seconds = [float(model.card["training"]["seconds"]) for model in models]
    found = {"value": float(np.median(seconds)), "unit": "s", "floor": None, "values": seconds}
    return {"seconds": found | {"target": 1200.0, "met": max(seconds) <= 1200}}


def named(scores: xr.Dataset, size: Preset) -> xr.Dataset:
    """Names of the samples for figures; the parameter that decides most first."""
    words = [f"point {k + 1}" for k in range(size.points)] + list(box.PRESETS)
    swept = json.loads(scores.attrs["swept"])
    order = sorted(swept, key=lambda name: list(box.BOX).index(name) if name in box.BOX else 99)
    first = ["tau_EE", "S_EE"]
    order = [*first, *(name for name in order if name not in first)]
    return scores.assign_coords(sample_name=("sample", words)).assign_attrs(swept=json.dumps(order))


def distances(truth: xr.Dataset, train: xr.Dataset) -> xr.Variable:
    """Distance of every test point to the nearest training point."""
    sides = sns.generalisation.Box(sides=box.BOX, log=("tau_EE",))
    comment = (
        "Distance of every held-out point to the nearest of the training points, in the seven "
        "parameters, a side of the box being 1."
    )
    apart = sns.generalisation.distance(train, truth, sides)
    return xr.Variable("sample", apart, {"units": "1", "comment": comment})


def last_check(
    size: Preset, models: list[Any], out: Path, pages: list[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Points that were looked at once, when everything was chosen."""
    truth, twin = box.both_sides(box.sobol(24, 777), size.record, out / "data", "fresh")
    every = [
        scored(truth, twin, model, out / "scores" / f"fresh-{seed}.nc", seed=500 + 10 * seed)
        for model, seed in zip(models, size.seeds, strict=True)
    ]
    flat = tables.judged(tables.over_seeds([flat_of(s) for s in every]), fresh=True)
    caption = f"{truth.sizes['sample']} further points, drawn and looked at after all choices."
    pages.append(tables.seed_table(flat, "Fresh points", size.seeds, caption))
    return flat


def beside(
    name: str, train: xr.Dataset, truth: xr.Dataset, twin: xr.Dataset, path: Path
) -> dict[str, dict[str, Any]]:
    """A baseline, trained and scored like the surrogate; nothing is done twice."""
    if name == EVENTS:  # learns rows of events: half of the points hold enough, some too few
        few = sns.features.summary(train)["event_rate"].values < FEWEST
        part = schema.select(train, np.flatnonzero(~few)[::2])
        model = sns.fit(sns.models.EventMap(), part, out=path.parent.parent / EVENTS)
    else:
        model = sns.baselines.get(name).fit(train, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of what leaves the visited region: counted
        learned = train.attrs["content_hash"]
        return flat_of(scored(truth, twin, model, path, seed=900, learned=learned))


def over_plane(size: Preset, model: Any, name: str, out: Path) -> xr.Dataset:
    """Truth, a second seed and the surrogate over a grid of two parameters."""
    truth, twin = plane_runs(size, name, out)
    return scored(truth, twin, model, out / "scores" / f"plane-{name}.nc", seed=7, runs=1)


def plane_runs(size: Preset, name: str, out: Path) -> list[xr.Dataset]:
    """Exact runs over a plane, from two seeds."""
    points = box.plane(name, size.plane)
    return [
        box.simulated(
            points, size.plane_record, out / "data" / f"plane-{name}-{seed}.nc", seed=seed
        )
        for seed in (0, 1)
    ]


def without_synchrony(
    size: Preset,
    train: xr.Dataset,
    held_out: tuple[xr.Dataset, xr.Dataset],
    out: Path,
    pages: list[dict[str, Any]],
) -> dict[str, dict[str, Any]]:
    """The map trained without the synchronous part of the box, where it has to go without data."""
    chi = sns.features.summary(train)["chi"].values
    part = schema.select(train, np.flatnonzero(chi < 1.0))
    (model,) = trained(size, part, (0,), out / "unseen")
    grid = plane_runs(size, "S_EE", out)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it extrapolates: that is the question
        parts = [scored(*grid, model, out / "scores" / "unseen-plane.nc", seed=7, runs=1)]
        parts.append(scored(*held_out, model, out / "scores" / "unseen-heldout.nc", seed=7))
    names = ["chi", "regime_sharp", "sample_population_rate_error_E"]
    both = xr.concat([scores[names].reset_coords(drop=True) for scores in parts], dim="sample")
    table, flat = tables.breakdown(both)
    table["caption"] += f" {part.sizes['sample']} of {train.sizes['sample']} records were left."
    pages.append(table)
    return flat


def speeds(size: Preset, model: Any, path: Path) -> dict[str, float]:
    """All in one run; those in the file if they are of this model and these sizes."""
    how = {"seconds": size.speed, "batch": size.batch, "brian2": size.brian2, "sizes": size.sizes}
    of = json.dumps([model.card["checksum"], how, sns.__version__])
    held = json.loads(path.read_text()) if path.is_file() else {}
    if held.get("made_of") != of:
        held = {"made_of": of, "found": speed.measured(model, **how)}
        path.write_text(json.dumps(held, indent=1) + "\n")
    return dict(held["found"])


if __name__ == "__main__":
    main()
