"""Short exact runs from perturbed states before events: more training data for an event map.

A free run of a learned map visits states that no simulation has visited; a map that has seen the
neighbourhood of the attractor comes back from there. States before events of a record are moved
and the exact engine is run from them.

Source: enlargement of the training set after Zhang, Wang, Wu, Cai, Tao, Xiao & Li (2024),
doi:10.1007/s00285-024-02081-0; what exactly is moved, and by how much, is not known from there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate import schema, systems, units
from snnsurrogate._progress import progress as show_progress
from snnsurrogate.simulate import exact
from snnsurrogate.simulate._engine import Task
from snnsurrogate.surrogate import coarse, events
from snnsurrogate.systems import Network

__all__ = ["perturbed_events"]


def perturbed_events(
    train: xr.Dataset,
    n: int,
    *,
    strength: float = 0.5,
    duration: Any = "160 ms",
    seed: int = 0,
    progress: bool | None = None,
) -> xr.Dataset:
    """Exact runs from perturbed states before events, as a dataset to train on beside ``train``.

    The state before a random event of a random record is moved by a random multiple (normal,
    standard deviation ``strength``) of the difference of the states before two other events of that
    record, and every number of kicks by a random factor besides (standard deviation
    ``strength`` / 4); what gets negative is cut at zero. Cells are drawn from it.

    Args:
        train: simulation of a network with an exact engine, with histograms, recorded every 1 ms.
        n: number of runs.
        strength: of the perturbation.
        duration: of a run, whole ms, above 120 ms; what begins in its last 120 ms is not learned,
            because only short cycles would be complete.
        seed: of states and runs.
        progress: show a progress bar; None shows it on a terminal.

    Returns:
        A network dataset; the variable ``event_level`` holds the mean count of the record that a
        run started from, by which its events are found, and the rates at time 0 are those before
        the event.

    Raises:
        ValueError: a dataset that an event map cannot learn, without an exact engine, or n below 1.
    """
    schema.validate(train)
    events.check(train)
    if type(n) is not int or n < 1:
        msg = f"n is {n!r}; expected a whole number of runs from 1"
        raise ValueError(msg)
    network = systems.get(str(train.attrs["system"]))
    if not isinstance(network, Network) or not network.exact:
        msg = f"{train.attrs['system']!r} has no exact engine, which runs from given states need"
        raise ValueError(msg)
    length = round(units.magnitude(duration, "ms", what="duration"))
    if length <= events.ROOM:
        msg = f"duration is {duration!r}; expected more than {events.ROOM} ms"
        raise ValueError(msg)
    rng = np.random.default_rng([seed, 1])
    names = [s.name for s in network.series]
    histograms = [h.name for h in network.histograms]
    onsets = _onsets(train)
    records = np.sort(rng.choice(list(onsets), n))
    series = {k: np.empty((n, length + 1), np.float32) for k in (*_rates(network), *names)}
    counted = {k: np.empty((n, length + 1, train.sizes[train[k].dims[-1]]), np.uint16)
               for k in histograms}  # fmt: skip
    status = np.zeros(n, dtype=np.int8)
    parameters = {k: train[k].values[records] for k in schema.parameters_of(train)}
    populations = coarse.sizes(train)
    engines: dict[tuple[int, ...], exact.ExactEngine] = {}
    with show_progress("perturbed states", n, show=progress) as advance:
        for row, i in enumerate(records):
            begin, _ = onsets[i]
            start = _moved(train, int(i), begin, [*names, *histograms], strength, rng)
            before = int(begin[start.pop("number")])
            sizes = {q: int(v[i]) for q, v in populations.items()}
            key = tuple(sizes.values())
            if key not in engines:
                engines[key] = exact.prepare(network, sizes, ("histograms",))
            task = Task(
                parameters={k: float(v[row]) for k, v in parameters.items()}, sizes=sizes,
                seed=int(rng.integers(2**62)), chunk=0, dt=1.0, skip=0, every=1,
                records=length + 1, elapsed=0, carry=None,
            )  # fmt: skip
            _limit(start, network, sizes)
            with engines[key].worker() as worker:
                piece = engines[key].run(worker, task, progress=lambda share: None, start=start)
            for k, name in enumerate(network.series_names):
                series[name][row] = piece.series[k]
            for name in _rates(network):
                series[name][row, 0] = train[name].values[i, before]
            for name in histograms:
                counted[name][row] = piece.histograms[name]
            status[row] = schema.FLAGS["runaway"] if piece.stopped else schema.FLAGS["ok"]
            advance(1)
    level = {
        "role": "feature",
        "units": "1",
        "long_name": "mean spikes per ms of the first population in the record it starts from",
    }
    levels = np.array([onsets[i][1] for i in records])
    return _dataset(train, parameters, series, counted, status, seed, length).assign(
        {events.LEVEL: ("sample", levels, level)}
    )


def _rates(network: Network) -> list[str]:
    return [f"rate_{name}" for name in network.population_names]


def _onsets(train: xr.Dataset) -> dict[int, tuple[np.ndarray, float]]:
    """Sample -> times of its events, and its mean count, of samples with three events or more."""
    found = {}
    for i in np.flatnonzero(schema.ok(train)):
        n = events.counts(train, [i])
        level = float(events.levels(train, n, [i])[0])
        begin = events.found_in(n[0, 0], level)[0] if level > 0 else np.empty(0)
        if begin.size >= 3:
            found[int(i)] = begin, level
    if not found:
        msg = "no record holds three multiple-firing events, so there are no states to perturb"
        raise ValueError(msg)
    return found


def _moved(
    train: xr.Dataset,
    sample: int,
    begin: np.ndarray,
    names: list[str],
    strength: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Numbers of the populations before an event, moved, and the number of that event."""
    one, two, three = rng.choice(begin.size, 3, replace=False)
    by = strength * rng.standard_normal()
    moved: dict[str, Any] = {"number": int(one)}
    for name in names:
        values = train[name].values[sample]
        a, b, c = (values[begin[k]].astype(float) for k in (one, two, three))
        moved[name] = np.maximum(a + by * (b - c), 0.0)
        if name.startswith("H_"):
            moved[name] *= np.exp(0.25 * strength * rng.standard_normal())
    return moved


