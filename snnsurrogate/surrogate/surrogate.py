"""A trained surrogate: module, scaling and card; its rollouts are datasets like any other."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from snnsurrogate import schema, units
from snnsurrogate.features.spikes import detect_batch
from snnsurrogate.kernels import Kernel, integrate
from snnsurrogate.surrogate import _inputs, _observed, _visited
from snnsurrogate.surrogate._warnings import ExtrapolationWarning as ExtrapolationWarning
from snnsurrogate.surrogate.models import ModelConfig
from snnsurrogate.surrogate.scaling import Scaling

if TYPE_CHECKING:
    from torch import nn


class Surrogate:
    """A learned map with everything needed to run it.

    Made by :func:`snnsurrogate.fit` or :func:`snnsurrogate.load`.

    Attributes:
        model: the model's configuration.
        module: the torch module, in scaled coordinates.
        scaling: physical units to scaled coordinates.
        card: what it is, what it has seen, how good it is (JSON-able).
        history: training record, one dict per logged step (empty after loading).
    """

    def __init__(
        self, model: ModelConfig, module: nn.Module, scaling: Scaling, card: dict[str, Any]
    ) -> None:
        self.model = model
        self.module = module
        self.scaling = scaling
        self.card = card
        self.history: list[dict[str, Any]] = []

    @property
    def system(self) -> str:
        """Registered name of the system it stands in for."""
        return str(self.card["truth"]["system"])

    @property
    def dt(self) -> str:
        """Duration of one step, text with unit."""
        return str(self.card["dt"])

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states."""
        return tuple(s["name"] for s in self.card["states"])

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters it is conditioned on."""
        return tuple(p["name"] for p in self.card["parameters"])

    @property
    def box(self) -> dict[str, tuple[float, float]]:
        """Trained range of each parameter, in its declared unit."""
        return {p["name"]: (p["low"], p["high"]) for p in self.card["parameters"]}

    def __repr__(self) -> str:
        """One line: model, system, step, parameter box."""
        box = ", ".join(f"{k} in [{a:g}, {b:g}]" for k, (a, b) in self.box.items()) or "none"
        return f"<Surrogate {self.model.name} of {self.system}, step {self.dt}, parameters {box}>"

    @property
    def stochastic(self) -> bool:
        """Whether a step draws random numbers."""
        return bool(getattr(self.module, "noise", 0))

    @property
    def driven(self) -> bool:
        """Whether it is a flow under an input."""
        return self.card.get("view") == "driven"

    @property
    def observed(self) -> tuple[str, ...]:
        """Names of the observed quantities: the states themselves, or a readout of them."""
        return tuple(s["name"] for s in self.card.get("observed", self.card["states"]))

    def observe(self, states: Any) -> dict[str, np.ndarray]:
        """Observed quantities of states (..., d): name -> (...)."""
        return _observed.observe(self, states)

    def encode(self, series: Any) -> list[np.ndarray]:
        """Recovered states of a dataset or a piece (n,) of the series, see `_series_rollout`."""
        from snnsurrogate.surrogate import _series_rollout

        return _series_rollout.encode(self, series)

    def to_brian2(self) -> str:
        """Equations of a driven surrogate as Brian2 text; a ValueError for a map."""
        from snnsurrogate.surrogate import _driven_rollout

        return _driven_rollout.brian2_equations(self)

    @functools.cached_property
    def compiled_rollout(self) -> Any:
        """Compiled free run of one sample of a stochastic surrogate."""
        from snnsurrogate.surrogate import _stochastic

        return _stochastic.compiled(self)

    @functools.cached_property
    def _compiled(self) -> Kernel:
        if self.stochastic:
            msg = (
                f"{self!r} is stochastic: it has no fixed points, multipliers or cycles. Roll it "
                "out and read features of the runs."
            )
            raise ValueError(msg)
        if self.driven:
            from snnsurrogate.surrogate import _driven_rollout

            return _driven_rollout.kernel(self)
        from snnsurrogate.surrogate import runtime
        from snnsurrogate.surrogate._lowering import NotLowerableError

        try:
            f, jac = runtime.compile_step(self.module, self.scaling)
        except NotLowerableError as error:
            runtime.warn_not_lowered(self.model.name, error)
            f, jac = runtime.torch_step(self.module, self.scaling)
        low, high = (np.asarray(self.card["visited"][k], dtype=float) for k in ("low", "high"))
        margin = 0.5 * (high - low)
        box = self.card["parameters"]
        return Kernel(
            kind="map",
            time_step=units.magnitude(self.dt, self.card["time_unit"], what="dt"),
            time_unit=self.card["time_unit"],
            states=self.states,
            state_units=tuple(s["unit"] for s in self.card["states"]),
            parameters=self.parameters,
            parameter_units=tuple(p["unit"] for p in box),
            parameter_defaults=np.array([(p["low"] + p["high"]) / 2 for p in box]),
            f=f,
            jac=jac,
            low=low - margin,
            high=high + margin,
            parameter_low=np.array([p["low"] for p in box]),
            parameter_high=np.array([p["high"] for p in box]),
        )

    def kernel(self) -> Kernel:
        """Compiled step and exact Jacobian in physical units, for :mod:`snnsurrogate.dynamics`."""
        return self._compiled

    def rollout(
        self,
        initial: Mapping[str, Any] | xr.Dataset | None,
        parameters: Mapping[str, Any],
        duration: Any,
        *,
        protocol: Any = None,
        seed: int = 0,
        strict: bool = False,
        record: Sequence[str] | None = None,
        loop: str | None = None,
        substeps: int = 1,
    ) -> xr.Dataset:
        """Free run from given states.

        Args:
            initial: state -> value or (sample,) array; bare numbers are in the state's unit, text
                and quantities are converted. Of a network: None starts from a state of the
                surrogate's own stationary regime (1 s from the mean training state), a dataset
                from its first record, a mapping from the series of a rollout.
            parameters: parameter -> value or (sample,) array, in the declared unit likewise;
                parameters that did not vary in training may be left out.
            duration: text with unit; a whole number of steps.
            protocol: driven surrogates only: the input over time; its columns are taken from
                ``parameters``. Without it ``parameters`` holds the input, constant from time 0 on.
                Their ``initial`` is None for rest without input, or names the latent states.
            seed: stochastic surrogates only; stored.
            strict: raise, instead of warning, where parameters lie outside the trained box.
            record: networks: series to keep besides the rates; driven surrogates: latent states to
                keep; None keeps all.
            loop: event maps only: "full" or "hybrid", what is between the events; None takes the
                model's own.
            substeps: driven surrogates only: integration steps per recorded step.

        Returns:
            A dataset of the package's schema, kind "rollout"; a sample that leaves the training
            region for good is marked diverged and holds NaN from there on.

        Raises:
            ValueError: a missing or unknown name, arrays of different lengths, a duration that is
                no whole number of steps, another value of a parameter that did not vary, or, with
                ``strict``, parameters outside the box.
        """
        if protocol is not None and not self.driven:
            msg = f"{self!r} has no input; a protocol needs a driven surrogate. Pass protocol=None."
            raise ValueError(msg)
        unit = self.card["time_unit"]
        total = units.magnitude(duration, unit, what="duration")
        step = units.magnitude(self.dt, unit, what="dt")
        n_steps = round(total / step)
        if n_steps < 1 or abs(n_steps * step - total) > 1e-6 * step:
            msg = f"duration {duration!r} is not a whole number of steps of {self.dt}"
            raise ValueError(msg)
        length = (n_steps, units.format_quantity(total, unit))
        if self.driven:
            from snnsurrogate.surrogate import _driven_rollout

            return _driven_rollout.run(
                self, initial, parameters, length, protocol=protocol, seed=seed, strict=strict,
                record=record, substeps=substeps,
            )  # fmt: skip
        if substeps != 1:
            msg = f"substeps={substeps!r} is for flows; {self!r} is a map. Leave it out"
            raise ValueError(msg)
        if self.card.get("view") == "series":
            from snnsurrogate.surrogate import _series_rollout

            return _series_rollout.run(
                self, initial, parameters, length, seed=seed, strict=strict, record=record
            )
        if self.card.get("view") == "events":
            return self._event_rollout(
                initial, parameters, length, seed, strict=strict, record=record, loop=loop
            )
        if loop is not None:
            msg = f"loop={loop!r} is for event maps; {self!r} has none. Leave it out"
            raise ValueError(msg)
        if self.stochastic:
            return self._stochastic_rollout(
                initial, parameters, length, seed, strict=strict, record=record
            )
        if record is not None:
            msg = f"record={record!r} chooses series of networks; {self!r} has states. Leave it out"
            raise ValueError(msg)
        kernel = self.kernel()
        x0, columns, n = self._samples(initial, parameters)
        p = np.stack([columns[name] for name in self.parameters], 1) if self.parameters else None
        self._outside_box(columns, strict=strict)
        if p is None:
            p = np.empty((n, 0))
        x = integrate(kernel, x0, p, n_steps=n_steps)
        status = _visited.guard(self.card, x)
        return self._dataset(
            x, x0, columns, status, seed, units.format_quantity(total, kernel.time_unit)
        )

    def _stochastic_rollout(
        self,
        initial: Any,
        parameters: Mapping[str, Any],
        length: tuple[int, str],
        seed: int,
        *,
        strict: bool,
        record: Sequence[str] | None,
    ) -> xr.Dataset:
        from snnsurrogate.surrogate import _stochastic

        kept = _stochastic.names_of_record(self, record)
        given = _stochastic.initial_states(self, initial)
        columns, states, _ = _inputs.columns(self.card, parameters, given or {})
        self._outside_box(columns, strict=strict)
        x0 = None
        if given is not None:
            x0 = np.stack([states[s] for s in self.states], 1)
            if not isinstance(initial, xr.Dataset):  # a dataset is read per cell
                _stochastic.per_cell(self, x0, columns)
        request = _stochastic.Request(
            initial=x0, columns=columns, steps=length[0], duration=length[1], seed=seed, record=kept
        )
        return _stochastic.run(self, request)

    def _event_rollout(
        self,
        initial: Any,
        parameters: Mapping[str, Any],
        length: tuple[int, str],
        seed: int,
        *,
        strict: bool,
        record: Sequence[str] | None,
        loop: str | None,
    ) -> xr.Dataset:
        from snnsurrogate.surrogate import _event_rollout

        if initial is not None:
            msg = f"{self!r} starts from its own stationary regime; pass initial=None"
            raise ValueError(msg)
        chosen = _event_rollout.chosen_loop(self, loop)
        columns, _, _ = _inputs.columns(self.card, parameters, {})
        self._outside_box(columns, strict=strict)
        return _event_rollout.run(self, columns, length, seed, loop=chosen, record=record)

    def _samples(
        self, initial: Any, parameters: Mapping[str, Any]
    ) -> tuple[np.ndarray, dict[str, np.ndarray], int]:
        if initial is None or isinstance(initial, xr.Dataset):
            what = "None" if initial is None else "a dataset"
            msg = f"initial is {what}; this surrogate needs the initial states {list(self.states)}."
            raise ValueError(msg)
        columns, states, n = _inputs.columns(self.card, parameters, initial)
        return np.stack([states[s] for s in self.states], 1), columns, n

    def _outside_box(self, columns: Mapping[str, np.ndarray], *, strict: bool) -> None:
        """Warn of parameters outside the trained box, or raise."""
        for said in _inputs.outside_box(self.card, columns):
            if strict:
                msg = f"{said}; strict=True allows no extrapolation"
                raise ValueError(msg)
            warnings.warn(said, ExtrapolationWarning, stacklevel=4 if self.stochastic else 3)

    def _dataset(
        self,
        x: np.ndarray,
        x0: np.ndarray,
        columns: dict[str, np.ndarray],
        status: np.ndarray,
        seed: int,
        duration: str,
    ) -> xr.Dataset:
        card, kernel = self.card, self.kernel()
        truth = card["truth"]
        rule = truth["spike_rule"]
        spikes = None
        if rule:
            v = x[:, :, self.states.index(rule["state"])]
            spikes = detect_batch(
                v, kernel.time_step, threshold=rule["threshold"], reset=rule["reset"]
            )
        described = truth["parameters"]
        return schema.build(
            states={name: x[:, :, i] for i, name in enumerate(self.states)},
            time=np.arange(x.shape[1]) * kernel.time_step,
            parameters={name: columns[name] for name in described},
            initial={name: x0[:, i] for i, name in enumerate(self.states)},
            seeds=seed,
            units={
                **{s["name"]: s["unit"] for s in card["states"]},
                **{name: p["unit"] for name, p in described.items()},
                "time": kernel.time_unit,
            },
            status=status,
            spikes=spikes,
            attrs={
                **{
                    k: truth[k]
                    for k in ("system", "title", "source", "equations", "equations_hash")
                },
                "kind": "rollout",
                "parameters": described,
                "spike_rule": rule or "",
                "duration": duration,
                "transient": f"0 {kernel.time_unit}",
                "record_every": self.dt,
                "dt": self.dt,
                "method": "map",
                "engine": f"surrogate {self.model.name} {card['checksum'][:12]}",
                "seed": seed,
                "design": "",
                "protocol": "",
                "versions": card["versions"],
            },
        )

    def save(self, folder: str | Path) -> Path:
        """Write weights and card into a folder; see :func:`snnsurrogate.load`."""
        from snnsurrogate.surrogate.artefact import save

        return save(self, folder)
