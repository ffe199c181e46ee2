"""Two measurements of excitability compared: scores, the nine bars, the goals by size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import features

__all__ = ["BARS", "GOALS", "Bar", "compare_excitability"]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One acceptance criterion: a score and the largest value that passes.

    Attributes:
        score: name in the table of `compare_excitability`.
        limit: passes if the score is at most this, or with ``least`` at least this.
        least: whether larger is better.
    """

    score: str
    limit: float
    least: bool = False

    def passed(self, scores: xr.Dataset) -> bool:
        """Whether a table of `compare_excitability` meets it; never by a missing value."""
        value = float(scores[self.score])
        return value >= self.limit if self.least else value <= self.limit


# Nine criteria of a surrogate of the Hodgkin-Huxley neuron, by letter. F takes the largest error.
BARS: dict[str, tuple[Bar, ...]] = {
    "F": (Bar(score="rate_error_max", limit=3.0),),
    "T": (Bar(score="tonic_error", limit=10.0),),
    "R": (Bar(score="single_error", limit=10.0),),
    "L": (Bar(score="latency_rmse", limit=0.2),),
    "W": (
        Bar(score="half_width_first_error", limit=10.0),
        Bar(score="half_width_tonic_error", limit=10.0),
    ),
    "B": (
        Bar(score="rebound_wrong", limit=0.0),
        Bar(score="rebound_latency_error", limit=0.5),
    ),
    "Q": (Bar(score="rest_error", limit=0.5), Bar(score="spontaneous", limit=0.0)),
    "S": (Bar(score="steady_rmse", limit=1.0),),
    "G": (Bar(score="gamma_mean", limit=0.8, least=True),),
}


def _goals(**limits: float) -> tuple[Bar, ...]:
    return tuple(
        Bar(score=score, limit=limit, least=score.startswith("gamma") or score == "bars")
        for score, limit in limits.items()
    )


# What networks of two and of three or four units are expected to reach, by score.
GOALS: dict[str, tuple[Bar, ...]] = {
    "d = 2": _goals(
        rate_error_mean=0.5, rate_error_max=1.0, tonic_error=5.0, single_error=6.0,
        latency_rmse=0.15, half_width_first_error=12.0, half_width_tonic_error=12.0,
        rebound_wrong=0.0, rebound_latency_error=0.55, rest_error=0.5, steady_rmse=1.0,
        gamma_mean=0.87, gamma_min=0.70, bars=8.0,
    ),
    "d = 3, 4": _goals(
        rate_error_mean=0.3, rate_error_max=0.5, tonic_error=5.0, single_error=5.0,
        latency_rmse=0.08, half_width_first_error=5.0, half_width_tonic_error=5.0,
        rebound_wrong=0.0, rebound_latency_error=0.3, rest_error=0.3, steady_rmse=0.4,
        gamma_mean=0.90, gamma_min=0.75, bars=9.0,
    ),
}  # fmt: skip


