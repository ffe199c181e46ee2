"""Baselines of driven neurons: what learns from driven records, and its rollouts under an input."""

from __future__ import annotations

import abc
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, final

import numpy as np
import xarray as xr

from snnsurrogate import protocols, schema, units
from snnsurrogate.features.spikes import detect_batch
from snnsurrogate.kernels import Kernel
from snnsurrogate.surrogate import _inputs, _layout
from snnsurrogate.surrogate._warnings import check_input_range
from snnsurrogate.surrogate.driven_data import DrivenData
from snnsurrogate.systems import System

__all__ = ["DrivenBaseline", "FittedNeuron", "Neuron"]


class Neuron(abc.ABC):
    """What a driven baseline has learned.

    Attributes:
        step: of input and record, text with unit.
        states: name and unit of what `run` makes, in order.
        system: the fitted equations, or None.
        pieces: parts of a step in which the input is given, so that its edges may lie between them.
        report: what was fitted (JSON-able).
    """

    step: str
    states: tuple[tuple[str, str], ...]
    system: System | None = None
    pieces: int = 1
    report: dict[str, Any]

    @abc.abstractmethod
    def run(self, start: np.ndarray, stop: np.ndarray, substeps: int) -> np.ndarray:
        """States (sample, step + 1, state) from rest.

        Args:
            start: (sample, step * pieces) input at the beginning of every part of a step.
            stop: the same at its end.
            substeps: integration steps per recorded step.

        Raises:
            ValueError: more than one substep of what has no shorter step.
        """


@dataclass(frozen=True, kw_only=True)
class DrivenBaseline(abc.ABC):
    """Base of the frozen dataclasses that describe a baseline of a driven neuron."""

    name: ClassVar[str]

    @abc.abstractmethod
    def learn(self, data: DrivenData, seed: int) -> Neuron:
        """Fit the records."""

    @final
    def fit(self, train: xr.Dataset | Sequence[xr.Dataset], *, seed: int = 0) -> FittedNeuron:
        """Learn from driven records that start at rest.

        Args:
            train: made with ``simulate(..., protocol=...)``; several of one length and step.
            seed: of what is random in the fit.

        Raises:
            ValueError: no usable sample, no input, or parameters that vary.
        """
        data = DrivenData.of(train)
        if data.names:
            msg = f"{self.name} takes records at one parameter point; {list(data.names)} vary"
            raise ValueError(msg)
        neuron = self.learn(data, seed)
        attrs = data.datasets[0].attrs
        card = {
            "model": {"name": self.name, "settings": asdict(self)},
            **_layout.outline(data),
            "dt": neuron.step,
            "training": {"seed": seed, **data.seen()},
            "fit": neuron.report,
        }
        card["truth"] = {
            **{k: attrs[k] for k in ("system", "title", "source", "equations", "equations_hash")},
            "parameters": json.loads(attrs["parameters"]),
            "spike_rule": json.loads(attrs["spike_rule"]),
            "versions": json.loads(attrs["versions"]) if "versions" in attrs else {},
        }
        return FittedNeuron(neuron, json.loads(json.dumps(card)))


