"""Material for figures: interspike intervals of every sample, and a few example trajectories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from snnsurrogate import schema
from snnsurrogate.features import MISSING

EXAMPLES = 6


def choose_examples(
    values: np.ndarray, truth: np.ndarray, prediction: np.ndarray, *, n: int = EXAMPLES
) -> np.ndarray:
    """Samples worth a look, in ascending order of the swept parameter.

    First the middle sample of every regime, then the samples beside the last change of regime and
    where the labels first and last disagree; what is left goes to the widest gaps of the sweep.

    Args:
        values: swept parameter, shape (sample,).
        truth: regime codes of the truth, shape (sample,).
        prediction: regime codes of the prediction, shape (sample,).
        n: how many at most.
    """
    order = np.argsort(values, kind="stable")
    order = order[truth[order] != MISSING]
    codes = truth[order]
    ranks: list[int] = []
    for code in np.unique(codes):
        of_regime = np.flatnonzero(codes == code)
        ranks.append(int(of_regime[of_regime.size // 2]))
    changes = np.flatnonzero(codes[1:] != codes[:-1])
    ranks += [int(changes[-1]), int(changes[-1]) + 1] if changes.size else []
    wrong = np.flatnonzero(codes != prediction[order])
    ranks += [int(wrong[0]), int(wrong[-1])] if wrong.size else []
    ranks = list(dict.fromkeys(ranks))[:n]
    while len(ranks) < min(n, order.size):
        apart = np.abs(np.arange(order.size)[:, None] - np.array(ranks)).min(axis=1)
        ranks.append(int(apart.argmax()))
    return order[np.sort(np.array(ranks, dtype=np.int64))]


def intervals(
    datasets: Mapping[str, xr.Dataset], sources: Sequence[str], values: np.ndarray
) -> dict[str, xr.Variable]:
    """Every interspike interval of truth and surrogate, flat over `isi`.

    Args:
        datasets: source -> dataset.
        sources: all sources, in the order of the scores' coordinate.
        values: swept parameter, shape (sample,).
    """
    columns: dict[str, list[np.ndarray]] = {"value": [], "parameter": [], "source": []}
    for source in ("truth", "surrogate"):
        ok = schema.ok(datasets[source])
        for i, train in enumerate(schema.unpack_spikes(datasets[source])):
            if not ok[i] or train.size < 2:
                continue
            gaps = np.diff(train)
            columns["value"].append(gaps)
            columns["parameter"].append(np.full(gaps.size, values[i]))
            columns["source"].append(np.full(gaps.size, sources.index(source)))
    flat = {
        name: np.concatenate(parts) if parts else np.empty(0) for name, parts in columns.items()
    }
    unit = str(datasets["truth"]["time"].attrs["units"])
    return {
        "isi_value": xr.Variable(
            "isi", flat["value"], {"units": unit, "long_name": "interspike interval"}
        ),
        "isi_parameter": xr.Variable(
            "isi", flat["parameter"], {"long_name": "swept parameter of the interval's sample"}
        ),
        "isi_source": xr.Variable(
            "isi",
            flat["source"].astype(np.int8),
            {
                "flag_values": np.arange(len(sources), dtype=np.int8),
                "flag_meanings": " ".join(sources),
            },
        ),
    }


def traces(datasets: Mapping[str, xr.Dataset], examples: np.ndarray) -> dict[str, xr.Variable]:
    """Example trajectories: `trace_<state>` over (source, example, time)."""
    truth = datasets["truth"]
    return {
        f"trace_{name}": xr.Variable(
            ("source", "example", "time"),
            np.stack([ds[name].values[examples].astype(np.float64) for ds in datasets.values()]),
            {
                key: truth[name].attrs[key]
                for key in ("units", "long_name")
                if key in truth[name].attrs
            },
        )
        for name in schema.states_of(truth)
    }
