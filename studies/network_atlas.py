"""Which regime has a spiking network where in a box of seven parameters, from 10 000 points?

Question: with a surrogate that is hundreds of times faster than the network, a box of seven
    parameters can be seen whole. How likely is each regime over every pair of parameters, the
    others drawn at random? Which parameters decide synchrony and rate? Does the exact engine say
    the same at points taken at random?
Expect: tau_EE decides synchrony, the drive the rate; the weights shift the boundary between the
    regimes. About a fifth of the box is ambiguous. At points taken at random the labels of the
    atlas are those of the exact engine wherever it is not ambiguous.
Data: the shipped surrogate `network-surrogate` (or another: --set surrogate=FOLDER), 10 s at each
    of 10 000 Sobol points of the box; only features are kept (regime, rates, chi, synchrony index,
    spectral peak, events). Check: 50 points of the atlas drawn at random, the exact engine with two
    seeds.
Result: see docs/network_surrogate.md, which quotes the full preset.
"""

from __future__ import annotations

import itertools
import json
import runpy
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import xarray as xr

import snnsurrogate as sns
from snnsurrogate import schema

box = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("_network_box.py"))))
NAMES = tuple(box.BOX)
PAIRS = tuple(itertools.combinations(NAMES, 2))
KEPT = ("rate_E", "rate_I", "chi", "ssi_1ms", "peak_frequency", "event_rate", "event_size")


@dataclass(frozen=True, kw_only=True)
class Preset:
    """All that varies between a try and the claim."""

    points: int = 1000
    record: str = "10 s"
    block: int = 250  # points of which whole records are held at a time
    bins: int = 8  # of each parameter, in maps over a pair
    check: int = 12


PRESETS = {
    "tiny": Preset(points=40, record="1 s", block=20, bins=2, check=3),
    "quick": Preset(),
    "full": Preset(points=10_000, bins=12, check=50),
}


def main(
    preset: str = "quick",
    out: Path = Path("runs/network-atlas"),
    surrogate: str = "network-surrogate",
) -> xr.Dataset:
    """Run the study; blocks that are there are reused.

    Args:
        preset: one of `PRESETS`.
        out: folder of the results; `data/atlas.nc` holds every point, `data/maps.nc` the maps.
        surrogate: name of a shipped surrogate, or its folder.

    Returns:
        Scores of the surrogate at the points of the check.
    """
    size, out = PRESETS[preset], Path(out)
    (out / "data").mkdir(parents=True, exist_ok=True)
    model = sns.load(surrogate)
    with warnings.catch_warnings():  # short records of small presets
        warnings.filterwarnings("ignore", message="the record of .* is short")
        atlas = swept(size, model, out / "data")
        maps = over_pairs(atlas, size.bins)
        kept(maps, out / "data" / "maps.nc", atlas.attrs["content_hash"])
        scores, flat = check(size, model, atlas, out / "data")
    summary = flat | shares(atlas) | drivers(atlas) | cost(atlas, size)
    (out / "scores.json").write_text(json.dumps(summary, indent=1) + "\n")
    scores = scores.assign(maps).assign_attrs(
        tables=json.dumps(pages(atlas, summary)), points=size.points
    )
    sns.save_scores(scores, out / "scores.nc")
    sns.report(scores, out / "report.html")
    return scores


def swept(size: Preset, model: Any, data: Path) -> xr.Dataset:
    """Features and regime at every point; whole records of one block at a time."""
    points = box.sobol(size.points, 31)
    path = data / "atlas.nc"
    wanted = f"{model.card['checksum']} {size.points} {size.record}"
    if path.is_file():
        held = xr.load_dataset(path)
        if held.attrs["made_of"] == wanted:
            return held
    parts = []
    for k, first in enumerate(range(0, size.points, size.block)):
        part = data / f"block-{k:03d}.nc"
        if part.is_file() and xr.load_dataset(part).attrs["made_of"] == wanted:
            parts.append(xr.load_dataset(part))
            continue
        here = {name: values[first : first + size.block] for name, values in points.items()}
        parts.append(block(model, here, size.record, seed=k).assign_attrs(made_of=wanted))
        write(parts[-1], part)
    atlas = xr.concat(parts, dim="sample", combine_attrs="override")
    atlas.attrs["content_hash"] = schema.content_hash(atlas)
    atlas.attrs["seconds"] = sum(part.attrs["seconds"] for part in parts)
    atlas.attrs["rollout_seconds"] = sum(part.attrs["rollout_seconds"] for part in parts)
    write(atlas, path)
    for part in data.glob("block-*.nc"):
        part.unlink()
    return atlas