class FittedNeuron:
    """A baseline of a driven neuron after the fit; made by `DrivenBaseline.fit`.

    Attributes:
        card: what it is, what it has seen, what was fitted (JSON-able).
    """

    def __init__(self, neuron: Neuron, card: dict[str, Any]) -> None:
        self.card = card
        self._neuron = neuron

    def __repr__(self) -> str:
        """One line: baseline, system, what it has seen."""
        n, system = self.card["training"]["samples"], self.card["truth"]["system"]
        return f"<Baseline {self.card['model']['name']} of {system}, {n} driven records>"

    @property
    def system(self) -> System:
        """The fitted equations.

        Raises:
            ValueError: it has none.
        """
        if self._neuron.system is None:
            msg = f"{self!r} has no equations; it is a network in discrete time"
            raise ValueError(msg)
        return self._neuron.system

    def kernel(self) -> Kernel:
        """Compiled right-hand side of `system`, for :mod:`snnsurrogate.dynamics`."""
        return self.system.kernel()

    def rollout(
        self,
        initial: None,
        parameters: Mapping[str, Any],
        duration: Any,
        *,
        protocol: Any = None,
        seed: int = 0,
        strict: bool = False,
        substeps: int = 1,
    ) -> xr.Dataset:
        """Free run from rest under an input.

        Args:
            initial: None; it starts at its own rest.
            parameters: columns of the protocol; without one, the input, constant from time 0 on.
            duration: text with unit; a whole number of steps.
            protocol: the input over time.
            seed: of a protocol with noise.
            strict: raise, instead of warning, where the input leaves the trained range.
            substeps: integration steps per recorded step; of equations only.

        Returns:
            A dataset like that of a driven surrogate.

        Raises:
            ValueError: an initial state, unknown names, no input or two, a bad duration, or, with
                ``strict``, an input outside the trained range.
        """
        card, about = self.card, self.card["input"]
        if initial is not None:
            msg = f"{self!r} starts at rest; got initial states. Pass None."
            raise ValueError(msg)
        unit = card["time_unit"]
        total = units.magnitude(duration, unit, what="duration")
        step = units.magnitude(card["dt"], unit, what="dt")
        steps = round(total / step)
        if steps < 1 or abs(steps * step - total) > 1e-6 * step:
            msg = f"duration {duration!r} is not a whole number of steps of {card['dt']}"
            raise ValueError(msg)
        if type(substeps) is not int or substeps < 1:
            msg = f"substeps is {substeps!r}; expected a whole number of at least 1"
            raise ValueError(msg)
        drive, columns = self._drive(dict(parameters), protocol, seed)
        drive.check_length(duration, unit=about["unit"])
        pieces = self._neuron.pieces
        part = units.format_quantity(round(step / pieces, 12), unit)
        start, stop = drive.segments(part, steps * pieces, unit=about["unit"])
        low, high = min(start.min(), stop.min()), max(start.max(), stop.max())
        check_input_range(self.card["input"], low, high, strict=strict, stacklevel=2)
        x = self._neuron.run(start, stop, substeps)
        values = drive.values(card["dt"], steps, unit=about["unit"])
        return self._dataset(x, values, step, units.format_quantity(total, unit), drive, columns)

    def _drive(
        self, given: dict[str, Any], protocol: Any, seed: int
    ) -> tuple[protocols.Drive, dict[str, np.ndarray]]:
        """The input, and the parameters of all samples."""
        about, time_unit = self.card["input"], self.card["time_unit"]
        constant = given.pop(about["name"], None)
        if (protocol is None) == (constant is None):
            msg = (
                f"{self!r} is driven by {about['name']}: give it among the parameters (constant "
                "from time 0 on), or give a protocol, one of the two"
            )
            raise ValueError(msg)
        if constant is not None:
            values = np.atleast_1d(units.magnitudes(constant, about["unit"], what=about["name"]))
            protocol = protocols.step(values.tolist())
        if isinstance(protocol, list | tuple):
            protocol = protocols.each(list(protocol))
        bound = isinstance(protocol, protocols.Drive)
        names = () if bound else protocol.columns
        taken = {k: np.atleast_1d(np.asarray(given.pop(k), float)) for k in names if k in given}
        columns, _, n = _inputs.columns(self.card, given, {})
        sizes = {v.size for v in taken.values()} | {n}
        drive = protocols.read(
            protocol, None if bound or sizes == {1} else max(sizes), seed=seed, columns=taken,
            time_unit=time_unit,
        )  # fmt: skip
        if n not in (1, drive.samples):
            msg = f"parameters are for {n} samples, the protocol for {drive.samples}"
            raise ValueError(msg)
        return drive, {k: np.broadcast_to(v, (drive.samples,)) for k, v in columns.items()}

    def _dataset(
        self, x: np.ndarray, values: np.ndarray, step: float, duration: str,
        drive: protocols.Drive, columns: Mapping[str, np.ndarray],
    ) -> xr.Dataset:  # fmt: skip
        card, about, truth = self.card, self.card["input"], self.card["truth"]
        rule, described, time_unit = truth["spike_rule"], truth["parameters"], card["time_unit"]
        states = {name: x[..., k] for k, (name, _) in enumerate(self._neuron.states)}
        finite = np.isfinite(x).all(axis=(1, 2))
        return schema.build(
            states=states,
            time=np.arange(x.shape[1]) * step,
            parameters={name: columns[name] for name in described},
            initial={name: state[:, 0] for name, state in states.items()},
            seeds=drive.seeds,
            units={
                **dict(self._neuron.states),
                **{name: p["unit"] for name, p in described.items()},
                **drive.units(about["unit"]),
                about["name"]: about["unit"],
                "time": time_unit,
            },
            status=np.where(finite, schema.FLAGS["ok"], schema.FLAGS["diverged"]),
            spikes=detect_batch(
                states[rule["state"]], step, threshold=rule["threshold"], reset=rule["reset"]
            ),
            inputs={about["name"]: values},
            input_rule=drive.rule,
            stimuli=drive.columns,
            attrs={
                **{k: truth[k] for k in ("system", "title", "source", "equations")},
                "equations_hash": truth["equations_hash"],
                "kind": "rollout",
                "parameters": described,
                "spike_rule": rule,
                "duration": duration,
                "transient": f"0 {time_unit}",
                "record_every": card["dt"],
                "dt": card["dt"],
                "method": "baseline",
                "engine": f"baseline {card['model']['name']}",
                "seed": int(drive.seeds[0]),
                "design": "",
                "protocol": drive.json,
                "versions": truth["versions"],
            },
        )
