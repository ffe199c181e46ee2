"""Truth against surrogate: every score beside its floor, and the material for the report."""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
import xarray as xr

from snnsurrogate import features, schema, units

from . import _again, _inputs, _material, _network_material, _networks, _scores
from ._edges import boundary_scores
from ._equilibria import fixed_point_scores

HORIZON = 1 / 30  # of the record: 2 s of the 60 s of the bursting neuron


def evaluate(
    truth: xr.Dataset,
    surrogate_or_prediction: Any,
    *,
    twin: xr.Dataset | Literal[False] | None = None,
    boundaries: bool = True,
    fixed_points: bool = True,
    horizon: str | None = None,
    boundary_tolerance: float | None = None,
) -> xr.Dataset:
    """Score a surrogate, or a finished prediction, against the truth.

    A surrogate is rolled out from the truth's states at t = 0 (the end of its transient), with the
    truth's parameters, for the truth's duration; labels and features are read from the same window
    by the same rule. The twin is the truth scored as if it were a prediction: what it reaches is
    the floor, and a difference below the floor is noise.

    Which samples count. Samples whose truth is not ok are left out and counted (`not_ok`). Samples
    whose truth changes its label under the twin are left out too and counted apart
    (`truth_label_flips`); `agreement_with_flips` includes them. A prediction that diverged is never
    left out: it is a wrong label, and the worst value of every metric.

    Networks go the same way with metrics, features and a regime rule of their own; the twin is the
    truth with another seed, and a surrogate starts from its own stationary regime. Their regimes
    have an ambiguous band between them: labels are compared at the *clear* points, where the truth
    lies outside it (`agreement_clear`), and over all points by the thresholds alone (`agreement`);
    no sample is left out for its label. There are no boundaries and no fixed points.

    Args:
        truth: dataset of a simulation, one or more swept parameters.
        surrogate_or_prediction: anything with `rollout`, or a dataset of the same samples.
        twin: a dataset of the same samples that is as good as the truth; None makes one (half the
            integration step, same states at t = 0; for metrics that do not depend on phase, the
            truth's own next record; for a network another seed), False goes without.
        boundaries: locate the changes of regime along the swept parameter by repeated section, for
            truth, twin and surrogate (one swept parameter only; a finished prediction has only
            those of its grid).
        fixed_points: compare fixed points and eigenvalues (surrogates only).
        horizon: length of the short-horizon comparison, text with unit; a thirtieth of the record
            by default.
        boundary_tolerance: stated tolerance of a boundary in the swept parameter's unit, located to
            a tenth of it; a tenth of the smallest grid spacing by default.

    Returns:
        Scores: labels, features and status over (source, sample); scalars with role "score", each
        with its `<name>_floor` (NaN where there is none); confusion and recall; boundaries; fixed
        points; material for figures. `to_json` flattens the scalars.

    Raises:
        SchemaError: a dataset breaks the schema (non-finite states in samples marked ok, say), or
            has no spikes.
        ComparisonError: the prediction or the twin is of other samples, parameters or times.
        ValueError: no sample of the truth is ok.
    """
    schema.validate(truth)
    if not schema.ok(truth).any():
        msg = f"none of the {truth.sizes['sample']} samples of the truth is ok; nothing to score."
        raise ValueError(msg)
    network = bool(schema.populations_of(truth))
    rolls = _inputs.is_surrogate(surrogate_or_prediction)
    surrogate = surrogate_or_prediction if rolls else None
    prediction = surrogate_or_prediction
    if rolls:
        roll_out = _networks.roll_out if network else _inputs.roll_out
        prediction = roll_out(surrogate, truth)
    _inputs.check(truth, prediction, what="rollout" if rolls else "prediction")
    if not rolls:
        _inputs.validate(prediction, what="prediction")
    made_here = twin is None
    twin, about = _twin(truth, twin, network=network)
    sources = {"truth": truth, "surrogate": prediction} | ({} if twin is None else {"twin": twin})
    if network:
        return _of_networks(sources, surrogate, about)
    scale = _inputs.scales(truth)
    if not rolls:
        _inputs.warn_of_other_start(truth, prediction, scale)
    length = float(truth["time"][-1])
    span = (
        length * HORIZON
        if horizon is None
        else units.magnitude(horizon, truth.attrs["time_unit"], what="horizon")
    )

    labels = {name: features.regimes(ds) for name, ds in sources.items()}
    tables = {name: features.summary(ds) for name, ds in sources.items()}
    scores = _frame(truth, sources, labels, tables)
    counted = schema.ok(truth)
    flips = np.zeros_like(counted)
    if twin is not None:
        flips = counted & (labels["truth"].values != labels["twin"].values)
    _scores.add_coverage(scores, {k: v.values for k, v in labels.items()}, counted, flips)
    swept = schema.swept_of(truth)
    if boundaries and len(swept) == 1:
        boundary_scores(scores, truth, surrogate, labels, swept[0], tolerance=boundary_tolerance)
    records = {name: _inputs.record(ds, scale, span) for name, ds in sources.items()}
    if made_here and twin is not None and not schema.inputs_of(truth):  # an input does not go on
        about += "; for metrics of whole records, the truth's own next record"
        records["next"] = _inputs.record(_again.continued(truth), scale, span)
    _scores.add_metrics(scores, records, counted & ~flips, unit=truth.attrs["time_unit"])
    if fixed_points and surrogate is not None:
        fixed_point_scores(scores, truth, surrogate, scale)
    _scores.add_counts(scores, sources, counted, flips)

    values = truth[swept[0]].values if swept else np.arange(truth.sizes["sample"], dtype=float)
    examples = _material.choose_examples(values, labels["truth"].values, labels["surrogate"].values)
    scores = scores.assign_coords(example=("example", examples), time=truth["time"])
    scores = scores.assign(_material.traces(sources, examples))
    if "spike_time" in truth:
        scores = scores.assign(_material.intervals(sources, list(sources), values))
    scores.attrs = _attributes(truth, prediction, surrogate, about) | {
        "state_units": json.dumps({s: truth[s].attrs["units"] for s in schema.states_of(truth)}),
        "scale": json.dumps(scale),
        "horizon": units.format_quantity(span, truth.attrs["time_unit"]),
    }
    return scores


