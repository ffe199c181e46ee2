"""The excitability of a driven neuron: equations and surrogate measured alike, and compared.

Steps, releases and noise from rest: firing rates over current, latencies, shapes, rheobases by
section, rebound spikes, steady potentials, spike trains under noise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xarray as xr

from snnsurrogate import features, protocols, schema, units
from snnsurrogate.simulate import Design, simulate
from snnsurrogate.systems import System, get

__all__ = ["BARS", "Bar", "Battery", "compare_excitability", "excitability"]

_ONSET = 5.0  # of every step, in ms


class Driven(Protocol):
    """A surrogate that a protocol can drive."""

    def rollout(
        self,
        initial: Any,
        parameters: Mapping[str, Any],
        duration: Any,
        *,
        protocol: Any,
        seed: int,
    ) -> xr.Dataset:
        """Free run from rest, with the input of the protocol."""


@dataclass(frozen=True, kw_only=True)
class Battery:
    """The inputs of one measurement; amplitudes in the unit of the input, times in ms.

    The defaults are those of the Hodgkin-Huxley neuron, in uA/cm**2.

    Attributes:
        rates: steps of 800 ms whose steady rates make the f-I curve.
        latencies: steps whose first spikes are timed.
        shaped: the step whose first and tonic spikes are measured.
        released: amplitudes of 50 ms before a release.
        steady: steps without lasting firing, whose final potential is read.
        single: range searched for the single-spike rheobase.
        tonic: range searched for the onset of lasting firing.
        noise: (mean, sd, tau) of Ornstein-Uhlenbeck inputs of 500 ms.
        window: of the coincidence factor.
        seed: of the noise.
    """

    rates: tuple[float, ...] = (7, 7.7, 9, 11, 13.5, 17, 21, 27, 33, 40, 48, 50)
    latencies: tuple[float, ...] = (3, 3.8, 4.6, 5.5, 7.5, 9, 11, 14, 17, 20)
    shaped: float = 10.0
    released: tuple[float, ...] = (-2, -3, -5, -10)
    steady: tuple[float, ...] = (-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5)
    single: tuple[float, float] = (1.0, 5.0)
    tonic: tuple[float, float] = (3.5, 10.0)
    noise: tuple[tuple[float, float, float], ...] = (
        (0, 6, 3), (3, 5, 5), (6, 4, 2), (5, 8, 4), (10, 6, 6), (2, 10, 1.5), (8, 3, 10),
        (12, 10, 3),
    )  # fmt: skip
    window: float = 2.0
    seed: int = 999


class _Bench:
    """One neuron, run from rest under a protocol with columns over sample."""

    def __init__(self, source: Any, parameters: Mapping[str, float], record_every: str) -> None:
        self.source = get(source) if isinstance(source, str) else source
        self.parameters = dict(parameters)
        self.record_every = record_every

    def run(self, protocol: Any, columns: Mapping[str, Any], duration: str, seed: int = 0) -> Any:
        """Dataset with one sample per value of the columns."""
        n = len(next(iter(columns.values())))
        every = {name: np.full(n, value) for name, value in self.parameters.items()}
        if isinstance(self.source, System):
            return simulate(
                self.source,
                Design.points(every | dict(columns)),
                duration=duration,
                record_every=self.record_every,
                protocol=protocol,
                seed=seed,
                progress=False,
            )
        return self.source.rollout(
            None, every | dict(columns), duration, protocol=protocol, seed=seed
        )

    def steps(self, currents: Any, duration: float) -> xr.Dataset:
        """Responses to steps from `_ONSET` to the end of the record."""
        protocol = protocols.step("amplitude", start=f"{_ONSET:g} ms")
        made = self.run(
            protocol, {"amplitude": np.asarray(currents, float)}, f"{duration + _ONSET:g} ms"
        )
        return features.responses(made, onset=_ONSET)

    def first(
        self, low: float, high: float, found: Callable[[xr.Dataset], np.ndarray], duration: float,
        tolerance: float,
    ) -> float:  # fmt: skip
        """Least step with a property, by repeated section; NaN where it is not inside the range."""
        while True:
            currents = np.linspace(low, high, 17)
            has = np.asarray(found(self.steps(currents, duration)), dtype=bool)
            if not has.any() or has[0]:
                return float("nan")
            k = int(np.argmax(has))
            low, high = float(currents[k - 1]), float(currents[k])
            if high - low <= tolerance:
                return 0.5 * (low + high)


def excitability(
    source: System | str | Driven,
    parameters: Mapping[str, float] | None = None,
    *,
    battery: Battery | None = None,
    record_every: str = "0.05 ms",
) -> xr.Dataset:
    """Measure the excitability of a neuron or of its surrogate.

    Every run begins at rest without input; steps begin after 5 ms.

    Args:
        source: a system with an input, its name, or a driven surrogate.
        parameters: other parameters, one value each; missing = default.
        battery: the inputs; default: those of Hodgkin-Huxley.
        record_every: recording step of simulations; a surrogate records every step of its own.

    Returns:
        Dataset: ``rate`` (current) in Hz, NaN where firing does not last; ``latency`` (weak);
        ``half_width``, ``peak``, ``trough`` (spike: first, tonic); ``rebound_spikes``,
        ``rebound_latency`` (release); ``steady`` (level); ``rest``, ``spontaneous`` (spikes without
        input); ``single``, ``tonic`` rheobases to 0.005; ``train`` (noise, spike) spike times under
        noise, padded with NaN. Times in ms.

    Raises:
        ValueError: a system without an input, or with another unit of time.
    """
    b = battery or Battery()
    bench = _Bench(source, parameters or {}, record_every)
    if isinstance(bench.source, System):
        _check(bench.source)
    rates = bench.steps(b.rates, 800.0)
    weak = bench.steps(b.latencies, 60.0)
    shaped = bench.steps([b.shaped], 300.0)
    levels = bench.steps(b.steady, 300.0)
    releases = features.responses(
        bench.run(
            protocols.release("amplitude", start=f"{_ONSET:g} ms", duration="50 ms"),
            {"amplitude": np.asarray(b.released, float)},
            "160 ms",
        ),
        onset=_ONSET,
        offset=_ONSET + 50.0,
    )
    silent = bench.steps([0.0], 300.0)
    mean, sd, tau = (np.array(column, float) for column in zip(*b.noise, strict=True))
    noisy = bench.run(
        protocols.ou(mean="mean", sd="sd", tau="tau", step="0.1 ms", rule="linear"),
        {"mean": mean, "sd": sd, "tau": tau},
        "500 ms",
        seed=b.seed,
    )
    trains = schema.unpack_spikes(noisy)
    width = max(t.size for t in trains)
    padded = np.array([np.pad(t, (0, width - t.size), constant_values=np.nan) for t in trains])
    single = bench.first(*b.single, lambda t: t["spikes"].values > 0, 100.0, 0.005)
    tonic = bench.first(*b.tonic, lambda t: t["tonic"].values == 1, 1000.0, 0.005)
    pair = ("first", "tonic")

    def shape(name: str) -> tuple[str, list[float]]:
        return "spike", [float(shaped[f"{name}_{which}"][0]) for which in pair]

    return xr.Dataset(
        {
            "rate": ("current", 1000.0 * rates["steady_rate"].values, {"units": "Hz"}),
            "latency": ("weak", weak["latency"].values, {"units": "ms"}),
            "half_width": (*shape("half_width"), {"units": "ms"}),
            "peak": (*shape("peak"), {"units": "mV"}),
            "trough": (*shape("trough"), {"units": "mV"}),
            "rebound_spikes": ("release", releases["rebound_spikes"].values),
            "rebound_latency": ("release", releases["rebound_latency"].values, {"units": "ms"}),
            "steady": ("level", levels["steady"].values, {"units": "mV"}),
            "rest": ((), float(silent["steady"][0]), {"units": "mV"}),
            "spontaneous": ((), float(silent["spikes"][0])),
            "single": ((), single),
            "tonic": ((), tonic),
            "train": (("noise", "spike_number"), padded, {"units": "ms"}),
        },
        coords={
            "current": list(b.rates), "weak": list(b.latencies), "release": list(b.released),
            "level": list(b.steady), "spike": list(pair),
        },
        attrs={"window": b.window, "noise": json.dumps(b.noise), "seed": b.seed},
    )  # fmt: skip


def _check(system: System) -> None:
    if not system.input:
        msg = f"{system.name!r} declares no input, so that nothing can drive it; take a neuron with"
        msg += " an input, such as 'hodgkin-huxley'"
        raise ValueError(msg)
    if units.magnitude("1 ms", system.time_unit, what="time") != 1.0:
        msg = f"{system.name!r} counts time in {system.time_unit}; the battery is written in ms"
        raise ValueError(msg)


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


# Nine criteria of a surrogate of the Hodgkin-Huxley neuron, by letter.
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


def compare_excitability(truth: xr.Dataset, prediction: xr.Dataset) -> xr.Dataset:
    """Scores of a prediction's excitability against the truth's, and the nine bars.

    A rate, latency or width that exists on one side alone makes its score infinite: a silent
    surrogate passes nothing by missing values.

    Args:
        truth: of `excitability`.
        prediction: of `excitability`, with the same battery.

    Returns:
        Dataset of scalars with units; ``bar_<letter>`` (1 passed, 0 not) and ``bars`` their sum.

    Raises:
        ValueError: two different batteries.
    """
    for name in ("current", "weak", "release", "level"):
        if not np.array_equal(truth[name].values, prediction[name].values):
            msg = f"{name} differs: {truth[name].values} and {prediction[name].values}; measure "
            msg += "both with one battery"
            raise ValueError(msg)
    if truth.attrs["noise"] != prediction.attrs["noise"]:
        msg = "the noise differs; measure both with one battery"
        raise ValueError(msg)
    relative = _difference(truth["rate"], prediction["rate"], relative=True)
    widths = _difference(truth["half_width"], prediction["half_width"], relative=True)
    rebounds = truth["rebound_spikes"].values
    gamma = _gammas(truth, prediction)
    made = {
        "rate_error_mean": (float(relative.mean()), "%"),
        "rate_error_max": (float(relative.max()), "%"),
        "tonic_error": (_one(truth, prediction, "tonic"), "%"),
        "single_error": (_one(truth, prediction, "single"), "%"),
        "latency_rmse": (_rms(_difference(truth["latency"], prediction["latency"])), "ms"),
        "half_width_first_error": (float(widths[0]), "%"),
        "half_width_tonic_error": (float(widths[1]), "%"),
        "peak_error": (float(_difference(truth["peak"], prediction["peak"]).max()), "mV"),
        "trough_error": (float(_difference(truth["trough"], prediction["trough"]).max()), "mV"),
        "rebound_wrong": (float((prediction["rebound_spikes"].values != rebounds).sum()), "1"),
        "rebound_latency_error": (
            float(_difference(truth["rebound_latency"], prediction["rebound_latency"]).max()), "ms",
        ),
        "rest_error": (float(_difference(truth["rest"], prediction["rest"])), "mV"),
        "spontaneous": (float(prediction["spontaneous"]), "1"),
        "steady_rmse": (_rms(_difference(truth["steady"], prediction["steady"])), "mV"),
        "gamma_mean": (float(np.mean(gamma)), "1"),
        "gamma_min": (float(np.min(gamma)), "1"),
    }  # fmt: skip
    table = xr.Dataset({name: ((), v, {"units": unit}) for name, (v, unit) in made.items()})
    for letter, bars in BARS.items():
        passed = all(
            made[bar.score][0] >= bar.limit if bar.least else made[bar.score][0] <= bar.limit
            for bar in bars
        )
        table[f"bar_{letter}"] = ((), int(passed))
    table["bars"] = ((), int(sum(int(table[f"bar_{letter}"]) for letter in BARS)))
    return table


def _difference(truth: Any, prediction: Any, *, relative: bool = False) -> np.ndarray:
    """Absolute differences (in % with ``relative``); 0 where both are missing, else infinite."""
    a, b = np.asarray(truth, dtype=float), np.asarray(prediction, dtype=float)
    away = np.abs(b - a) * (100.0 / np.abs(a) if relative else 1.0)
    one = np.isnan(a) != np.isnan(b)
    return np.where(one, np.inf, np.where(np.isnan(a), 0.0, away))


def _one(truth: xr.Dataset, prediction: xr.Dataset, name: str) -> float:
    return float(_difference(truth[name], prediction[name], relative=True))


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _gammas(truth: xr.Dataset, prediction: xr.Dataset) -> np.ndarray:
    """Coincidence factor of every noise, where it exists for the truth."""
    found = []
    for a, b in zip(truth["train"].values, prediction["train"].values, strict=True):
        gamma = features.coincidence_factor(
            a[np.isfinite(a)], b[np.isfinite(b)], duration=500.0, window=truth.attrs["window"]
        )
        if np.isfinite(gamma):
            found.append(gamma)
    return np.array(found or [np.nan])
