"""The page of the study scalar-reconstruction: tables, figures, scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import snnsurrogate as sns

ROWS = {
    "bursts": "maps that do as the series from all starts, share",
    "accepted": "maps taken by their own criterion, share",
    "tried": "initial weights tried",
    "spikes_error": "spikes per burst, error (%)",
    "period_error": "period, error (%)",
    "newest_rms": "newest sample decoded, rms (mV of V)",
    "agreement": "regimes along V_S, agreement",
    "mean_recall": "mean recall per regime",
    "boundary_error": "boundary bursting to tonic, error (mV)",
    "rest_beside": "stable rest beside motion at the trained input, share",
    "rest_somewhere": "the same anywhere under the input, share",
    "seconds": "training (s)",
}
CONTROLS = {
    "present": "rest, bursting, tonic all there",
    "in_order": "and next to each other in order",
    "nearly_in_order": "the same, with up to two values of slow rest between",
    "relation.distance": "distance of the best affine relation",
    "relation.agreement": "regimes in agreement under it",
    "relation.spikes_error": "spikes per burst under it, error (%)",
}
TILES = {
    "one.bursts": ("maps of one series that burst from all starts", 1.0),
    "one.spikes_error": ("spikes per burst, median error", 0.0),
    "one.period_error": ("period, median error", 0.0),
    "three.agreement": ("three series: agreement along V_S", 1.0),
    "three.mean_recall": ("three series: mean recall", 1.0),
}


def page(
    every: dict[str, dict[int, dict[str, Any]]],
    summary: dict[str, dict[str, Any]],
    size: Any,
    out: Path,
    series: Any,
    truth: Any,
) -> xr.Dataset:
    """Write scores.nc and report.html; pictured is the map nearest to its training series."""
    runs = every["one"]
    kept = [s for s in runs if "distance" in runs[s]]  # training of the others diverged
    taken = [s for s in kept if runs[s]["accepted"]]
    chosen = min(taken or kept, key=lambda s: runs[s]["distance"])
    surrogate = sns.load(out / "one" / f"{'seed' if taken else 'rejected'}-{chosen}")
    scores = as_scores(summary).assign_attrs(
        title="One voltage series to a family of dynamics",
        subtitle=f"{sum(len(r) for r in every.values())} maps; pictured: seed {chosen}",
        tables=json.dumps([parts_table(summary), controls_table(summary)]),
        card=json.dumps(surrogate.card),
    )
    figures = drawn(surrogate, chosen, every, size, out, series, truth)
    sns.save_scores(scores, out / "scores.nc")
    sns.report(scores, out / "report.html", figures=figures)
    if taken:
        surrogate.card["scores"] = own_scores(runs[chosen])
        surrogate.save(out / "surrogate")
    return scores


def own_scores(scores: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Scores of one map for its card."""
    return {
        name: {"value": value, "unit": "1", "floor": None}
        for name, value in scores.items()
        if isinstance(value, int | float | None)
    }


def as_scores(summary: dict[str, dict[str, Any]]) -> xr.Dataset:
    """Scores as the page wants them, the tiles first."""
    found: dict[str, Any] = {}
    for key, entry in summary.items():
        label, ideal = TILES.get(key, (key.replace(".", ": ").replace("_", " "), np.nan))
        attrs = {"role": "score", "units": entry["unit"], "ideal": ideal, "long_name": label}
        attrs["better"] = "higher" if ideal == 1.0 else "lower"
        value = np.nan if entry["value"] is None else entry["value"]
        name = key.replace(".", "_").replace("-", "_")
        found[name] = ((), value, attrs)
        found[f"{name}_floor"] = ((), np.nan, {"units": entry["unit"]})
    return xr.Dataset(found)


def cell(entry: dict[str, Any] | None) -> str:
    """A median with its extremes; how many maps have no number."""
    if entry is None:
        return "–"
    value = "–" if entry["value"] is None else f"{entry['value']:.3g}"
    low, high = entry["min"], entry["max"]
    spread = "" if low is None or low == high else f" ({low:.3g} to {high:.3g})"
    lost = f", {entry['missing']} without" if entry["missing"] else ""
    return value + spread + lost


