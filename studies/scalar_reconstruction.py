"""Does one voltage series hold the regimes of a neuron, or only those that lie next to its own?

Question: all that is known is V(t) of the bursting neuron at one V_S. A state space is recovered
    from it, a map is trained that runs freely in it, and a constant input of that map is varied.
    How many maps burst as the neuron does? What does the input show, and what do a random bias
    direction and an output bias show instead? What do several series at known V_S add, and what do
    noise, the sampling step and the choice of the variable take away?
Expect: a constant input identifies no direction, so the regimes found under it are neighbours of
    the trained map and not evidence about V_S: a random bias direction should show them about as
    often. With three series at known V_S the input is identified: agreement of 0.985 and more. A
    map of the bistable neuron that saw bursting only may have the stable rest state beside it; one
    of the monostable neuron may invent one.
Data: Brian2, RK4. Series of V (or n, or S) after 40 s of transient, the first part for training,
    the second never shown: starts of the free runs and the expected burst come from there. Test:
    the regimes of the equations along V_S, seen once.
Parts: `one` series; `two`, `three`, `five` series at known V_S; `noise-1`, `noise-5` (per cent of
    the standard deviation); `step-5`, `step-20` (ms); `bistable-V`, `-n`, `-S`, and beside them
    `monostable-n`, `-S` (for V that is `one`). Every seed is reported, accepted or not.
Result: see docs/scalar_reconstruction.md, which quotes the full preset.
"""

from __future__ import annotations

import json
import runpy
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import snnsurrogate as sns

MONOSTABLE, BISTABLE = "sherman", "sherman-bistable"
LARGE = {"V": -30.0, "n": 0.0206, "S": 0.178}
LEVEL = {"n": 0.03, "S": 0.178}  # a "spike" of a scalar other than V: its upward crossing


@dataclass(frozen=True, kw_only=True)
class Part:
    """One experiment: what is recorded, and how many maps are trained on it."""

    seeds: tuple[int, ...] = (0,)
    at: tuple[float, ...] = (-36.0,)
    system: str = MONOSTABLE
    scalar: str = "V"
    noise: float = 0.0  # standard deviations of the series
    step: str = "10 ms"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """All that varies between a try and the claim."""

    parts: dict[str, Part]
    model: dict[str, Any] = field(default_factory=lambda: {"latent": 3})  # of DelayMap
    schedule: tuple[Any, ...] = field(default_factory=lambda: sns.models.DelayMap().stages())
    record: str = "200 s"
    points: int = 41  # even values of a sweep of the input
    controls: int = 1  # random directions per map and kind
    grid: int = 221  # V_S at which maps of several series are judged
    truth_step: float = 0.05
    selection: dict[str, Any] | None = field(default_factory=dict)  # settings; None: left out


def parts(one: int, few: int, rest: int, first: int = 0) -> dict[str, Part]:
    """The experiments with their seeds, the most important first."""
    known = {"three": (-43.0, -38.0, -33.2), "two": (-38.0, -33.2),
             "five": (-44.0, -41.0, -38.0, -35.0, -33.0)}  # fmt: skip
    many, some, less = (tuple(range(first, first + n)) for n in (one, few, rest))
    made = {"one": Part(seeds=many), "three": Part(seeds=some, at=known["three"])}
    made["noise-1"] = Part(seeds=some, noise=0.01)
    made["bistable-V"] = Part(seeds=some, system=BISTABLE)
    made["noise-5"] = Part(seeds=some, noise=0.05)
    made["step-20"], made["step-5"] = (Part(seeds=less, step=s) for s in ("20 ms", "5 ms"))
    for scalar in ("n", "S"):
        made[f"bistable-{scalar}"] = Part(seeds=less, system=BISTABLE, scalar=scalar)
        made[f"monostable-{scalar}"] = Part(seeds=less, scalar=scalar)
    for name in ("two", "five"):
        made[name] = Part(seeds=less, at=known[name])
    return made


PRESETS = {
    "tiny": Preset(
        parts={"one": Part(), "three": Part(at=(-43.0, -38.0, -33.2))},
        record="60 s", points=9, controls=1, grid=5, truth_step=1.0, selection=None,
        model={"latent": 3, "window": 8, "averages": (8.0, 400.0)},
        schedule=(
            sns.models.Embed(steps=150, polish=10),
            sns.models.MultiStep(horizons=((1, 1000, 12), (8, 60, 3)), starts=1),
        ),
    ),
    "quick": Preset(parts=parts(3, 1, 1), grid=56),
    "full": Preset(parts=parts(20, 5, 3, first=100)),
}  # fmt: skip
_HERE = Path(__file__)
MEASURES = runpy.run_path(str(_HERE.with_name("_scalar_measures.py")))
PAGE = runpy.run_path(str(_HERE.with_name("_scalar_page.py")))


def main(preset: str = "quick", out: Path = Path("runs/scalar-reconstruction")) -> xr.Dataset:
    """Run the study; what is there and matches is reused.

    Returns:
        The scores of the page.
    """
    size, out = PRESETS[preset], Path(out)
    for name, part in size.parts.items():
        for seed in part.seeds:
            one_map(name, seed, size, out)
        summarise(size, out)  # a run that is cut short leaves the parts that it has done
    if size.selection is not None:
        dimension(size, out)
    return summarise(size, out, page=True)


