"""The excitability of a driven neuron: equations and surrogate measured alike.

Steps, releases, brief pulses and noise from rest: firing rates over current, latencies, shapes,
thresholds by section, rebound spikes, steady potentials, spike trains under noise.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xarray as xr

from snnsurrogate import features, protocols, schema, units
from snnsurrogate.dynamics import fixed_points
from snnsurrogate.evaluate._excitability_scores import BARS as BARS
from snnsurrogate.evaluate._excitability_scores import GOALS as GOALS
from snnsurrogate.evaluate._excitability_scores import Bar as Bar
from snnsurrogate.evaluate._excitability_scores import compare_excitability as compare_excitability
from snnsurrogate.simulate import Design, simulate
from snnsurrogate.systems import System, get

__all__ = ["BARS", "GOALS", "Bar", "Battery", "compare_excitability", "excitability"]

_ONSET = 5.0  # of every step, in ms
_NOISE_MS = 500.0
_RELEASED_MS = 50.0
_SECTION = 16  # parts of a range that is searched


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
        blocked: range searched for the current above which firing does not last; empty for none.
        brief: durations of pulses whose thresholds are searched.
        noise: (mean, sd, tau) of Ornstein-Uhlenbeck inputs of 500 ms.
        window: of the coincidence factor.
        seed: of the noise.
    """

    rates: tuple[float, ...] = (7, 7.7, 9, 11, 13.5, 17, 21, 27, 33, 40, 48, 50)
    latencies: tuple[float, ...] = (3, 3.8, 4.6, 5.5, 7.5, 9, 11, 14, 17, 20)
    shaped: float = 10.0
    released: tuple[float, ...] = (-2, -3, -5, -10)
    steady: tuple[float, ...] = (-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5)
    single: tuple[float, float] = (0.1, 20.0)
    tonic: tuple[float, float] = (0.1, 20.0)
    blocked: tuple[float, ...] = (60.0, 180.0)
    brief: tuple[float, ...] = (0.2, 0.5, 1, 2, 5)
    noise: tuple[tuple[float, float, float], ...] = (
        (0, 6, 3), (3, 5, 5), (6, 4, 2), (5, 8, 4), (10, 6, 6), (2, 10, 1.5), (8, 3, 10),
        (12, 10, 3),
    )  # fmt: skip
    window: float = 2.0
    seed: int = 999


class _Bench:
    """One neuron, run from rest under a protocol with columns over sample."""

    def __init__(
        self, source: Any, parameters: Mapping[str, float], record_every: str, substeps: int
    ) -> None:
        self.source = get(source) if isinstance(source, str) else source
        self.parameters = dict(parameters)
        self.record_every = record_every
        self.finer: dict[str, Any] = {}
        self.rest: dict[str, float] | None = None
        if isinstance(self.source, System):
            _check(self.source)
            self.rest = _rest(self.source, self.parameters)
            if substeps > 1:
                step = units.magnitude(self.source.dt, "ms", what="dt") / substeps
                self.finer["dt"] = f"{step:.12g} ms"
        elif substeps > 1:
            self.finer["substeps"] = substeps

    def run(self, protocol: Any, columns: Mapping[str, Any], duration: float, seed: int = 0) -> Any:
        """Dataset with one sample per value of the columns."""
        n, length = len(next(iter(columns.values()))), f"{duration:g} ms"
        every = {name: np.full(n, value) for name, value in self.parameters.items()}
        if isinstance(self.source, System):
            return simulate(
                self.source,
                Design.points(every | dict(columns), initial=self.rest),
                duration=length,
                record_every=self.record_every,
                protocol=protocol,
                seed=seed,
                progress=False,
                **self.finer,
            )
        return self.source.rollout(
            None, every | dict(columns), length, protocol=protocol, seed=seed, **self.finer
        )

    def steps(self, currents: Any, duration: float) -> xr.Dataset:
        """Responses to steps from `_ONSET` to the end of the record."""
        protocol = protocols.step("amplitude", start=f"{_ONSET:g} ms")
        columns = {"amplitude": np.asarray(currents, float)}
        return features.responses(self.run(protocol, columns, duration + _ONSET), onset=_ONSET)

    def pulses(self, currents: Any, length: float, duration: float) -> xr.Dataset:
        """Responses to pulses of one length and to their end, ``duration`` in all."""
        protocol = protocols.release("amplitude", start=f"{_ONSET:g} ms", duration=f"{length:g} ms")
        columns = {"amplitude": np.asarray(currents, float)}
        return features.responses(
            self.run(protocol, columns, duration + _ONSET), onset=_ONSET, offset=_ONSET + length
        )

    def brief(self, length: float) -> float:
        """Threshold of a pulse of some length, by the charge it needs."""

        def fires(table: xr.Dataset) -> np.ndarray:
            return (table["spikes"] + table["rebound_spikes"]).values

        low, high = 1.0 / length, 25.0 / length + 5.0
        return self.section(low, high, lambda i: fires(self.pulses(i, length, 60.0)), 1e-3)

    def section(
        self, low: float, high: float, found: Callable[[Any], np.ndarray], tolerance: float
    ) -> float:
        """Least current where a number is above 0, by repeated section; relative tolerance.

        NaN where it is not inside the range, or where the number is missing at or below it.
        """
        while True:
            currents = np.linspace(low, high, _SECTION + 1)
            with warnings.catch_warnings():
                # a threshold is searched wherever it lies
                warnings.filterwarnings("ignore", message=".*outside the trained range")
                number = np.asarray(found(currents), dtype=float)
            has = number > 0
            k = int(np.argmax(has))
            if not has.any() or k == 0 or np.isnan(number[:k]).any():
                return float("nan")
            low, high = float(currents[k - 1]), float(currents[k])
            if high - low <= tolerance * high:
                return 0.5 * (low + high)


