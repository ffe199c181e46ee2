"""What the study hh-gru has to beat: reduced neuron models, and a discrete network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import _hh_data as stimuli
import xarray as xr

import snnsurrogate as sns

SYSTEMS: dict[str, dict[str, Any]] = {
    "FitzHugh-Nagumo": {"system": "fitzhugh-nagumo"},
    "Bonhoeffer-van der Pol": {"system": "bonhoeffer-van-der-pol"},
    "FitzHugh-Nagumo, shape fitted": {"system": "fitzhugh-nagumo", "free": ("a", "b", "eps")},
    "(V, n), fitted": {"system": "hh-vn", "free": ("s", "k")},
}
REDUCED = "(V, n)"


def sources(
    names: tuple[str, ...],
    networks: tuple[int, ...],
    search: dict[str, Any],
    train: list[xr.Dataset],
    folder: Path,
) -> dict[str, tuple[Any, str]]:
    """What is to be beaten: name -> source, and what tells it from others.

    Args:
        names: `REDUCED` or keys of `SYSTEMS`.
        networks: sizes of the discrete network.
        search: further settings of the fits.
        train: training records.
        folder: where the constants of a fitted system are kept with the data they were fitted to.
    """
    found: dict[str, tuple[Any, str]] = {}
    seen = [ds.attrs["content_hash"] for ds in train]
    for name in names:
        if name == REDUCED:
            vn = sns.systems.get("hh-vn")
            found[name] = vn, vn.equations_hash
            continue
        given = {**SYSTEMS[name], **search}
        path = folder / f"{name}.json"
        of = json.dumps([given, seen, sns.__version__])
        held = json.loads(path.read_text()) if path.is_file() else {}
        if held.get("made_of") != of:
            fit = sns.baselines.get("fitted-system", **given).fit(train, seed=0)
            held = {"made_of": of, "fit": fit.card["fit"]}
            partial = path.with_suffix(".part")
            partial.write_text(json.dumps(held, indent=1) + "\n")
            partial.replace(path)
        base = sns.systems.get(given["system"])
        constants = held["fit"]["constants"]
        if "V_scale" in constants:
            like = sns.systems.get(stimuli.NEURON)
            source = sns.systems.rescaled(base, like=like, voltage=base.states[0].name, **constants)
        else:
            source = base.with_parameters(**constants)
        found[name] = source, of
    for units in networks:
        name = f"discrete GRU, {units} units"
        of = json.dumps([units, "every 1", seen, sns.__version__])
        network = Later(units, train)
        found[name] = network, of
    return found


class Later:
    """A discrete network that is trained when it is first needed."""

    def __init__(self, units: int, train: list[xr.Dataset]) -> None:
        self.units, self.train = units, train
        self.network: Any = None

    def rollout(self, *args: Any, **more: Any) -> xr.Dataset:
        """See `DrivenGRU`."""
        if self.network is None:
            self.network = sns.baselines.get("driven-gru", units=self.units, every=1).fit(
                self.train, seed=0
            )
        return self.network.rollout(*args, **more)