def series(part: Part, size: Preset, out: Path) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset]:
    """Training series, held-out ones, and these without noise; one sample for every V_S."""
    length = float(size.record.split()[0])
    name = f"{part.system}-{part.step.replace(' ', '')}-{'_'.join(f'{v:g}' for v in part.at)}"
    (out / "data").mkdir(parents=True, exist_ok=True)
    ds = sns.simulate(
        part.system,
        sns.Design.points(
            {"V_S": part.at}, initial={k: [v] * len(part.at) for k, v in LARGE.items()}
        ),
        duration=f"{2 * length:g} s",
        record_every=part.step,
        transient="40 s",
        out=out / "data" / f"{name}.nc",
    )
    if (sns.regimes(ds).values == sns.features.QUIESCENT).any():
        msg = f"the series of {part} comes to rest; give another start"
        raise ValueError(msg)
    keywords: dict[str, Any] = {"channel": part.scalar, "threshold": LEVEL.get(part.scalar)}
    clean = sns.recording(ds, start=size.record, **keywords)
    if part.noise:
        rng = np.random.default_rng(2024)
        exact = ds[part.scalar].values
        noisy = exact + part.noise * exact.std() * rng.standard_normal(exact.shape)
        ds = ds.assign({part.scalar: ds[part.scalar].copy(data=noisy)})
    train = sns.recording(ds, stop=size.record, **keywords)
    held = sns.recording(ds, start=size.record, **keywords) if part.noise else clean
    return train, held, clean


def one_map(name: str, seed: int, size: Preset, out: Path) -> dict[str, Any]:
    """Train and measure one map of a part; what is in the folder and matches is reused."""
    part, folder = size.parts[name], out / name
    train, held, clean = series(part, size, out)
    model = sns.models.DelayMap(**size.model)
    path = folder / f"scores-{seed}.json"
    stamp = {
        "series": [train.attrs["content_hash"], held.attrs["content_hash"]],
        "model": repr((model, size.schedule)),
        "size": repr(replace(size, parts={}, selection=None)),
        "version": sns.__version__,
    }
    if path.is_file():
        stored = json.loads(path.read_text())
        if stored["stamp"] == stamp:
            return dict(stored["scores"])
    with warnings.catch_warnings():  # free runs and sweeps leave the region of the data on purpose
        warnings.simplefilter("ignore", UserWarning)
        surrogate = trained(model, size.schedule, train, seed, folder / f"seed-{seed}")
        if surrogate is None:
            scores = {"accepted": 0.0, "starts": 0.0, "bursts": 0.0, "diverged_in_training": 1.0}
        else:
            scores = MEASURES["measure"](
                surrogate, (held, clean), part, size, truth(part, size, out), folder
            )
    folder.mkdir(exist_ok=True)
    write(path, json.dumps({"stamp": stamp, "scores": scores}, indent=1) + "\n")
    return dict(scores)


def trained(
    model: Any, schedule: tuple[Any, ...], train: xr.Dataset, seed: int, folder: Path
) -> Any:
    """The map of a seed, also one that its own criterion rejects; None if training diverged."""
    try:
        return sns.fit(model, train, seed=seed, out=folder, schedule=schedule)
    except FloatingPointError:
        return None
    except ValueError as error:
        if getattr(error, "surrogate", None) is None:
            raise
        rejected = error.surrogate  # type: ignore[attr-defined]
        rejected.save(folder.with_name(f"rejected-{seed}"))
        return rejected


def truth(part: Part, size: Preset, out: Path) -> xr.Dataset:
    """The equations along V_S, from one start far from rest."""
    span = np.arange(-50.0, -27.9, size.truth_step)
    return sns.simulate(
        part.system,
        sns.Design.grid({"V_S": span}),
        duration="60 s",
        record_every="10 ms",
        transient="60 s",
        out=out / "data" / f"truth-{part.system}.nc",
    )


def dimension(size: Preset, out: Path) -> None:
    """Dimension that series ask for: of the neuron, and of two systems nothing was chosen by."""
    train, *_ = series(size.parts["one"], size, out)
    blind = {"bursting neuron": train, **MEASURES["known_systems"](out / "data")}
    for name, given in blind.items():
        path = out / f"dimension-{name.replace(' ', '-')}.nc"
        if not path.is_file():
            found = sns.embedding.select_dimension(given, **(size.selection or {}))
            found.to_netcdf(path)


def summarise(size: Preset, out: Path, *, page: bool = False) -> xr.Dataset:
    """Scores of all maps so far: scores.json, and the page."""
    every: dict[str, dict[int, dict[str, Any]]] = {}
    for name, part in size.parts.items():
        paths = {seed: out / name / f"scores-{seed}.json" for seed in part.seeds}
        done = {s: json.loads(p.read_text())["scores"] for s, p in paths.items() if p.is_file()}
        if done:
            every[name] = done
    summary = MEASURES["over_seeds"](every) | MEASURES["dimensions"](out)
    write(out / "scores.json", json.dumps(summary, indent=1) + "\n")
    if not page:
        return xr.Dataset()
    return PAGE["page"](every, summary, size, out, series, truth)


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.with_suffix(".part").write_text(text)
    path.with_suffix(".part").replace(path)


if __name__ == "__main__":
    main()
