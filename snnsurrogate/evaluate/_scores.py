"""Scalars of the score dataset: coverage, metrics and counts, each beside its floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import schema
from snnsurrogate.features import REGIMES

from . import coverage
from .metrics import METRICS, NETWORK_METRICS, NetworkRecord, Record
from .metrics._base import OVER, POPULATION

AMBIGUOUS = "ambiguous"  # the class between two regimes, in rules that have one


def put(
    scores: xr.Dataset,
    name: str,
    value: float,
    floor: float = np.nan,
    *,
    unit: str,
    ideal: float,
    better: str,
    long_name: str,
) -> None:
    """Write a scalar and its `<name>_floor`."""
    attrs = {"units": unit, "ideal": ideal, "better": better}
    scores[name] = xr.Variable((), value, attrs | {"long_name": long_name, "role": "score"})
    scores[f"{name}_floor"] = xr.Variable(
        (), floor, attrs | {"long_name": f"{long_name}: floor", "role": "floor"}
    )


def add_coverage(
    scores: xr.Dataset, codes: Mapping[str, np.ndarray], counted: np.ndarray, flips: np.ndarray
) -> None:
    """Agreement, recall and confusion.

    Args:
        scores: written to.
        codes: source -> regime codes, shape (sample,).
        counted: samples whose truth is ok.
        flips: those of them whose truth changes its label under the twin.
    """
    settled = counted & ~flips
    counts = coverage.confusion(codes["truth"][settled], codes["surrogate"][settled])
    everything = coverage.confusion(codes["truth"][counted], codes["surrogate"][counted])
    # Among settled samples the twin agrees by definition, so the floor is taken over all of them.
    floor = (
        coverage.confusion(codes["truth"][counted], codes["twin"][counted])
        if "twin" in codes
        else None
    )
    scores.coords["label"] = list(REGIMES)
    scores.coords["label_predicted"] = [*REGIMES, "missing"]
    scores["confusion"] = xr.Variable(
        ("label", "label_predicted"),
        counts,
        {"long_name": "samples by regime of truth and surrogate"},
    )
    scores["recall"] = xr.Variable(
        "label", coverage.recall(counts), {"units": "1", "long_name": "recall of each regime"}
    )
    if floor is not None:
        scores["recall_twin"] = xr.Variable(
            "label", coverage.recall(floor), {"units": "1", "long_name": "recall of the twin"}
        )
    common: dict[str, Any] = {"unit": "1", "ideal": 1.0, "better": "higher"}
    for name, function, table, text in (
        ("agreement", coverage.agreement, counts, "regime agreement with the truth"),
        ("mean_recall", coverage.mean_recall, counts, "mean recall over the truth's regimes"),
        (
            "agreement_with_flips",
            coverage.agreement,
            everything,
            "regime agreement, with samples whose truth flips under the twin",
        ),
    ):
        value = np.nan if floor is None else function(floor)
        put(scores, name, function(table), value, long_name=text, **common)


def add_metrics(
    scores: xr.Dataset, records: Mapping[str, Record], counted: np.ndarray, *, unit: str
) -> None:
    """Every registered metric: mean over the counted samples, and one value per sample.

    Args:
        scores: written to.
        records: source -> record; "next" is the truth's own next record, the floor of metrics
            that do not depend on phase.
        counted: samples that enter the mean.
        unit: the time unit, for metrics whose unit holds a time.
    """
    others = [name for name in records if name != "truth"]
    for name, metric in METRICS.items():
        values = {other: metric(records["truth"], records[other]) for other in others}
        floor = "next" if metric.phase_free and "next" in records else "twin"
        units = metric.unit.replace("time", unit)
        means = {other: _mean(column[counted]) for other, column in values.items()}
        put(
            scores,
            name,
            means["surrogate"],
            means.get(floor, np.nan),
            unit=units,
            ideal=metric.ideal,
            better=metric.better,
            long_name=metric.long_name,
        )
        rows = [
            values.get(str(source), np.full(counted.size, metric.ideal))
            for source in scores["source"].values
        ]
        scores[f"sample_{name}"] = xr.Variable(
            ("source", "sample"),
            np.stack(rows),
            {"units": units, "long_name": f"{metric.long_name}, each sample"},
        )


def add_network_coverage(
    scores: xr.Dataset,
    codes: Mapping[str, np.ndarray],
    sharp: Mapping[str, np.ndarray],
    names: Sequence[str],
    counted: np.ndarray,
) -> None:
    """Agreement, recall and confusion where regimes have an ambiguous band between them.

    A point is *clear* where the truth is not ambiguous. There the prediction has to be on the
    truth's side of the thresholds (its label without the band); points inside the band are counted
    in `agreement` only. The confusion has the ambiguous class in its own row and column.

    Args:
        scores: written to.
        codes: source -> regime codes, shape (sample,).
        sharp: source -> codes by the thresholds alone.
        names: the classes, in the order of their codes.
        counted: samples whose truth is ok.
    """
    n = len(names)
    clear = counted.copy()
    if AMBIGUOUS in names:
        clear &= codes["truth"] != names.index(AMBIGUOUS)
    others = [name for name in ("surrogate", "twin") if name in codes]
    at_clear = {
        name: coverage.confusion(codes["truth"][clear], sharp[name][clear], n_regimes=n)
        for name in others
    }
    at_all = {
        name: coverage.confusion(sharp["truth"][counted], sharp[name][counted], n_regimes=n)
        for name in others
    }
    strict = {
        name: coverage.confusion(codes["truth"][counted], codes[name][counted], n_regimes=n)
        for name in others
    }
    scores.coords["label"] = list(names)
    scores.coords["label_predicted"] = [*names, "missing"]
    scores["confusion"] = xr.Variable(
        ("label", "label_predicted"),
        strict["surrogate"],
        {"long_name": "samples by regime of truth and surrogate"},
    )
    for name, key in (("surrogate", "recall"), ("twin", "recall_twin")):
        if name in others:
            about = {"units": "1", "long_name": f"share of clear points on its side, {name}"}
            scores[key] = xr.Variable("label", coverage.recall(at_clear[name]), about)
    flips = {
        key: float(np.sum(sharp["truth"][where] != sharp["twin"][where]))
        for key, where in (("", counted), ("_clear", clear))
        if "twin" in codes
    }
    common: dict[str, Any] = {"unit": "1", "ideal": 1.0, "better": "higher"}
    for name, function, tables, text in (
        ("agreement_clear", coverage.agreement, at_clear, "regime agreement, clear points"),
        ("agreement", coverage.agreement, at_all, "regime agreement, all points"),
        ("mean_recall", coverage.mean_recall, at_clear, "mean recall over the clear regimes"),
        (
            "agreement_with_ambiguous",
            coverage.agreement,
            strict,
            "the same label, ambiguous being one",
        ),
    ):
        floor = function(tables["twin"]) if "twin" in others else np.nan
        put(scores, name, function(tables["surrogate"]), floor, long_name=text, **common)
    for suffix, where, text in (("", counted, "all points"), ("_clear", clear, "clear points")):
        wrong = float(np.sum(sharp["truth"][where] != sharp["surrogate"][where]))
        put(
            scores,
            f"labels_differing{suffix}",
            wrong,
            flips.get(suffix, np.nan),
            unit="1",
            ideal=0.0,
            better="lower",
            long_name=f"{text} on another side of a threshold",
        )
    about = {"units": "1", "long_name": "samples whose truth is not ambiguous"}
    scores["clear_samples"] = xr.Variable((), int(clear.sum()), about)


def add_network_metrics(
    scores: xr.Dataset, records: Mapping[str, NetworkRecord], counted: np.ndarray, *, unit: str
) -> None:
    """Every metric of networks, over samples as it says, and one value per sample.

    Args:
        scores: written to.
        records: source -> record.
        counted: samples that enter.
        unit: the time unit, for metrics whose unit holds a time.
    """
    truth = records["truth"]
    for metric in NETWORK_METRICS.values():
        each: tuple[tuple[str, ...], ...] = ((),)
        if metric.reads == POPULATION:
            each = tuple((name,) for name in truth.populations)
        for arguments in each:
            name = "_".join((metric.name, *arguments))
            text = ", ".join((metric.long_name, *arguments))
            units = metric.unit.replace("time", unit)
            values = {
                source: metric(truth, record, *arguments)
                for source, record in records.items()
                if source != "truth"
            }
            for how in metric.over:
                put(
                    scores,
                    name if how == "mean" else f"{name}_{how}",
                    _over(how, values["surrogate"][counted]),
                    _over(how, values["twin"][counted]) if "twin" in values else np.nan,
                    unit=units,
                    ideal=metric.ideal,
                    better=metric.better,
                    long_name=f"{text}, {how}",
                )
            rows = [
                values.get(str(source), np.full(counted.size, metric.ideal))
                for source in scores["source"].values
            ]
            scores[f"sample_{name}"] = xr.Variable(
                ("source", "sample"),
                np.stack(rows),
                {"units": units, "long_name": f"{text}, each sample"},
            )


def _over(how: str, values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(OVER[how](known)) if known.size else np.nan


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else np.nan


def add_counts(
    scores: xr.Dataset, datasets: Mapping[str, xr.Dataset], counted: np.ndarray, flips: np.ndarray
) -> None:
    """How many samples stand behind the scores, and how many do not."""
    diverged = {name: counted & ~schema.ok(ds) for name, ds in datasets.items()}
    twin = float(diverged["twin"].sum()) if "twin" in diverged else np.nan
    for name, value, floor, text in (
        ("truth_label_flips", flips.sum(), np.nan, "samples whose truth flips under the twin"),
        ("not_ok", (~counted).sum(), np.nan, "samples of the truth that failed"),
        ("diverged", diverged["surrogate"].sum(), twin, "samples of the surrogate that failed"),
    ):
        put(
            scores,
            name,
            float(value),
            floor,
            unit="1",
            ideal=0.0,
            better="lower",
            long_name=text,
        )
    scores["samples"] = xr.Variable(
        (), int((counted & ~flips).sum()), {"units": "1", "long_name": "samples scored"}
    )