def excitability(
    source: System | str | Driven,
    parameters: Mapping[str, float] | None = None,
    *,
    battery: Battery | None = None,
    record_every: str = "0.05 ms",
    substeps: int = 1,
) -> xr.Dataset:
    """Measure the excitability of a neuron or of its surrogate.

    Every run begins at rest without input; steps begin after 5 ms. A system without a stable state
    begins at its stated start, a surrogate without one has no values at all. What does not exist
    (a rate of firing that does not last, a run that diverged) is NaN.

    Args:
        source: a system with an input, its name, or a driven surrogate.
        parameters: other parameters, one value each; missing = default.
        battery: the inputs; default: those of Hodgkin-Huxley.
        record_every: recording step of simulations; a surrogate records every step of its own.
        substeps: integration steps instead of each one of the source's own: 2 for the check at half
            the step.

    Returns:
        Dataset: ``rate`` (current) in Hz, NaN where firing does not last; ``latency`` (weak);
        ``half_width``, ``peak``, ``trough`` (spike: first, tonic); ``rebound_spikes``,
        ``rebound_latency``, and ``held`` and ``sag`` before the release (release); ``steady``
        (level); ``rest``, ``spontaneous`` (spikes without input); ``single``, ``tonic`` rheobases,
        ``block`` (0.1 %); ``brief_threshold`` (brief); ``train`` (noise, spike_number) spike times
        under noise, padded with NaN, and ``ran`` (noise) whether the run is whole. Times in ms.

    Raises:
        ValueError: a system without an input or a spike rule, or with another unit of time.
    """
    from snnsurrogate.surrogate import NoRestError  # here, because it loads torch

    b = battery or Battery()
    bench = _Bench(source, parameters or {}, record_every, substeps)
    try:
        silent = bench.steps([0.0], 300.0)
    except NoRestError as error:
        return _nothing(b, str(error))
    rates = bench.steps(b.rates, 800.0)
    weak = bench.steps(b.latencies, 60.0)
    shaped = bench.steps([b.shaped], 300.0)
    levels = bench.steps(b.steady, 300.0)
    releases = bench.pulses(b.released, _RELEASED_MS, 155.0)
    ran, train = _noise(bench, b)
    single = bench.section(*b.single, lambda i: bench.steps(i, 100.0)["spikes"].values, 1e-3)
    tonic = bench.section(*b.tonic, lambda i: bench.steps(i, 1000.0)["tonic"].values, 1e-3)
    block = float("nan")
    if b.blocked:
        block = bench.section(
            b.blocked[0], b.blocked[1], lambda i: 1 - bench.steps(i, 400.0)["tonic"].values, 1e-3
        )

    def shape(name: str) -> list[float]:
        return [float(shaped[f"{name}_{which}"][0]) for which in ("first", "tonic")]

    return _table(
        b,
        rate=1000.0 * rates["steady_rate"].values,
        latency=weak["latency"].values,
        half_width=shape("half_width"),
        peak=shape("peak"),
        trough=shape("trough"),
        rebound_spikes=releases["rebound_spikes"].values,
        rebound_latency=releases["rebound_latency"].values,
        held=releases["steady"].values,
        sag=releases["sag"].values,
        steady=levels["steady"].values,
        rest=float(silent["steady"][0]),
        spontaneous=float(silent["spikes"][0]),
        single=single,
        tonic=tonic,
        block=block,
        brief_threshold=[bench.brief(length) for length in b.brief],
        ran=ran,
        train=train,
    )


