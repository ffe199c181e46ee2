"""Rollouts of an `EventMap` as network datasets: learned events, and intervals of either kind."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from snnsurrogate import schema, systems, units
from snnsurrogate._names import suggestion
from snnsurrogate.simulate import exact
from snnsurrogate.simulate._engine import Task
from snnsurrogate.surrogate import _event_kernel, coarse
from snnsurrogate.surrogate._stochastic import BURN_IN, MARGIN
from snnsurrogate.surrogate._warnings import ExtrapolationWarning
from snnsurrogate.surrogate.events import BOX, COEFFICIENTS, DOWN, TAIL, TENTHS, UP, Places
from snnsurrogate.surrogate.models.event_map import LOOPS
from snnsurrogate.systems import Network

if TYPE_CHECKING:
    from snnsurrogate.surrogate.surrogate import Surrogate

__all__ = ["chosen_loop", "run"]

_TOLERATED = 1e-2  # clipped values per draw that are reported without a warning
_GONE = 0.2  # of all numbers of a sample are clipped: it is not where the map was trained


def chosen_loop(surrogate: Surrogate, loop: str | None) -> str:
    """What is between the events: the model's own choice if ``loop`` is None.

    Raises:
        ValueError: an unknown loop, or "hybrid" of a network without an exact engine.
    """
    own: Any = surrogate.model
    chosen = str(own.loop if loop is None else loop)
    if chosen not in LOOPS:
        msg = f"loop is {loop!r}; expected one of {', '.join(LOOPS)}.{suggestion(chosen, LOOPS)}"
        raise ValueError(msg)
    if chosen == "hybrid" and not _network(surrogate).exact:
        msg = (
            f"loop='hybrid' simulates the intervals by the exact engine, which {surrogate.system!r}"
            " does not have; use loop='full'"
        )
        raise ValueError(msg)
    return chosen


def _network(surrogate: Surrogate) -> Network:
    system = systems.get(surrogate.system)
    if not isinstance(system, Network):  # pragma: no cover - no dataset of one was trained on
        msg = f"{surrogate.system!r} is no network"
        raise ValueError(msg)
    return system


class _Maps:
    """The trained maps with everything but the parameters."""

    def __init__(self, surrogate: Surrogate) -> None:
        self.surrogate = surrogate
        names = list(surrogate.states)
        self.places = at = Places.of(names)
        self.mean_only = bool(getattr(surrogate.model, "deterministic", False))
        self.mean, self.sd = surrogate.scaling.mean, surrogate.scaling.sd
        visited = surrogate.card["visited"]
        low, high = (surrogate.scaling.states(np.asarray(visited[k], float)) for k in visited)
        margin = MARGIN * (high - low)
        low, high = low - margin, high + margin
        low = np.maximum(low, np.where(self._is_root(), -self.mean / self.sd, -np.inf))

        def region(numbers: slice, state: slice) -> tuple[np.ndarray, ...]:
            parts = (self.mean[numbers], self.sd[numbers], low[numbers], high[numbers],
                     low[state], high[state])  # fmt: skip
            return tuple(np.array(part, dtype=np.float64) for part in parts)

        self.of_event = region(at.event, at.after)
        self.of_interval = region(at.interval, at.following)
        self.scale = np.asarray(self.sd[at.following] / self.sd[at.before])
        self.shift = (self.mean[at.following] - self.mean[at.before]) / self.sd[at.before]
        shares = np.maximum(self.mean[at.shares].reshape(2, TENTHS), 0.0)
        reached = np.cumsum(shares / shares.sum(1, keepdims=True), axis=1)
        self.reached = np.concatenate([np.zeros((2, 1)), reached], axis=1)
        self.state = [n.removeprefix("before_") for n in names[at.before]]

    def _is_root(self) -> np.ndarray:
        return np.array([about["kind"] == "root" for about in self.surrogate.card["states"]])

    def at(self, p: np.ndarray) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...], float]:
        """Weights of event and interval, and log of the mean count, of parameters (k,)."""
        import torch

        module: Any = self.surrogate.module
        with torch.no_grad():
            q = torch.as_tensor(self.surrogate.scaling.parameters(p)[None], dtype=torch.float32)
            parts = module.parts(module.condition(q))
            both = [
                _event_kernel.folded(getattr(module, name), module.of_phase(parts, name))
                for name in ("event", "interval")
            ]
            level = float(parts["level"])
        at = self.places.level
        return both[0], both[1], float(self.mean[at] + self.sd[at] * level)


def run(
    surrogate: Surrogate,
    columns: Mapping[str, np.ndarray],
    length: tuple[int, str],
    seed: int,
    *,
    loop: str,
    record: Sequence[str] | None,
) -> xr.Dataset:
    """All samples, one after another; a sample is the same alone and among others."""
    maps = _Maps(surrogate)
    sizes: dict[str, str] = json.loads(surrogate.card["truth"]["populations"])
    names = [*(f"rate_{q}" for q in sizes), "event"]
    for name in record or ():
        if name not in names:
            hint = suggestion(name, names)
            msg = f"record names {name!r}; expected some of {names}.{hint}"
            raise ValueError(msg)
    burn = round(units.magnitude(BURN_IN, "ms", what="burn-in"))
    steps, samples = length[0], len(next(iter(columns.values())))
    p = np.stack([columns[k] for k in surrogate.parameters] or [np.empty(0)], 1)
    p = p if surrogate.parameters else np.empty((samples, 0))
    series = {name: np.zeros((samples, steps + 1), dtype=np.float32) for name in names}
    status = np.full(samples, schema.FLAGS["ok"], dtype=np.int8)
    clipped = [np.zeros((samples, len(low)), dtype=np.int64) for low in _widths(maps)]
    drawn = np.zeros((samples, 1))
    for i in range(samples):
        random = np.random.default_rng([abs(seed), int(seed < 0), i])
        counts = np.zeros((2, burn + steps), dtype=np.int64)
        inside = np.zeros(burn + steps, dtype=np.int8)
        here = {k: float(v[i]) for k, v in columns.items()}
        event, interval, level = maps.at(p[i])
        mean = BOX * np.exp(level) * here[next(iter(sizes.values()))]
        least, most = int(np.ceil(UP * mean)), int(np.ceil(DOWN * mean)) - 1
        if loop == "full":
            x = np.zeros(maps.places.state)
            n = _event_kernel.full_run(
                x, event, interval, maps.of_event, maps.of_interval, maps.scale, maps.shift,
                maps.reached, least, most, TAIL, random, maps.mean_only, counts, inside,
                clipped[0][i], clipped[1][i],
            )  # fmt: skip
        else:
            n, stopped = _hybrid(
                maps, event, (least, most), here, random, counts, inside, clipped[0][i]
            )
            if stopped:
                status[i] = schema.FLAGS["runaway"]
        drawn[i] = max(n, 1)
        if max((c[i] / drawn[i]).mean() for c in clipped) > _GONE:
            status[i] = schema.FLAGS["diverged"]
        for q, (population, size) in enumerate(sizes.items()):
            series[f"rate_{population}"][i] = counts[q, burn - 1 :] * (1e3 / here[size])
        series["event"][i] = inside[burn - 1 :]
        if status[i]:
            for values in series.values():
                values[i] = np.nan
    _warn(maps, [(c / drawn).max(axis=0, initial=0.0) for c in clipped])
    total = sum(c.sum(axis=1) for c in clipped)
    kept = {k: v for k, v in series.items() if record is None or k in record or k != "event"}
    return _dataset(surrogate, columns, length[1], seed, kept, status, total, loop)


def _widths(maps: _Maps) -> list[np.ndarray]:
    return [np.concatenate([r[2], r[4]]) for r in (maps.of_event, maps.of_interval)]


def _hybrid(
    maps: _Maps,
    event: tuple[np.ndarray, ...],
    levels: tuple[int, int],
    parameters: dict[str, float],
    random: np.random.Generator,
    counts: np.ndarray,
    inside: np.ndarray,
    clipped: np.ndarray,
) -> tuple[int, bool]:
    """Learned events and simulated intervals; the number of events, and whether a run ran away."""
    network = _network(maps.surrogate)
    cells = {p.name: round(parameters[p.size]) for p in network.populations}
    engine = exact.prepare(network, cells, ("histograms",))
    task = Task(
        parameters=parameters, sizes=cells, seed=int(random.integers(2**63)), chunk=0, dt=1.0,
        skip=0, every=1, records=1, elapsed=0, carry=None,
    )  # fmt: skip
    simulation = engine.law.begin(network, task, None, ("histograms",))
    reader = _State(maps.state, engine, network, parameters, cells)
    five, after = np.zeros(5, np.int64), np.empty(maps.places.state)
    x = np.zeros(maps.places.state)
    mean, sd = (a[maps.places.before] for a in (maps.mean, maps.sd))
    mean_after, sd_after = (a[maps.places.after] for a in (maps.mean, maps.sd))
    (least, most), at, events, bins = levels, 0, 0, inside.size
    while at < bins:
        _event_kernel.event_step(
            x, event, maps.of_event, random, maps.mean_only, clipped, five, after
        )
        at = _event_kernel.spread_event(five, maps.reached, least, most, at, TAIL, counts, inside)
        events += 1
        if at >= bins:
            break
        simulation.place(reader.coarse(mean_after + sd_after * after))
        found = simulation.until_onset(1.0, bins - at + BOX, level=least)
        if simulation.stopped:
            return events, True
        # the event begins with the middle one of the three bins that reach the level
        length = max(found.series.shape[1] - TAIL, 1)
        kept = min(length, bins - at)
        counts[:, at : at + kept] = found.series[:2, :kept]
        at += length
        x = (reader.state(found, length - 1) - mean) / sd
    return events, False


class _State:
    """States of an event map as numbers of the populations, and the reverse."""

    def __init__(
        self,
        names: Sequence[str],
        engine: exact.ExactEngine,
        network: Network,
        parameters: Mapping[str, float],
        cells: Mapping[str, int],
    ) -> None:
        law = engine.law
        self.series = [(s, cells[s.population], list(names).index(s.name)) for s in network.series]
        self.rows = {name: len(law.populations) + i for i, name in enumerate(law.series)}
        self.histograms = []
        for histogram in network.histograms:
            basis = coarse.basis(histogram.bins(dict(parameters)), COEFFICIENTS)
            at = list(names).index(f"{histogram.name}_1")
            self.histograms.append(
                (histogram, cells[histogram.population], at, basis,
                 law.histograms.index(histogram.name))
            )  # fmt: skip

    def coarse(self, x: np.ndarray) -> dict[str, Any]:
        """Series and histograms from a state (state,), in the coordinates of a row.

        A histogram is the cosine series with its coefficients, cut at zero.
        """
        found: dict[str, Any] = {}
        for series, n, at in self.series:
            value = n * x[at] ** 2 if series.reduce == "sum" else x[at]
            found[series.name] = min(value, n) if series.name.startswith("R_") else value
        for histogram, n, at, basis, _ in self.histograms:
            awake = 1.0 - found.get(f"R_{histogram.population}", 0.0) / n
            weights = np.maximum(awake + 2.0 * x[at : at + COEFFICIENTS] @ basis, 0.0)
            found[histogram.name] = weights if weights.sum() > 0 else np.ones_like(weights)
        return found

    def state(self, found: Any, at_record: int) -> np.ndarray:
        """State (state,) at a record of a simulation."""
        width = len(self.series) + COEFFICIENTS * len(self.histograms)
        x = np.empty(width)
        for series, n, at in self.series:
            value = found.series[self.rows[series.name], at_record]
            x[at] = np.sqrt(value / n) if series.reduce == "sum" else value
        for _, n, at, basis, which in self.histograms:
            x[at : at + COEFFICIENTS] = basis @ found.histograms[which][at_record] / n
        return x


def _warn(maps: _Maps, shares: list[np.ndarray]) -> None:
    """Name what was clipped in more than so many draws of the worst sample."""
    names = list(maps.surrogate.states)
    at, worst = maps.places, []
    for share, parts in zip(
        shares, ((at.event, at.after), (at.interval, at.following)), strict=True
    ):
        columns = [names[i] for part in parts for i in range(part.start, part.stop)]
        worst += [
            f"{name} {100 * s:.2g} %"
            for name, s in zip(columns, share, strict=True)
            if s > _TOLERATED
        ]
    if worst:
        warnings.warn(
            "numbers left the region seen in training by over a quarter of its width and were "
            "clipped, in so many of the draws of the worst sample: "
            f"{'; '.join(worst)} (variable 'clipped')",
            ExtrapolationWarning,
            stacklevel=5,
        )


def _dataset(
    surrogate: Surrogate,
    columns: Mapping[str, np.ndarray],
    duration: str,
    seed: int,
    series: Mapping[str, np.ndarray],
    status: np.ndarray,
    clipped: np.ndarray,
    loop: str,
) -> xr.Dataset:
    card = surrogate.card
    truth, described = card["truth"], card["truth"]["parameters"]
    meanings = {name: f"spikes per {name.removeprefix('rate_')} cell" for name in series}
    meanings["event"] = "1 in the bins of an event"
    made = schema.build(
        states={},
        series=series,
        time=np.arange(next(iter(series.values())).shape[1], dtype=float)
        * units.magnitude("1 ms", card["time_unit"], what="bin"),
        parameters={name: columns[name] for name in described},
        initial={},
        seeds=np.full(len(status), seed),
        units={
            **{name: "1" if name == "event" else "Hz" for name in series},
            **{name: p["unit"] for name, p in described.items()},
            "time": card["time_unit"],
        },
        meanings=meanings,
        status=status,
        attrs={
            **{k: truth[k] for k in ("system", "title", "source", "equations", "equations_hash")},
            "kind": "rollout",
            "parameters": described,
            "populations": truth["populations"],
            "regime_rule": truth.get("regime_rule", ""),
            "record": [],
            "spike_rule": "",
            "duration": duration,
            "transient": BURN_IN,
            "record_every": surrogate.dt,
            "dt": surrogate.dt,
            "method": f"event map, {loop} loop",
            "engine": f"surrogate {surrogate.model.name} {card['checksum'][:12]}",
            "seed": seed,
            "design": "",
            "protocol": "",
            "versions": card["versions"],
        },
    )
    about = {
        "role": "feature",
        "units": "1",
        "long_name": "drawn numbers clipped to the region seen in training, over all cycles",
    }
    return made.assign(clipped=("sample", clipped, about))
