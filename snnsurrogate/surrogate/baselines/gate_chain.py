"""GateChain: the coarse-grained chain of `markov-if` with four numbers and twelve transitions.

A cell is in the base or, with a potential above the gate, in the gate. The state is the number of
gate cells of both populations and the pending kicks of both kinds, (N_GE, N_GI, H_E, H_I). A kick
reaches a cell at random; what it does to it is a matter of chance, measured from the histograms of
the nearest training runs as a function of the number of gate cells:

- an external kick moves a base cell to the gate, or makes a gate cell fire (E and I: 4
  transitions);
- a pending E kick does the same (4), or nothing (1);
- a pending I kick moves a gate cell to the base (2), or does nothing (1).

A cell that fires goes to the base, and adds S_e = N_E P_EE + N_I P_IE kicks to H_E (E), or
S_i = N_E P_EI + N_I P_II to H_I (I). Fixed shares of the pending kicks are for E cells,

    a_EE = N_E P_EE tau_EE / (N_E P_EE tau_EE + N_I P_IE tau_IE),   a_EI = N_E P_EI / S_i

which are the shares of the mean numbers of pending kicks (number = rate of arrival x mean wait).
Refractory cells are base cells that kicks do not move. Simulated event by event, exactly.

Source: Cai, Wu, Tao & Xiao (2021), doi:10.3389/fncom.2021.678688; the closed form of a_EE is own,
near the values of the authors (.72, .53, .50 at 75 + 25 cells; the formula says .75, .56, .51).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnsurrogate.surrogate.baselines._base import (
    BURN_IN,
    Baseline,
    OneByOne,
    register,
    whole_numbers,
)
from snnsurrogate.surrogate.baselines._gate_kernel import EVENTS, simulate
from snnsurrogate.surrogate.baselines._runs import Runs

_SERIES = ("rate_E", "rate_I", "H_EE", "H_IE", "H_EI", "H_II")
_LEAST = 20  # records with a number of gate cells from which its probabilities are read


@register
@dataclass(frozen=True, kw_only=True)
class GateChain(Baseline):
    """Markov chain of gate cells and pending kicks.

    Attributes:
        gate: potential above which a cell is in the gate; the nearest edge of a histogram is taken.
        neighbours: nearest training runs whose histograms are read.
    """

    name: ClassVar[str] = "gate-chain"
    view: ClassVar[str] = "coarse"
    gate: float = 40.0
    neighbours: int = 8

    def __post_init__(self) -> None:
        whole_numbers(self, "neighbours")
        if not math.isfinite(self.gate):
            msg = f"gate of {self.name} is {self.gate!r}; expected a potential"
            raise ValueError(msg)

    def learn(self, runs: Runs, seed: int) -> OneByOne:
        """Nothing but the runs.

        Raises:
            ValueError: another network, or a gate outside the potentials.
        """
        system = str(runs.ds.attrs["system"])
        if system != "markov-if":
            msg = f"{self.name} is a reduction of 'markov-if'; got runs of {system!r}"
            raise ValueError(msg)
        low, high = -runs.ds["M_r"].values.min(), runs.ds["M"].values.min()
        if not low < self.gate < high:
            msg = f"gate is {self.gate:g}; expected a potential between {low:g} and {high:g}"
            raise ValueError(msg)
        return _Chain(runs=runs, config=self)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Chain(OneByOne):
    config: GateChain

    @property
    def columns(self) -> tuple[str, ...]:
        return _SERIES

    def sample(
        self, parameters: Mapping[str, float], records: int, rng: np.random.Generator
    ) -> np.ndarray:
        p = parameters
        order, _ = self.runs.nearest(p)
        chosen = order[: self.config.neighbours]
        cells = np.rint(self.runs.cells(p)).astype(np.int64)
        rates, kicks, (to_e, to_i) = constants(p)
        n = records + BURN_IN
        of_e, of_i = (self._table(q, chosen, p) for q in "EI")
        found = simulate(of_e, of_i, cells, rates, kicks, n, self.runs.step, rng)[BURN_IN:]
        e, i = cells
        spikes, h_e, h_i = found[:, :2] / self.runs.seconds, found[:, 2], found[:, 3]
        parts = [
            spikes[:, 0] / e, spikes[:, 1] / i,
            to_e * h_e / e, (1 - to_e) * h_e / i, to_i * h_i / e, (1 - to_i) * h_i / i,
        ]  # fmt: skip
        return np.stack(parts, 1)

    def _table(self, q: str, chosen: np.ndarray, p: Mapping[str, float]) -> np.ndarray:
        """What kicks do to the cells of population ``q``; see `transitions`."""
        ds = self.runs.ds
        name = f"V_{q}"
        dim = str(ds[name].dims[2])
        centres, bins = ds[dim].values, ds.sizes[dim]
        width = float(centres[1] - centres[0])
        edges = np.append(centres, centres[-1] + width) - width / 2
        edges[-1] = min(edges[-1], p["M"])  # the last bin reaches beyond the threshold
        counts = ds[name].values[chosen].reshape(-1, bins).astype(float)
        sizes = np.repeat(ds[f"N_{q}"].values[chosen], ds.sizes["time"])
        return transitions(
            counts / sizes[:, None], edges, gate=self.config.gate, cells=round(p[f"N_{q}"]),
            excitation=p[f"S_{q}E"], inhibition=p[f"S_{q}I"], threshold=p["M"], reversal=p["M_r"],
        )  # fmt: skip


def constants(p: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Rates per ms, kicks per spike and shares of the pending kicks that are for E cells.

    Returns:
        Rates (6,): external kicks of an E and of an I cell, arrival of a pending E kick at E and
        at I cells, of a pending I kick likewise. Kicks per E and per I spike (2,), whole numbers.
        a_EE and a_EI.
    """
    e_to_e, e_to_i = p["N_E"] * p["P_EE"], p["N_I"] * p["P_IE"]
    i_to_e, i_to_i = p["N_E"] * p["P_EI"], p["N_I"] * p["P_II"]
    waiting = e_to_e * p["tau_EE"] + e_to_i * p["tau_IE"]
    a_ee = e_to_e * p["tau_EE"] / waiting if waiting else 0.0
    a_ei = i_to_e / (i_to_e + i_to_i) if i_to_e + i_to_i else 0.0
    rates = [
        p["lambda_E"], p["lambda_I"], a_ee / p["tau_EE"], (1 - a_ee) / p["tau_IE"],
        a_ei / p["tau_I"], (1 - a_ei) / p["tau_I"],
    ]  # fmt: skip
    kicks = [round(e_to_e + e_to_i), round(i_to_e + i_to_i)]
    return np.array(rates), np.array(kicks, dtype=np.int64), (a_ee, a_ei)