def block(model: Any, points: dict[str, np.ndarray], record: str, seed: int) -> xr.Dataset:
    """Features of a block's rollouts, and how long it took."""
    begin = time.process_time()
    made = model.rollout(None, points, record, seed=seed, record=[])
    rolled = time.process_time()
    labels = sns.regimes(made)
    table = sns.features.summary(made)[list(KEPT)]
    found = table.reset_coords(drop=True).assign(
        regime=("sample", labels.values, labels.attrs),
        regime_sharp=("sample", labels["sharp"].values, labels["sharp"].attrs),
        clipped=("sample", made["clipped"].values, made["clipped"].attrs),
        status=("sample", made["status"].values, made["status"].attrs),
    )
    for name in (*NAMES, "lambda_I"):
        found = found.assign_coords({name: ("sample", made[name].values, made[name].attrs)})
    seconds = {"seconds": time.process_time() - begin, "rollout_seconds": rolled - begin}
    return found.assign_attrs(
        seconds | {"labels": json.dumps(list(sns.features.regime_names(made)))}
    )


def over_pairs(atlas: xr.Dataset, bins: int) -> xr.Dataset:
    """Share of every regime, mean chi and mean rate in cells of every pair of parameters."""
    labels = json.loads(atlas.attrs["labels"])
    place = {}
    for name in NAMES:
        low, high = box.BOX[name]
        values = atlas[name].values
        unit = np.log(values / low) / np.log(high / low) if name == "tau_EE" else None
        unit = (values - low) / (high - low) if unit is None else unit
        place[name] = np.clip((unit * bins).astype(int), 0, bins - 1)
    shape = (len(PAIRS), len(labels), bins, bins)
    share, counts = np.zeros(shape), np.zeros((len(PAIRS), bins, bins))
    means = {name: np.zeros((2, *counts.shape)) for name in ("chi", "rate_E")}
    codes = atlas["regime"].values
    for k, pair in enumerate(PAIRS):
        cell = tuple(place[name] for name in pair)
        np.add.at(counts[k], cell, 1)
        for code in range(len(labels)):
            np.add.at(share[k, code], tuple(c[codes == code] for c in cell), 1)
        for name, (total, known) in means.items():  # over the points that have the feature
            values = atlas[name].values
            there = np.isfinite(values)
            where = tuple(c[there] for c in cell)
            np.add.at(total[k], where, values[there])
            np.add.at(known[k], where, 1)
    with np.errstate(invalid="ignore"):
        share /= counts[:, None]
        means = {name: total / known for name, (total, known) in means.items()}
    steps = np.linspace(0, 1, bins + 1)
    edges = [
        [
            low * (high / low) ** steps if name == "tau_EE" else low + (high - low) * steps
            for name in pair
            for low, high in [box.BOX[name]]
        ]
        for pair in PAIRS
    ]
    cells = ("atlas_pair", "atlas_x", "atlas_y")
    return xr.Dataset(
        {
            "atlas_share": (
                ("atlas_pair", "atlas_label", "atlas_x", "atlas_y"),
                share,
                {"units": "1", "long_name": "share of points in a regime"},
            ),
            **{f"atlas_{n}": (cells, v, atlas[n].attrs) for n, v in means.items()},
            "atlas_edges": (("atlas_pair", "atlas_axis", "atlas_edge"), np.array(edges)),
        },
        {
            "atlas_pair": [" ".join(pair) for pair in PAIRS],
            "atlas_label": labels,
        },
        {"points": int(atlas.sizes["sample"])},
    )


def kept(maps: xr.Dataset, path: Path, made_of: str) -> None:
    """Write the maps, unless they are there."""
    if path.is_file() and xr.load_dataset(path).attrs.get("made_of") == made_of:
        return
    write(maps.assign_attrs(made_of=made_of), path)


def write(ds: xr.Dataset, path: Path) -> None:
    """Write a file whole or not at all."""
    partial = path.with_suffix(".part")
    ds.to_netcdf(partial)
    partial.replace(path)


