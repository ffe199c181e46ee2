"""Speed of a map of a network beside the exact engine, one core, in one process."""

from __future__ import annotations

import resource
import warnings
from typing import Any

import numpy as np

from snnsurrogate import systems
from snnsurrogate.simulate import Design, simulate
from snnsurrogate.surrogate import models
from snnsurrogate.surrogate._warnings import ExtrapolationWarning
from snnsurrogate.surrogate.fit import fit

__all__ = ["map_against_exact"]

CELLS = (400, 1600, 6400)
_TAUS = {"tau_EE": (1.3, 2.0, 4.0), "tau_IE": (0.95, 1.2, 1.2)}  # the three regimes
_PLAN = models.Likelihood(steps=30, records=9, pairs=32)


def map_against_exact(
    *, seconds: float = 300.0, batch: int = 256, together: float = 10.0, exact: float = 3.0
) -> dict[str, float]:
    """Biological seconds per second of one core, everything included on both sides.

    A `PopulationMap` with its default sizes, conditioned on the taus of the three regimes, on the
    weights and on the sizes of the populations, runs networks of 400, 1600 and 6400 cells (weights
    scaled as 400 / cells). It has seen a few short records and is a poor surrogate: the time of a
    step does not depend on the weights. Its rollouts hold all series, the engine's runs the same
    series without histograms and spikes. Processor time of this process, the best of three.

    Args:
        seconds: of one network run alone.
        batch: networks run together.
        together: seconds of each of them.
        exact: of the exact engine at 400 cells; fewer at more.

    Returns:
        "alone-400", "batch-400", "exact-400" and so on, in biological seconds per second, and
        "alone-ratio-400", "batch-ratio-400"; "alone-rates-400" and "batch-rates-400" record the
        rates alone.
    """
    surrogate = _surrogate()
    found = {}
    for cells in CELLS:
        regimes = _regimes(cells)
        one = {name: values[:1] for name, values in regimes.items()}
        rates = {"alone": seconds / _best(surrogate, one, seconds)}
        if cells == CELLS[0]:
            many = {name: np.resize(values, batch) for name, values in regimes.items()}
            rates["batch"] = batch * together / _best(surrogate, many, together)
            rates["alone-rates"] = seconds / _best(surrogate, one, seconds, [])
            rates["batch-rates"] = batch * together / _best(surrogate, many, together, [])
        # the cost of an event grows with the cells it reaches, and so does the number of events
        length = max(exact * (CELLS[0] / cells) ** 1.5, 0.02)
        _simulate(regimes, 0.01)  # compiled, in the cache
        before = _busy()
        _simulate(regimes, length)
        engine = len(_TAUS["tau_EE"]) * length / (_busy() - before)
        found[f"exact-{cells}"] = engine
        for name, rate in rates.items():
            found[f"{name}-{cells}"] = rate
            if not name.endswith("-rates"):
                found[f"{name}-ratio-{cells}"] = rate / engine
    return found


def _regimes(cells: int) -> dict[str, np.ndarray]:
    """Parameters of the three regimes in networks of so many cells."""
    defaults = systems.get("markov-if").defaults
    factor = cells / (defaults["N_E"] + defaults["N_I"])
    made = {name: np.array(values) for name, values in _TAUS.items()}
    for name in ("N_E", "N_I"):
        made[name] = np.full(3, defaults[name] * factor)
    for name in ("S_EE", "S_IE", "S_EI", "S_II"):
        made[name] = np.full(3, defaults[name] / factor)
    return made


def _surrogate() -> Any:
    parts = [_simulate(_regimes(cells), 0.05, ("histograms",)) for cells in CELLS]
    return fit(models.PopulationMap(), parts, schedule=(_PLAN,))


def _simulate(
    parameters: dict[str, np.ndarray], seconds: float, record: tuple[str, ...] = ()
) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # short records
        return simulate(
            "markov-if",
            Design.points({name: list(values) for name, values in parameters.items()}),
            duration=f"{1e3 * seconds:.0f} ms",
            transient="0 ms",
            record_every="1 ms",
            engine="exact",
            record=list(record),
            processes=1,
            progress=False,
        )


def _best(
    surrogate: Any,
    parameters: dict[str, np.ndarray],
    seconds: float,
    record: list[str] | None = None,
) -> float:
    """Least processor seconds of three rollouts after a short one, which may compile."""
    spent = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)  # it has seen nearly nothing
        surrogate.rollout(None, parameters, "100 ms")
        for _ in range(3):
            before = _busy()
            surrogate.rollout(None, parameters, f"{1e3 * seconds:.0f} ms", record=record)
            spent.append(_busy() - before)
    return min(spent)


def _busy() -> float:
    """Processor seconds of this process and of its children that have ended."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)
