"""What a column of the feature table is, and what is raised where it cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class NotRecordedError(ValueError):
    """The dataset does not hold what a feature is read from; the message says what is missing."""


CELL, POPULATION, NETWORK = "cell", "population", "network"


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One column of the table, or one per population.

    Attributes:
        function: what it is read from -> its value, NaN where it does not exist.
        unit: written with "time" for the dataset's unit of time.
        long_name: what it is, in a few words.
        reads: "cell": a `Record`, the spikes of one cell; "network": an `Activity`, all
            populations; "population": an `Activity` and the name of a population, once for each;
            the feature's name then holds `{population}`.
    """

    function: Callable[..., float]
    unit: str
    long_name: str
    reads: str = CELL
