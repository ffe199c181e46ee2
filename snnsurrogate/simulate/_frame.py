"""What is known of a sweep before it runs: its request, attributes, units and shards."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
from typing import Any

import numpy as np

from snnsurrogate import protocols, units
from snnsurrogate.dataset.frame import Frame
from snnsurrogate.protocols import Drive
from snnsurrogate.simulate._blocks import Steps
from snnsurrogate.simulate._cells import Cells
from snnsurrogate.simulate._networks import Networks
from snnsurrogate.simulate.designs import Design

__all__ = ["columns_hash", "frame_of"]


def frame_of(
    model: Any,
    design: Design,
    parameters: dict[str, np.ndarray],
    initial: dict[str, np.ndarray],
    steps: Steps,
    runner: Cells | Networks,
    engine: str,
    method: str | None,
    seed: int,
    drive: Drive | None = None,
) -> Frame:
    """The frame of a sweep; its request tells two sweeps apart."""
    texts, extra, rule = dict(steps.texts), {}, None
    driven = runner.inputs if isinstance(runner, Cells) else {}
    constant = [p for p in model.parameters if p.name not in driven]
    declared: list[Any] = [*model.parameters]
    if isinstance(runner, Networks):
        declared += [*model.series, *model.histograms]
        method = "direct method" if engine == "exact" else "fixed step"
        if engine == "exact":
            texts["dt"] = f"0 {model.time_unit}"
        extra = {
            "populations": json.dumps({p.name: p.size for p in model.populations}),
            "record": json.dumps(runner.record),
            "regime_rule": model.regimes,
        }
    else:
        declared += [*model.states]
        method = method or model.method
        rule = dataclasses.asdict(model.spikes) if model.spikes else None
    request = {
        "system": model.name,
        "equations_hash": model.equations_hash,
        "samples": len(design),
        "parameters": columns_hash(parameters),
        "initial": columns_hash(initial),
        **texts,
        "method": method,
        "engine": runner.engine,
        "seed": seed,
        "spike_rule": rule,
    }
    if isinstance(runner, Networks):
        request |= {"network": runner.network, "program": runner.program}
        extra["runaway"] = f"{model.runaway:g} Hz"
    else:
        request["brian2"] = importlib.metadata.version("brian2")
    seeds = protocols.seeds(seed, len(design))
    stimuli: dict[str, np.ndarray] = {}
    if drive is not None:
        stimuli, seeds = dict(drive.columns), drive.seeds
        request |= {
            "protocol": drive.json,
            "stimuli": columns_hash(stimuli),
            "sample_seeds": columns_hash({"seed": seeds}),
        }
    attrs = {
        "kind": "simulation",
        "system": model.name,
        "title": model.title,
        "source": model.source,
        "equations": model.equations.strip(),
        "equations_hash": model.equations_hash,
        "parameters": json.dumps(
            {
                p.name: {"value": p.value, "unit": p.unit, "low": p.low, "high": p.high}
                for p in constant
            }
        ),
        **texts,
        "method": method,
        "engine": runner.engine,
        "seed": seed,
        "design": design.to_json(),
        "protocol": drive.json if drive is not None else "",
        "spike_rule": json.dumps(rule) if rule else "",
        "versions": json.dumps(_versions()),
        "request": json.dumps(request),
        **extra,
    }
    known = {item.name: item.unit for item in declared if hasattr(item, "unit")}
    meanings = {item.name: item.meaning for item in declared}
    if drive is not None:
        known |= drive.units(model.parameter(model.input).unit)
        meanings |= dict.fromkeys(stimuli, "of the protocol")
    if isinstance(runner, Networks):
        for population in model.population_names:
            known[f"rate_{population}"] = "Hz"
            meanings[f"rate_{population}"] = f"spikes per {population} cell and time"
        for histogram in model.histograms:  # what is stored are numbers of cells
            known[histogram.name] = "1"
    return Frame(
        parameters=parameters,
        initial=initial,
        seeds=seeds,
        units=known | {"time": model.time_unit},
        meanings=meanings,
        attrs=attrs,
        limits=runner.limits,
        spike_rule=rule,
        step=units.magnitude(texts["record_every"], model.time_unit, what="record_every"),
        records=steps.records,
        block=runner.block,
        chunk=runner.chunk,
        network=runner.network,
        inputs=driven,
        stimuli=stimuli,
    )


def columns_hash(columns: dict[str, np.ndarray]) -> str:
    """SHA-256 of columns of numbers."""
    digest = hashlib.sha256()
    for name, values in columns.items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("snnsurrogate", "brian2", "numpy", "xarray"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found
