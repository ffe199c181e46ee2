"""The Markovian integrate-and-fire network, event by event."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snnsurrogate.simulate._engine import RUNAWAY_WINDOW, EngineError, Task
from snnsurrogate.systems import Network

from . import _markov_if_kernel as kernel
from ._law import Law, Record, Simulation
from ._markov_if_cells import draw_cells, until_onset
from ._random import seed_words

__all__ = ["LAW", "MarkovIF"]

_EVENTS = 1_000_000  # per call of the compiled loop: some 20 ms
_SPIKES = 1 << 15
# Lists of pending kicks leave the cache at this size; counts by cell do not, and take over.
COUNTED_FROM = 2500
_PENDING = ("pending_ee", "pending_ie", "pending_i")
# A list of pending kicks longer than this many spikes of every source at once is a runaway, too.
_VOLLEYS = 20


@dataclass(kw_only=True, eq=False)
class _Network(Simulation):
    """Arrays of the compiled loop; see its docstring."""

    sizes: np.ndarray
    rates: np.ndarray
    jumps: np.ndarray
    drop: np.ndarray
    drop_coin: np.ndarray
    probabilities: np.ndarray
    bounds: np.ndarray
    longest: Mapping[str, float]
    bins: np.ndarray
    n_bins: tuple[int, int] | None
    words: np.ndarray
    v: np.ndarray
    refractory: np.ndarray
    counters: np.ndarray
    window_end: float
    pending: dict[str, np.ndarray]
    stopped: bool = False
    _taken: Record | None = field(default=None)
    _room: tuple[np.ndarray, np.ndarray, np.ndarray] | None = field(default=None)

    def advance(self, step: float, records: int, *, spikes: bool) -> Iterator[float]:
        recorded = self._recorded(records)
        buffers = (np.empty(_SPIKES), np.empty(_SPIKES, np.int32), np.empty(_SPIKES, np.int8))
        full: list[tuple[np.ndarray, ...]] = []
        plan = np.array([records, _EVENTS, spikes, self.n_bins is not None])
        clock = np.array([0.0, self.window_end, step])
        self.counters[[kernel.RECORD, kernel.SPIKES]] = 0
        loop: Any = kernel.advance
        reason = -1
        while reason != kernel.DONE and not self.stopped:
            reason = loop(*self._arguments(clock, plan), *recorded, *buffers)
            self._handle(reason)
            n = self.counters[kernel.SPIKES]
            if n == _SPIKES or reason == kernel.DONE or self.stopped:
                full.append(tuple(buffer[:n].copy() for buffer in buffers))
                self.counters[kernel.SPIKES] = 0
            done = self.counters[kernel.RECORD]
            yield (done + (clock[0] / step if step > 0 and done < records else 0.0)) / records
        self.window_end = clock[1]
        series, *histograms = recorded
        self._taken = Record(
            series=series[:, :done],
            histograms=tuple(h[:done] for h in histograms) if self.n_bins else (),
            spike_time=np.concatenate([part[0] for part in full]),
            spike_cell=np.concatenate([part[1] for part in full]),
            spike_cause=np.concatenate([part[2] for part in full]),
        )

    def until_onset(self, step: float, records: int, *, level: float) -> Record:
        if self._room is None or len(self._room[1]) < records:
            self._room = self._recorded(records)
        plan = np.array([0, _EVENTS, 0, self.n_bins is not None])
        clock = np.array([0.0, self.window_end, step])
        self.counters[[kernel.RECORD, kernel.SPIKES]] = 0
        nothing = (np.empty(0), np.empty(0, np.int32), np.empty(0, np.int8))
        loop: Any = until_onset
        reason, done = -1, 0
        while reason != kernel.DONE and not self.stopped:
            reason, done = loop(
                *self._arguments(clock, plan), *self._room, *nothing, done, records, level
            )
            self._handle(reason)
        self.window_end = clock[1]
        series, *histograms = self._room
        return Record(series[:, :done], tuple(h[:done] for h in histograms), *nothing)

    def place(self, coarse: Mapping[str, Any]) -> None:
        kicks = np.array([round(float(coarse[f"H_{pair}"])) for pair in ("EE", "IE", "EI", "II")])
        resting = np.array([round(float(coarse[f"R_{q}"])) for q in "EI"])
        weights = [np.ascontiguousarray(coarse[f"V_{q}"], np.float64) for q in "EI"]
        awake = self.sizes[:2] - resting
        empty = [w.sum() <= 0 and n > 0 for w, n in zip(weights, awake, strict=True)]
        if min(kicks.min(), resting.min(), awake.min(), *(w.min() for w in weights)) < 0 or any(
            empty
        ):
            msg = (
                f"cells cannot be drawn from pending kicks {kicks.tolist()}, refractory cells "
                f"{resting.tolist()} of {self.sizes[:2].tolist()} and these histograms: a number "
                "is negative or too large, or a histogram is empty"
            )
            raise ValueError(msg)
        counted = bool(self.counters[kernel.MOST] > 0)
        for name, n in zip(_PENDING, (kicks[0], kicks[1], kicks[2] + kicks[3]), strict=True):
            if counted:
                self.pending[name][:] = 0
            elif n + len(self.v) + 1 > len(self.pending[name]):
                self.pending[name] = _with_room(np.empty(n, np.int32), len(self.v))
        fill: Any = draw_cells
        fill(
            self.v, *(self.pending[name] for name in _PENDING), self.refractory, self.counters,
            self.words, self.sizes, *weights, self.bins, resting, kicks, counted,
        )  # fmt: skip
        self.window_end = RUNAWAY_WINDOW
        self.stopped = False

    def _recorded(self, records: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Zeros for series and histograms."""
        e, i = ((records, n) for n in self.n_bins or (1, 1))
        return np.zeros((8, records)), np.zeros(e, np.uint16), np.zeros(i, np.uint16)

    def _arguments(self, clock: np.ndarray, plan: np.ndarray) -> tuple[np.ndarray, ...]:
        """Arguments of the event loop up to what it records."""
        return (
            self.v, *(self.pending[name] for name in _PENDING), self.refractory,
            self.counters, self.words, clock,
            self.sizes, self.rates, self.jumps, self.drop, self.drop_coin,
            self.probabilities, self.bounds, plan, self.bins,
        )  # fmt: skip

    def _handle(self, reason: int) -> None:
        """What the event loop came back for."""
        if reason == kernel.FEW_LISTED:
            self._grow()
        self.stopped |= reason == kernel.RUNAWAY

    def taken(self) -> Record:
        if self._taken is None:
            msg = "nothing has been simulated yet."
            raise EngineError(msg)
        return self._taken

    def state(self) -> Mapping[str, np.ndarray]:
        lengths = self.counters[[kernel.N_EE, kernel.N_IE, kernel.N_I]]
        if self.counters[kernel.MOST] > 0:  # counts by cell
            lengths = np.full(3, len(self.v))
        n = dict(zip(_PENDING, lengths, strict=True))
        return {
            "v": self.v,
            "refractory": self.refractory[: self.counters[kernel.N_R]],
            "counters": self.counters,
            "window_end": np.array(self.window_end),
            **{name: self.pending[name][: n[name]] for name in _PENDING},
        }

    def _grow(self) -> None:
        """Lengthen lists of pending kicks that have less room than one spike may need."""
        state = self.state()
        for name, listed in self.pending.items():
            n = len(state[name])
            if n > self.longest[name]:
                self.stopped = True
            elif n + len(self.v) + 1 > len(listed):
                self.pending[name] = _with_room(state[name], len(self.v))


