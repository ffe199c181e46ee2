"""The network of the study parameter-generalisation: data, labels, boundaries.

Labels are by the thresholds of chi alone; where chi of the truth is within 10 % of a threshold the
point is not clear, and a second score leaves it out.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import xarray as xr

import snnsurrogate as sns

SYSTEM = "markov-if"
RULE = sns.features.RULES["synchrony"]
CLASSES = tuple(name for name in RULE.names if name != "ambiguous")
AMBIGUOUS = RULE.names.index("ambiguous")
# lambda_I is lambda_E throughout
BOX = {"tau_EE": (1.2, 4.0), "S_EE": (4.25, 5.75), "lambda_E": (5.0, 8.0)}
LINES = ((4.7, 7.5), (5.3, 5.5))  # S_EE and lambda of the lines along tau_EE
LEVELS = {"homogeneous / regular": 0.45, "regular / synchronous": 1.0}
FEATURES = ("chi", "rate_E", "rate_I", "ssi_1ms")
HELD_OUT = {
    "extrapolation": sns.splits.Outside(
        {"tau_EE": (1.4, 3.4), "S_EE": (4.4, 5.6), "lambda_E": (5.3, 7.7)}
    ),
    "band": sns.splits.Inside({"tau_EE": (1.55, 2.2)}),
    "regime": sns.splits.Regimes(("synchronous",), sharp=True),
}


def prepare(size: Any, data: Path) -> SimpleNamespace:
    """Everything that the study asks of this side."""
    pool = record(
        sobol(max(size.points), 31), size.piece, data / "network-pool.nc", histograms=True
    )
    tested = sobol(size.network_tests, 32)
    test = record(tested, size.network_record, data / "network-test.nc", seed=1)
    twin = record(tested, size.network_record, data / "network-twin.nc", seed=2)
    lines = []
    for s, rate in LINES:
        tau = np.geomspace(*BOX["tau_EE"], size.network_line)
        along = design({"tau_EE": tau, "S_EE": np.full(tau.size, s), "lambda_E": tau * 0 + rate})
        file = data / f"network-line-{s:g}-{rate:g}.nc"
        truth = record(along, size.network_record, file, seed=3)
        again = record(along, size.network_record, file.with_name(f"{file.stem}-twin.nc"), seed=4)
        lines.append((f"S_EE = {s:g}, lambda = {rate:g}/ms", truth, table(truth), table(again)))
    return SimpleNamespace(
        name="network",
        title="Network",
        box=sns.generalisation.Box(sides=BOX, log=("tau_EE",)),
        plane=("tau_EE", "lambda_E"),
        classes=CLASSES,
        held_out=HELD_OUT,
        pool=pool,
        known=table(pool),
        train=[pool],
        test=test,
        truth=table(test),
        twin=twin,
        again=table(twin),
        lines=lines,
        model=sns.models.PopulationMap(hidden=size.hidden[0]),
        schedule=size.network,
        read=read,
        finish=by_chi,
        boundaries=boundaries,
        features=FEATURES,
        main_error="chi",
    )


def design(columns: dict[str, np.ndarray]) -> sns.Design:
    """Points with both external rates alike."""
    return sns.Design.points(columns | {"lambda_I": columns["lambda_E"]})


def sobol(n: int, seed: int) -> sns.Design:
    """Sobol points of the box, tau_EE by its logarithm."""
    sides = BOX | {"tau_EE": tuple(np.log(BOX["tau_EE"]))}
    columns = dict(sns.Design.sobol(sides, n=n, seed=seed).parameters)
    return design(columns | {"tau_EE": np.exp(columns["tau_EE"])})


def record(
    points: sns.Design, length: str, file: Path, *, seed: int = 0, histograms: bool = False
) -> xr.Dataset:
    """Runs of the exact engine after half a second."""
    return sns.simulate(
        SYSTEM,
        points,
        duration=length,
        record_every="1 ms",
        transient="500 ms",
        engine="exact",
        record=["histograms"] if histograms else [],
        seed=seed,
        out=file,
    )


def table(ds: xr.Dataset) -> xr.Dataset:
    """Features and codes of every sample; `clear` is 1 outside the ambiguous band."""
    with warnings.catch_warnings():  # training records are short, and that is their price
        warnings.filterwarnings("ignore", message="the record of .* is short")
        label = sns.regimes(ds)
    return sns.features.summary(ds)[list(FEATURES)].assign(
        code=("sample", label["sharp"].values),
        clear=("sample", (label.values != AMBIGUOUS).astype(np.int8)),
    )


def read(surrogate: sns.Surrogate, truth: xr.Dataset) -> xr.Dataset:
    """The table of a map, from its own stationary regime."""
    points = {name: truth[name].values for name in (*BOX, "lambda_I")}
    with warnings.catch_warnings():  # leaving the box of training is what is asked of it
        warnings.simplefilter("ignore", UserWarning)
        return table(surrogate.rollout(None, points, truth.attrs["duration"], seed=7))


def by_chi(guess: xr.Dataset) -> xr.Dataset:
    """Labels of an interpolated table by the rule, from its chi."""
    return guess.assign(code=("sample", sns.features.synchrony_class(guess["chi"])))


def boundaries(line: xr.Dataset, truth: xr.Dataset, guess: xr.Dataset) -> dict[str, float]:
    """Errors of tau_EE (%) where chi passes the thresholds."""
    found = {}
    for name, level in LEVELS.items():
        tau, own, other = line["tau_EE"].values, truth["chi"].values, guess["chi"].values
        errors = sns.generalisation.level_errors(tau, own, other, level, log=True)
        if errors.size:
            found[name] = 100 * float(errors.max())
    return found