def check(
    size: Preset, model: Any, atlas: xr.Dataset, data: Path
) -> tuple[xr.Dataset, dict[str, dict[str, Any]]]:
    """The exact engine at points of the atlas taken at random, twice."""
    chosen = np.random.default_rng(50).choice(atlas.sizes["sample"], size.check, replace=False)
    chosen.sort()
    points = {name: atlas[name].values[chosen] for name in (*NAMES, "lambda_I")}
    truth, twin = (
        box.simulated(points, size.record, data / f"check-{seed}.nc", seed=seed)
        for seed in (61, 62)
    )
    made = model.rollout(None, points, size.record, seed=99, record=["H_EE", "H_EI"])
    scores = sns.evaluate(truth, made, twin=twin)
    first = ["tau_EE", "lambda_E"]
    rest = [n for n in json.loads(scores.attrs["swept"]) if n not in first]
    scores.attrs["swept"] = json.dumps(first + rest)
    flat = {f"check.{key}": entry for key, entry in sns.to_json(scores).items()}
    sides = scores["regime_sharp"].sel(source="truth").values
    names = json.loads(atlas.attrs["labels"])
    clear = scores["regime"].sel(source="truth").values != names.index("ambiguous")
    same = atlas["regime_sharp"].values[chosen] == sides
    for key, value in (("all", same), ("clear", same[clear])):
        share = float(value.mean()) if value.size else None
        flat[f"check.atlas_labels_{key}"] = {"value": share, "unit": "1", "floor": None}
    flat["check.points"] = {"value": float(size.check), "unit": "1", "floor": None}
    flat["check.points_clear"] = {"value": float(clear.sum()), "unit": "1", "floor": None}
    return scores, flat


def shares(atlas: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Share of the box in every regime."""
    labels = json.loads(atlas.attrs["labels"])
    codes = atlas["regime"].values
    return {
        f"share.{name}": {"value": float((codes == k).mean()), "unit": "1", "floor": None}
        for k, name in enumerate(labels)
    }


def drivers(atlas: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Rank correlation of what the network does with every parameter."""
    found = {}
    for feature in ("chi", "rate_E", "rate_I", "peak_frequency"):
        values = atlas[feature].values
        known = np.isfinite(values)
        for name in NAMES:
            ranks = [np.argsort(np.argsort(v[known])) for v in (values, atlas[name].values)]
            rank = float(np.corrcoef(*ranks)[0, 1]) if known.sum() > 2 else None
            found[f"rank_correlation.{feature}.{name}"] = {
                "value": rank,
                "unit": "1",
                "floor": None,
            }
    return found


def cost(atlas: xr.Dataset, size: Preset) -> dict[str, dict[str, Any]]:
    """Processor seconds of the sweep, and how much biological time they bought."""
    seconds, rolled = (float(atlas.attrs[k]) for k in ("seconds", "rollout_seconds"))
    length = float(size.record.split()[0]) * size.points
    return {
        "seconds": {"value": seconds, "unit": "s", "floor": None},
        "rollout_seconds": {"value": rolled, "unit": "s", "floor": None},
        "biological_seconds": {"value": length, "unit": "s", "floor": None},
        "speed": {"value": length / max(rolled, 1e-9), "unit": "s/s", "floor": None},
        **{
            name: {"value": float(values.mean()), "unit": "1", "floor": 0.0}
            for name, values in (
                ("clipped_points", atlas["clipped"].values > 0),
                ("failed_points", ~schema.ok(atlas)),
            )
        },
    }


def pages(atlas: xr.Dataset, summary: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Tables of the page."""

    def of(key: str) -> float:
        value = summary[key]["value"]
        return np.nan if value is None else float(value)

    labels = json.loads(atlas.attrs["labels"])
    box_table = {
        "title": "The box",
        "caption": f"{atlas.sizes['sample']} points; {of('seconds'):.0f} s of one core, of which "
        f"{of('rollout_seconds'):.0f} s are rollouts and the rest features. Labels of the atlas "
        f"are those of the exact engine at {100 * of('check.atlas_labels_clear'):.0f} % of the "
        f"{of('check.points_clear'):.0f} clear and {100 * of('check.atlas_labels_all'):.0f} % of "
        f"all {of('check.points'):.0f} points of the check. Share of runs that failed: "
        f"{of('failed_points'):.2g}, with a state that was clipped at some step: "
        f"{of('clipped_points'):.2g}.",
        "head": ["regime", "share of the box (%)"],
        "rows": [[name, f"{100 * of(f'share.{name}'):.1f}"] for name in labels],
    }
    features = ("chi", "rate_E", "rate_I", "peak_frequency")
    rank_table = {
        "title": "What decides",
        "caption": "Rank correlation over the points of the atlas.",
        "head": ["parameter", *features],
        "rows": [
            [name, *(f"{of(f'rank_correlation.{f}.{name}'):+.2f}" for f in features)]
            for name in NAMES
        ],
    }
    return [box_table, rank_table]


if __name__ == "__main__":
    main()