def compare_excitability(truth: xr.Dataset, prediction: xr.Dataset) -> xr.Dataset:
    """Scores of a prediction's excitability against the truth's, and the nine bars.

    A rate, latency or width that exists on one side alone makes its score infinite: a silent
    surrogate passes nothing by missing values. A count that is missing is wrong, and a train under
    noise that is missing makes the coincidence factor NaN, as do widths and thresholds that the
    truth does not have: NaN passes nothing.

    Args:
        truth: of `excitability`.
        prediction: of `excitability`, with the same battery.

    Returns:
        Dataset of scalars with units; ``rate_errors`` (current), ``rebound_latency_errors``
        (release), ``threshold_errors`` (brief) and ``gamma`` (noise) behind them;
        ``bar_<letter>`` (1 passed, 0 not) and ``bars`` their sum.

    Raises:
        ValueError: two different batteries.
    """
    for name in ("current", "weak", "release", "level", "brief"):
        if not np.array_equal(truth[name].values, prediction[name].values):
            msg = f"{name} differs: {truth[name].values} and {prediction[name].values}; measure "
            msg += "both with one battery"
            raise ValueError(msg)
    for name in ("noise", "seed", "window"):
        if truth.attrs[name] != prediction.attrs[name]:
            msg = f"{name} differs: {truth.attrs[name]} and {prediction.attrs[name]}; measure both "
            msg += "with one battery"
            raise ValueError(msg)

    def away(name: str, *, relative: bool = False, absent: float = np.nan) -> np.ndarray:
        return _difference(truth[name], prediction[name], relative=relative, absent=absent)

    # of these the truth may have none, and a prediction without any agrees
    rates, rebounds = away("rate", relative=True, absent=0.0), away("rebound_latency", absent=0.0)
    latencies, levels = away("latency", absent=0.0), away("steady", absent=0.0)
    held = [away(name, absent=0.0).max(initial=0.0) for name in ("sag", "held")]
    brief, widths = away("brief_threshold", relative=True), away("half_width", relative=True)
    peaks, troughs = away("peak"), away("trough")
    gamma, recall, precision = _trains(truth, prediction)
    wrong = prediction["rebound_spikes"].values != truth["rebound_spikes"].values
    made = {
        "rate_error_mean": (rates.mean(), "%"),
        "rate_error_max": (rates.max(), "%"),
        "tonic_error": (away("tonic", relative=True), "%"),
        "single_error": (away("single", relative=True), "%"),
        "block_error": (away("block", relative=True), "%"),
        "latency_rmse": (_rms(latencies), "ms"),
        "half_width_first_error": (widths[0], "%"),
        "half_width_tonic_error": (widths[1], "%"),
        "peak_first_error": (peaks[0], "mV"),
        "peak_tonic_error": (peaks[1], "mV"),
        "trough_first_error": (troughs[0], "mV"),
        "trough_tonic_error": (troughs[1], "mV"),
        "peak_error": (peaks.max(), "mV"),
        "trough_error": (troughs.max(), "mV"),
        "rebound_wrong": (wrong.sum(), "1"),
        "rebound_latency_error": (rebounds.max(), "ms"),
        "sag_error": (held[0], "1"),
        "held_error": (held[1], "mV"),
        "threshold_error_max": (brief.max(initial=0.0), "%"),
        "rest_error": (away("rest"), "mV"),
        "spontaneous": (prediction["spontaneous"], "1"),
        "steady_rmse": (_rms(levels), "mV"),
        "gamma_mean": (_fold(np.mean, gamma), "1"),
        "gamma_min": (_fold(np.min, gamma), "1"),
        "recall_mean": (_fold(np.mean, recall), "1"),
        "precision_mean": (_fold(np.mean, precision), "1"),
    }
    table = xr.Dataset(
        {name: ((), float(value), {"units": unit}) for name, (value, unit) in made.items()}
        | {
            "rate_errors": ("current", rates, {"units": "%"}),
            "rebound_latency_errors": ("release", rebounds, {"units": "ms"}),
            "threshold_errors": ("brief", brief, {"units": "%"}),
            "gamma": ("noise", gamma, {"units": "1"}),
        },
        coords={name: truth[name].values for name in ("current", "release", "brief")},
    )
    for letter, bars in BARS.items():
        table[f"bar_{letter}"] = ((), int(all(bar.passed(table) for bar in bars)))
    table["bars"] = ((), int(sum(int(table[f"bar_{letter}"]) for letter in BARS)))
    return table


def _difference(truth: Any, prediction: Any, *, relative: bool, absent: float) -> np.ndarray:
    """Absolute differences, in % with ``relative``.

    Infinite where one of both is missing, ``absent`` where both are.
    """
    a, b = np.asarray(truth, dtype=float), np.asarray(prediction, dtype=float)
    away = np.abs(b - a) * (100.0 / np.abs(a) if relative else 1.0)
    one = np.isnan(a) != np.isnan(b)
    return np.where(one, np.inf, np.where(np.isnan(a), absent, away))


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _fold(how: Any, values: np.ndarray) -> float:
    """Of the traces where the score exists for the truth (not -inf); NaN if one is missing."""
    kept = values[~np.isneginf(values)]
    return float(how(kept)) if kept.size else float("nan")


def _trains(truth: xr.Dataset, prediction: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coincidence factor, share of true spikes found, share of predicted ones that are true.

    NaN where the prediction has no train; -inf where the score does not exist for the truth.
    """
    window, length = float(truth.attrs["window"]), float(truth.attrs["noise_duration"])
    shape = truth.sizes["noise"]
    gamma, recall, precision = (np.full(shape, -np.inf) for _ in range(3))
    for i in range(shape):
        a, b = (
            t["train"].values[i][np.isfinite(t["train"].values[i])] for t in (truth, prediction)
        )
        if not truth["ran"].values[i]:
            continue
        if not prediction["ran"].values[i]:
            gamma[i] = recall[i] = precision[i] = np.nan
            continue
        found = features.coincidence_factor(a, b, duration=length, window=window)
        gamma[i] = found if np.isfinite(found) else -np.inf
        pairs = features.coincidences(a, b, window=window)
        if a.size:
            recall[i] = pairs / a.size
            # a silent prediction of a train with spikes has no precision: nothing of it is right
            precision[i] = pairs / b.size if b.size else 0.0
    return gamma, recall, precision
