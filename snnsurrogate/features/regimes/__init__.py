"""Regimes of records: one rule for truth and prediction, chosen by what was simulated.

Attribute `regime_rule` of a dataset names the rule; without one it is `firing`, the rule for single
cells. A new rule is one file here with a `Rule`, and one line in `RULES`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate._names import suggestion
from snnsurrogate.features._window import sample_coords
from snnsurrogate.features._window import window as window
from snnsurrogate.features.regimes import brunel, firing, synchrony
from snnsurrogate.features.regimes._rule import MISSING as MISSING
from snnsurrogate.features.regimes._rule import Labels as Labels
from snnsurrogate.features.regimes._rule import Rule as Rule
from snnsurrogate.features.regimes.firing import BURSTING as BURSTING
from snnsurrogate.features.regimes.firing import QUIESCENT as QUIESCENT
from snnsurrogate.features.regimes.firing import REGIMES as REGIMES
from snnsurrogate.features.regimes.firing import TONIC as TONIC
from snnsurrogate.features.regimes.firing import classify as classify
from snnsurrogate.features.regimes.firing import irregularity as irregularity

RULES: dict[str, Rule] = {
    "firing": firing.RULE,
    "synchrony": synchrony.RULE,
    "brunel": brunel.RULE,
}


def rule_of(dataset: xr.Dataset) -> Rule:
    """The rule that a dataset asks for.

    Raises:
        ValueError: there is no such rule, or a network that names none.
    """
    name = str(dataset.attrs.get("regime_rule") or "")
    if not name and dataset.attrs.get("populations"):
        msg = (
            f"the network {dataset.attrs.get('system', '')!r} names no rule for regimes; set "
            f"`regimes` of its declaration to one of {', '.join(list(RULES)[1:])}."
        )
        raise ValueError(msg)
    name = name or firing.RULE.name
    if name not in RULES:
        msg = f"no regime rule {name!r}; expected one of {', '.join(RULES)}."
        raise ValueError(msg + suggestion(name, RULES))
    return RULES[name]


def regime_names(dataset: xr.Dataset) -> tuple[str, ...]:
    """Names of the regimes of a dataset, in the order of their codes from 0."""
    return rule_of(dataset).names


def regimes(dataset: xr.Dataset, **options: Any) -> xr.DataArray:
    """Regime of every sample, the same rule for simulations and rollouts.

    Args:
        dataset: a dataset of the package's schema: cells with spikes, or a network.
        **options: for the rule; `firing` takes `lyapunov`, the largest Lyapunov exponent per sample
            in 1/time, which then decides what is marked chaotic.

    Returns:
        Codes over `sample` (int8, CF flags: -1 missing, then the classes of the rule; see
        `regime_names`), with the coordinates of the dataset and what the rule measured: `chaotic`
        for cells, `regime_chi` and the like for networks. Samples whose status is not ok are
        missing.

    Raises:
        ValueError: unknown rule, or an option of another length than the dataset.
        TypeError: an option that the rule does not take.
        SchemaError: cells without spikes.
    """
    rule = rule_of(dataset)
    found = rule.label(dataset, **options)
    return xr.DataArray(
        found.codes,
        dims="sample",
        coords=sample_coords(dataset) | dict(found.measures),
        name="regime",
        attrs={
            "long_name": "regime",
            "flag_values": np.array([MISSING, *range(len(rule.names))], dtype=np.int8),
            "flag_meanings": " ".join(("missing", *rule.names)),
            "rule": rule.name,
            "comment": rule.comment,
        },
    )