def transitions(
    shares: np.ndarray,
    edges: np.ndarray,
    *,
    gate: float,
    cells: int,
    excitation: float,
    inhibition: float,
    threshold: float,
    reversal: float,
) -> np.ndarray:
    """Probability that a kick moves the cell that it reaches, by the number of gate cells.

    Potentials are taken as evenly spread inside a bin. Numbers of gate cells that were hardly seen
    get the probabilities of the seen ones beside them.

    Args:
        shares: (record, bin) shares of the cells; what is missing to 1 is refractory.
        edges: (bin + 1,) of the bins.
        gate: lower end of the gate; the nearest edge is taken.
        cells: of the population.
        excitation: size of an E kick.
        inhibition: size of an I kick at threshold.
        threshold: of the potential.
        reversal: potential below zero that inhibition drives to.

    Returns:
        (EVENTS, cells + 1): an external kick moves a base cell to the gate, or makes a gate cell
        fire; an E kick likewise; an I kick moves a gate cell to the base.
    """
    edge = int(np.abs(edges - gate).argmin())
    gate = edges[edge]
    below = np.concatenate([np.zeros((len(shares), 1)), np.cumsum(shares, axis=1)], 1)
    number = np.rint((below[:, -1] - below[:, edge]) * cells).astype(np.int64)
    seen = np.bincount(number, minlength=cells + 1)
    known = np.flatnonzero(seen >= min(_LEAST, seen.max()))
    totals = np.stack([np.bincount(number, column, cells + 1)[known] for column in below.T], 1)
    mean = totals / seen[known][:, None]

    def between(low: float, high: float) -> np.ndarray:
        """Share of cells with a potential in [low, high), by known number of gate cells."""
        ends = [np.array([np.interp(v, edges, row) for row in mean]) for v in (low, high)]
        return np.maximum(ends[1] - ends[0], 0.0)

    slope = inhibition / (threshold + reversal)
    down = (gate + slope * reversal) / (1 - slope) if slope < 1 else threshold
    in_gate = known / cells
    moved = (
        (between(gate - 1, gate), 1 - in_gate),
        (between(max(threshold - 1, gate), threshold), in_gate),
        (between(gate - excitation, gate), 1 - in_gate),
        (between(max(threshold - excitation, gate), threshold), in_gate),
        (between(gate, min(down, threshold)), in_gate),
    )
    table = np.zeros((EVENTS, cells + 1))
    for row, (part, whole) in zip(table, moved, strict=True):
        some = whole > 0
        if some.any():
            found = np.minimum(part[some] / whole[some], 1.0)
            row[:] = np.interp(np.arange(cells + 1), known[some], found)
    return table