def _of_networks(sources: dict[str, xr.Dataset], surrogate: Any, about: str) -> xr.Dataset:
    """Scores of networks; see `evaluate`."""
    truth = sources["truth"]
    labels = _networks.labels(sources) if truth.attrs["regime_rule"] else {}
    tables = {name: features.summary(ds) for name, ds in sources.items()}
    scores = _frame(truth, sources, labels, tables)
    counted = schema.ok(truth)
    nothing = np.zeros(counted.size, dtype=np.int8)  # a network of one's own may name no rule
    codes = {name: labels[name].values if labels else nothing for name in sources}
    sharp = {name: labels[name]["sharp"].values if labels else nothing for name in sources}
    if labels:
        names = features.regime_names(truth)
        _scores.add_network_coverage(scores, codes, sharp, names, counted)
    records = {name: _networks.record(ds, tables[name]) for name, ds in sources.items()}
    _scores.add_network_metrics(scores, records, counted, unit=truth.attrs["time_unit"])
    flips = np.zeros_like(counted)
    if "twin" in sources:
        flips = counted & (sharp["truth"] != sharp["twin"])
    _scores.add_counts(scores, sources, counted, flips)
    scores["samples"].values = np.asarray(int(counted.sum()))

    examples = _material.choose_examples(
        tables["truth"]["chi"].values,
        codes["truth"],
        codes["surrogate"],
        n=counted.size if counted.size <= _network_material.FEW else _network_material.EXAMPLES,
    )
    scores = scores.assign_coords(example=("example", examples))
    spectra = {name: record.spectra for name, record in records.items()}
    scores = scores.assign(_network_material.material(sources, examples, spectra))
    scores.attrs = _attributes(truth, sources["surrogate"], surrogate, about) | {
        "populations": truth.attrs["populations"],
        "regime_rule": truth.attrs["regime_rule"],
    }
    return scores


def _twin(
    truth: xr.Dataset, twin: xr.Dataset | Literal[False] | None, *, network: bool
) -> tuple[xr.Dataset | None, str]:
    """The twin and what it is, in words."""
    if twin is False:
        return None, "none: not asked for"
    if twin is None:
        try:
            again = _networks.another_seed if network else _again.half_step
            made, about = again(truth)
        except _again.NotRepeatableError as reason:
            return None, f"none: {reason}"
        _inputs.check(truth, made, what="twin")
        return made, about
    _inputs.check(truth, twin, what="twin")
    _inputs.validate(twin, what="twin")
    return twin, "given by the caller"