def _with_room(listed: np.ndarray, cells: int) -> np.ndarray:
    grown = np.empty(2 * len(listed) + 4 * cells + 1, np.int32)
    grown[: len(listed)] = listed
    return grown


class MarkovIF(Law):
    """Li, Chariker and Young, J Math Biol 78:83 (2019), sections 1.1 and 1.2; direct method."""

    populations = ("E", "I")
    parameters = (
        "P_EE", "P_IE", "P_EI", "P_II", "S_EE", "S_IE", "S_EI", "S_II",
        "tau_EE", "tau_IE", "tau_I", "tau_R", "lambda_E", "lambda_I", "M", "M_r",
    )  # fmt: skip
    series = ("H_EE", "H_IE", "H_EI", "H_II", "R_E", "R_I")
    histograms = ("V_E", "V_I")

    @property
    def built(self) -> bool:
        """Whether this process compiled the event loop instead of reading it from disk."""
        return bool(kernel.advance.stats.cache_misses)

    def begin(
        self,
        model: Network,
        task: Task,
        state: Mapping[str, np.ndarray] | None,
        record: tuple[str, ...],
    ) -> Simulation:
        """The network at the beginning, or where another piece left it."""
        p = task.parameters
        n_e, n_i = task.sizes["E"], task.sizes["I"]
        threshold, floor = math.ceil(p["M"]), -math.floor(p["M_r"])
        levels = np.arange(floor, threshold)
        strength = np.array([[p["S_EI"]], [p["S_II"]]])
        falls = strength * (levels + p["M_r"]) / (p["M"] + p["M_r"])
        whole = np.floor(falls)
        tau_r = p["tau_R"]
        words = seed_words(task.seed, task.chunk)
        if state is None:
            state = self._start(words, n_e + n_i, p["M"])
        elif len(state["v"]) != n_e + n_i:
            msg = f"the carried state has {len(state['v'])} cells, the network {n_e + n_i}."
            raise EngineError(msg)
        edges = {h.name: (h.edges(p)[0], 1.0 / h.width, h.bins(p)) for h in model.histograms}
        wanted = "histograms" in record
        bound = model.runaway * RUNAWAY_WINDOW / 1e3  # spikes per cell and window
        refractory = np.empty(n_e + n_i, np.int32)
        refractory[: len(state["refractory"])] = state["refractory"]
        S = np.array([p["S_EE"], p["S_IE"]])
        return _Network(
            sizes=np.array([n_e, n_i, threshold, floor]),
            rates=np.array(
                [p["lambda_E"], p["lambda_I"], 1 / p["tau_EE"], 1 / p["tau_IE"], 1 / p["tau_I"],
                 1 / tau_r if tau_r > 0 else 0.0]
            ),
            jumps=np.concatenate([np.floor(S), S - np.floor(S)]),
            drop=whole.astype(np.int32),
            drop_coin=falls - whole,
            probabilities=np.array(
                [[P, kernel.recruit_scale(P)] for P in (p["P_EE"], p["P_IE"], p["P_EI"], p["P_II"])]
            ),
            bounds=np.array([bound * n_e, bound * n_i, RUNAWAY_WINDOW]),
            longest=_longest(p, n_e, n_i, bound / RUNAWAY_WINDOW),
            bins=np.array([edges[name][:2] for name in self.histograms]),
            n_bins=(edges["V_E"][2], edges["V_I"][2]) if wanted else None,
            words=words,
            v=state["v"].astype(np.int32),
            refractory=refractory,
            counters=state["counters"].astype(np.int64),
            window_end=float(state["window_end"]),
            pending={name: _with_room(state[name], n_e + n_i) for name in _PENDING},
        )  # fmt: skip

    def _start(self, words: np.ndarray, cells: int, M: float) -> dict[str, np.ndarray]:
        """Potentials uniform over 0, ..., M - 1 and nothing pending."""
        nothing = np.empty(0, np.int32)
        counted = cells >= COUNTED_FROM
        counters = np.zeros(kernel.COUNTERS, np.int64)
        counters[kernel.MOST : kernel.MOST + 3] = counted
        # The words' own stream belongs to the events.
        generator = np.random.default_rng(words)
        return {
            "v": np.floor(generator.random(cells) * M).astype(np.int32),
            "refractory": nothing,
            "counters": counters,
            "window_end": np.array(RUNAWAY_WINDOW),
            **dict.fromkeys(_PENDING, np.zeros(cells, np.int32) if counted else nothing),
        }


def _longest(p: Mapping[str, float], n_e: int, n_i: int, bound: float) -> dict[str, float]:
    """Longest lists of pending kicks; ``bound`` is the largest rate, spikes per cell and ms."""

    def kicks(pairs: float, tau: float) -> float:
        return (_VOLLEYS + bound * tau) * pairs + 1e6

    return {
        "pending_ee": kicks(n_e * n_e * p["P_EE"], p["tau_EE"]),
        "pending_ie": kicks(n_e * n_i * p["P_IE"], p["tau_IE"]),
        "pending_i": kicks(n_i * (n_e * p["P_EI"] + n_i * p["P_II"]), p["tau_I"]),
    }


LAW = MarkovIF()
