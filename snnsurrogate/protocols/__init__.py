"""Inputs over time: steps, ramps, pulses, noise, recordings, their sums and sequences.

A protocol is one exact, piecewise linear function of time for every sample; simulations and
surrogates integrate the same function. Time 0 is the beginning of the record.
"""

from ._base import Protocol, from_dict, from_json
from ._drive import Drive, Events, seeds
from ._make import (
    array,
    chirp,
    constant,
    each,
    of,
    ou,
    pulse_train,
    ramp,
    read,
    release,
    step,
)
from ._text import parse

__all__ = [
    "Drive",
    "Events",
    "Protocol",
    "array",
    "chirp",
    "constant",
    "each",
    "from_dict",
    "from_json",
    "of",
    "ou",
    "parse",
    "pulse_train",
    "ramp",
    "read",
    "release",
    "seeds",
    "step",
]