def _limit(start: dict[str, Any], network: Network, sizes: dict[str, int]) -> None:
    """No more refractory cells than there are, and a histogram that is not empty."""
    for s in network.series:
        if s.name.startswith("R_"):
            start[s.name] = min(start[s.name], sizes[s.population])
    for h in network.histograms:
        if not start[h.name].sum() > 0:
            start[h.name] = np.ones_like(start[h.name])


def _dataset(
    train: xr.Dataset,
    parameters: dict[str, np.ndarray],
    series: dict[str, np.ndarray],
    counted: dict[str, np.ndarray],
    status: np.ndarray,
    seed: int,
    length: int,
) -> xr.Dataset:
    unit = str(train["time"].attrs["units"])
    described = [*parameters, *series, *counted]
    attrs = {
        **{k: v for k, v in train.attrs.items() if k in schema.ATTRIBUTES},
        **{k: train.attrs[k] for k in ("populations", "regime_rule") if k in train.attrs},
        "kind": "simulation",
        "record": ["histograms"],
        "duration": f"{length} ms",
        "transient": "0 ms",
        "seed": seed,
        "design": "",
    }
    for name in ("states", "swept", "time_unit", "schema_version", "created", "content_hash"):
        attrs.pop(name, None)
    return schema.build(
        states={},
        time=np.arange(length + 1) * units.magnitude("1 ms", unit, what="step"),
        parameters=parameters,
        initial={},
        seeds=np.full(len(status), seed),
        units={**{k: train[k].attrs["units"] for k in described}, "time": unit},
        attrs=attrs,
        status=status,
        series=series,
        histograms={
            k: (train[train[k].dims[-1]].variable.to_base_variable(), v) for k, v in counted.items()
        },
        meanings={k: train[k].attrs.get("long_name", k) for k in described},
    )