def _frame(
    truth: xr.Dataset,
    sources: dict[str, xr.Dataset],
    labels: dict[str, xr.DataArray],
    tables: dict[str, xr.Dataset],
) -> xr.Dataset:
    """Coordinates, and what is there for every source and sample."""
    both = ("source", "sample")
    roles = ("parameter", "stimulus", "initial_state", "seed")
    coords: dict[str, Any] = {"source": list(sources)}
    if schema.states_of(truth):
        coords["state"] = schema.states_of(truth)
    coords |= {
        str(name): c.variable for name, c in truth.coords.items() if c.attrs.get("role") in roles
    }
    if labels:
        coords["label"] = list(features.regime_names(truth))
    frame = xr.Dataset(coords=coords)
    if labels:
        first = labels["truth"]
        frame["regime"] = (both, np.stack([v.values for v in labels.values()]), first.attrs)
        for name, measure in first.coords.items():
            if name not in truth.coords:
                shown = "regime_sharp" if name == "sharp" else str(name)
                values = np.stack([v[name].values for v in labels.values()])
                frame[shown] = (both, values, measure.attrs)
    frame["status"] = (
        both,
        np.stack([ds["status"].values for ds in sources.values()]),
        truth["status"].attrs,
    )
    for name, column in tables["truth"].data_vars.items():
        frame[name] = (both, np.stack([t[name].values for t in tables.values()]), column.attrs)
    return frame


def _attributes(
    truth: xr.Dataset,
    prediction: xr.Dataset,
    surrogate: Any,
    about_twin: str,
) -> dict[str, Any]:
    """Where the scores come from."""
    kept = ("system", "title", "source", "duration", "transient", "record_every", "dt", "method")
    unit = truth.attrs["time_unit"]
    return {
        "title": truth.attrs["title"],
        "system": truth.attrs["system"],
        "time_unit": unit,
        "swept": json.dumps(schema.swept_of(truth)),
        "prediction": _words(truth, prediction),
        "twin": about_twin,
        "card": json.dumps(getattr(surrogate, "card", None) or {}, default=str),
        "provenance": json.dumps(
            {
                "truth": {k: truth.attrs.get(k, "") for k in (*kept, "engine", "content_hash")},
                "prediction": {
                    k: prediction.attrs.get(k, "")
                    for k in ("kind", "dt", "method", "engine", "content_hash")
                },
                "twin": about_twin,
                "protocol": _PROTOCOL["network" if schema.populations_of(truth) else "cell"],
            },
            default=str,
        ),
    }


_PROTOCOL = {
    "cell": "prediction from the truth's state at the end of its transient, same parameters, same "
    "duration; labels and features from the same window",
    "network": "prediction from its own stationary regime, same parameters, same duration; labels "
    "and features from the same window",
}


def _words(truth: xr.Dataset, prediction: xr.Dataset) -> str:
    """What stands beside the truth: a surrogate, or the simulator once more."""
    if prediction.attrs.get("kind") != "simulation":
        return "surrogate"
    engine = str(prediction.attrs.get("engine", ""))
    if engine != truth.attrs.get("engine"):
        return f"engine {engine.split(' (')[0]}"
    seeds = {int(ds.attrs.get("seed", -1)) for ds in (truth, prediction)}
    return "another seed" if len(seeds) > 1 else "another simulation"


def to_json(scores: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Flat map name -> {value, unit, floor} of every scalar, of recalls and of boundaries.

    Values that do not exist are None, so that the map is strict JSON.

    Args:
        scores: what `evaluate` returned.
    """

    def entry(value: Any, unit: str, floor: Any) -> dict[str, Any]:
        shown = [float(v) if v is not None and np.isfinite(v) else None for v in (value, floor)]
        return {"value": shown[0], "unit": unit, "floor": shown[1]}

    flat = {}
    for name, variable in scores.data_vars.items():
        if variable.attrs.get("role") == "score":
            floor = scores.get(f"{name}_floor")
            flat[str(name)] = entry(variable, variable.attrs["units"], floor)
    for name in scores["label"].values if "recall" in scores else ():
        at = {"label": name}
        floor = scores["recall_twin"].sel(at) if "recall_twin" in scores else None
        flat[f"recall_{name}"] = entry(scores["recall"].sel(at), "1", floor)
    if "boundary" in scores:
        for name in scores["transition"].values:
            for source in scores["source"].values:
                value = scores["boundary"].sel(source=source, transition=name)
                tolerance = scores["boundary_tolerance"]
                key = f"boundary[{name}][{source}]"
                flat[key] = entry(value, scores["boundary"].attrs["units"], tolerance)
                at = {"source": source, "transition": name}
                layer = scores["boundary_last"].sel(at) - scores["boundary_first"].sel(at)
                key = f"boundary_layer[{name}][{source}]"
                flat[key] = entry(layer, scores["boundary"].attrs["units"], tolerance)
    return flat