def parts_table(summary: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Every part beside the others."""
    names = [n for n in dict.fromkeys(k.split(".")[0] for k in summary) if n != "dimension"]
    rows = [[text, *(cell(summary.get(f"{n}.{key}")) for n in names)] for key, text in ROWS.items()]
    counts = [str(summary[f"{n}.bursts"]["seeds"]) for n in names]
    return {
        "title": "All maps",
        "head": ["median over seeds (extremes)", *names],
        "rows": [["maps", *counts], *rows],
        "caption": "Shares count all maps, rejected ones too. Errors of maps whose free run does "
        "not do what the series does count as the worst.",
    }


def controls_table(summary: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The input beside both controls."""
    kinds = ("input", "bias", "output")
    rows = [
        [text, *(cell(summary.get(f"one.{kind}.{key}")) for kind in kinds)]
        for key, text in CONTROLS.items()
    ]
    return {
        "title": "The constant input and its controls",
        "head": ["one series", "the input", "a random bias direction", "an output bias"],
        "rows": rows,
        "caption": "A claim about the input needs a difference from the controls.",
    }


def drawn(
    surrogate: Any,
    chosen: int,
    every: dict[str, dict[int, dict[str, Any]]],
    size: Any,
    out: Path,
    series: Any,
    truth: Any,
) -> list[Any]:
    """Figures of the pictured map and of all of them."""
    part = size.parts["one"]
    _, held, _ = series(part, size, out)
    latents = surrogate.encode(held)[0]
    name = surrogate.observed[0]
    clock = held["time"].values
    n = min(len(latents), 3000)
    run = surrogate.rollout(
        {s: [latents[0, k]] for k, s in enumerate(surrogate.states)},
        {p: [0.5 * sum(surrogate.box[p])] for p in surrogate.parameters},
        f"{min(60.0, clock[-1] * 0.5):g} s",
    )
    m = run.sizes["time"]
    shown = held[name].values[0][-len(latents) :][:m]
    states = full_states(out, part, n, len(latents), held.sizes["time"])
    Drawn = sns.plots.Drawn
    figures = [
        Drawn(
            name="free_run", title="Series and free run",
            caption="Held-out part of the series and the map's free run from its first state; "
            "below, ten seconds of it.",
            figure=sns.plots.free_run(
                clock[:m], shown, run[name].values[0][: len(shown)], name=name,
                unit=str(held[name].attrs["units"]), zoom=(0.0, 10.0),
            ),
        ),
        Drawn(
            name="portraits", title="True and recovered state",
            caption="The same held-out stretch: the state of the equations, which the map never "
            "saw, and the state recovered from V alone; coloured by V.",
            figure=sns.plots.portraits(
                {"equations": (("V", "n", "S"), states),
                 "recovered": (surrogate.states, latents[:n])},
                colour=states[:, 0],
            ),
        ),
    ]  # fmt: skip
    selection = out / "dimension-bursting-neuron.nc"
    if selection.is_file():
        figures.append(
            Drawn(
                name="dimension",
                title="How many dimensions",
                caption="Autoencoders of dimension 1 to 6 on the series, held-out errors; dashed: "
                "the choice, the median of its votes.",
                figure=sns.plots.dimension_curves(xr.load_dataset(selection)),
            )
        )
    tables = {
        kind: {
            str(seed): table
            for seed in every["one"]
            if (table := family(out, "one", seed, kind)) is not None
        }
        for kind in ("input", "bias", "output")
    }
    reference = sns.families.regime_table(truth(part, size, out), "V_S")
    relation = every["one"][chosen]["input.relation.at"][0]
    figures += [
        Drawn(
            name="sweep", title="Under the constant input",
            caption="Left the equations along V_S, right the pictured map along its input. Dashed: "
            f"the trained value, which the best affine relation maps to {relation:.3g} mV. Circles:"
            " fixed points, filled where stable.",
            figure=sns.plots.family_diagram(
                {"equations": reference, f"map, seed {chosen}": tables["input"][str(chosen)]}
            ),
        ),
        Drawn(
            name="controls", title="Every map, and both controls",
            caption="Regimes along the input, along a random bias direction of the same length, "
            "and along an output bias; one row per map, the trained value marked.",
            figure=sns.plots.regime_strips(
                {"the input": tables["input"], "random bias direction": tables["bias"],
                 "output bias": tables["output"]}
            ),
        ),
        Drawn(
            name="seeds", title="Every seed",
            caption="Errors of the free run at the trained input. Crosses: maps whose free run "
            "does not do what the series does, and S, which has no spikes. Lines: what one "
            "series has to reach.",
            figure=sns.plots.every_seed(
                {
                    quantity: {
                        part: [np.nan if r[key] is None else r[key] for r in runs.values()]
                        for part, runs in every.items()
                    }
                    for quantity, key in (("period", "period_error"),
                                          ("spikes per burst", "spikes_error"))
                },
                goals={"period": 1.0, "spikes per burst": 5.0}, unit="%",
            ),
        ),
    ]  # fmt: skip
    return figures


def full_states(out: Path, part: Any, n: int, latents: int, length: int) -> np.ndarray:
    """(V, n, S) of the equations where the first n latents of the held-out part are."""
    name = f"{part.system}-{part.step.replace(' ', '')}-{part.at[0]:g}"
    ds = sns.open(out / "data" / f"{name}.nc")
    begin = ds.sizes["time"] - length + (length - latents)
    return np.stack([ds[s].values[0, begin : begin + n] for s in ("V", "n", "S")], -1)


def family(out: Path, part: str, seed: int, kind: str) -> xr.Dataset | None:
    """The first sweep of a kind through a map."""
    path = out / part / f"families-{seed}.nc"
    if not path.is_file():
        return None
    try:
        return xr.load_dataset(path, group=f"{kind}-0")
    except OSError:  # a part without this control
        return None