# variable -> dimensions and unit
_VARIABLES: dict[str, tuple[tuple[str, ...], str]] = {
    "rate": (("current",), "Hz"),
    "latency": (("weak",), "ms"),
    **{name: (("spike",), unit) for name, unit in
       (("half_width", "ms"), ("peak", "mV"), ("trough", "mV"))},
    "rebound_spikes": (("release",), "1"),
    "rebound_latency": (("release",), "ms"),
    "held": (("release",), "mV"),
    "sag": (("release",), "1"),
    "steady": (("level",), "mV"),
    "rest": ((), "mV"),
    "spontaneous": ((), "1"),
    **{name: ((), "input") for name in ("single", "tonic", "block")},
    "brief_threshold": (("brief",), "input"),
    "ran": (("noise",), "1"),
    "train": (("noise", "spike_number"), "ms"),
}  # fmt: skip


def _table(b: Battery, **values: Any) -> xr.Dataset:
    return xr.Dataset(
        {
            name: (dims, np.asarray(values[name], float), {"units": unit})
            for name, (dims, unit) in _VARIABLES.items()
        },
        coords={
            "current": list(b.rates), "weak": list(b.latencies), "release": list(b.released),
            "level": list(b.steady), "spike": ["first", "tonic"], "brief": list(b.brief),
        },
        attrs={
            "window": b.window, "noise": json.dumps(b.noise), "seed": b.seed,
            "noise_duration": _NOISE_MS, "note": values.get("note", ""),
        },
    )  # fmt: skip


def _nothing(b: Battery, why: str) -> xr.Dataset:
    """The table of a neuron that cannot be measured."""
    sizes = {
        "current": len(b.rates), "weak": len(b.latencies), "release": len(b.released),
        "level": len(b.steady), "spike": 2, "brief": len(b.brief), "noise": len(b.noise),
        "spike_number": 0,
    }  # fmt: skip
    empty = {
        name: np.full([sizes[d] for d in dims], np.nan) for name, (dims, _) in _VARIABLES.items()
    }
    return _table(b, note=why, **empty | {"ran": np.zeros(len(b.noise))})


def _noise(bench: _Bench, b: Battery) -> tuple[np.ndarray, np.ndarray]:
    """Whether each run under noise is whole, and its spike times, NaN from the last one on."""
    mean, sd, tau = (np.array(column, float) for column in zip(*b.noise, strict=True))
    noisy = bench.run(
        protocols.ou(mean="mean", sd="sd", tau="tau", step="0.1 ms", rule="linear"),
        {"mean": mean, "sd": sd, "tau": tau},
        _NOISE_MS,
        seed=b.seed,
    )
    ran = np.asarray(schema.ok(noisy))
    # what was fired before a run diverged is no train
    trains = [
        t if whole else np.empty(0)
        for t, whole in zip(schema.unpack_spikes(noisy), ran, strict=True)
    ]
    width = max(t.size for t in trains)
    padded = [np.pad(t, (0, width - t.size), constant_values=np.nan) for t in trains]
    return ran.astype(float), np.array(padded)


def _rest(system: System, parameters: Mapping[str, float]) -> dict[str, float] | None:
    """The stable state without input, the lowest if there are several; None if there is none."""
    found = fixed_points(system, {**parameters, str(system.input): 0.0}).isel(sample=0)
    stable = np.flatnonzero(found["found"].values & (found["unstable"].values == 0))
    if not stable.size:
        return None
    v = found[system.spikes.state if system.spikes else system.states[0].name].values
    best = stable[np.argmin(v[stable])]
    return {name: float(found[name].values[best]) for name in system.state_names}


def _check(system: System) -> None:
    if not system.input or system.spikes is None:
        lacks = "input" if not system.input else "spike rule"
        msg = (
            f"{system.name!r} declares no {lacks}, so that nothing can drive it or no spike be "
            "seen; take a neuron with both, such as 'hodgkin-huxley'"
        )
        raise ValueError(msg)
    if units.magnitude("1 ms", system.time_unit, what="time") != 1.0:
        msg = f"{system.name!r} counts time in {system.time_unit}; the battery is written in ms"
        raise ValueError(msg)
