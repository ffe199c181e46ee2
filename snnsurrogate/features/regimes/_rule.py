"""What a rule for regimes is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

MISSING = -1
SHARP = "sharp"  # name of the measure that holds codes by the thresholds alone


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What a rule says about a dataset.

    Attributes:
        codes: position in the rule's names, MISSING for samples that are not ok; shape (sample,),
            int8.
        measures: what the label was read from, or marks beside it: name -> variable over `sample`.
    """

    codes: np.ndarray
    measures: Mapping[str, xr.Variable] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule for regimes: the same for simulations and rollouts.

    Attributes:
        name: what attribute `regime_rule` of a dataset says.
        names: the classes, in the order of their codes from 0.
        label: dataset -> labels; keyword arguments of `regimes` are handed on.
        comment: the rule in a sentence.
    """

    name: str
    names: tuple[str, ...]
    label: Callable[..., Labels]
    comment: str


def near(value: float, threshold: float, margin: float) -> bool:
    """Whether a measure is within a relative margin of a threshold."""
    return abs(value / threshold - 1.0) < margin


def sharp_variable(codes: np.ndarray) -> xr.Variable:
    """Codes by the thresholds alone, without the ambiguous class, as a measure."""
    about = {"units": "1", "long_name": "regime by the thresholds alone, none ambiguous"}
    return xr.Variable("sample", codes, about)
