"""A local field potential of a network of points: the mean synaptic drive of the E cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from snnsurrogate.features._feature import NotRecordedError

_NETWORK = "markov-if"  # whose pending kicks and parameters the drive is made of
_KICKS = ("H_EE", "H_EI")
_PARAMETERS = ("S_EE", "S_EI", "tau_EE", "tau_I", "N_E")


def synaptic_drive(ds: xr.Dataset) -> xr.DataArray:
    """LFP proxy of `markov-if`: mean synaptic drive of the E cells (sample, time), per ms.

        LFP = (S_EE H_EE / tau_EE + S_EI H_EI / tau_I) / N_E

    the sum of the sizes of excitation and inhibition (at threshold), in units of the potential per
    ms; of simulations and rollouts alike.

    Source: Mazzoni et al. (2015), doi:10.1371/journal.pcbi.1004584, for the sum of sizes as proxy.

    Raises:
        ValueError: another network; as NotRecordedError, a dataset without H_EE and H_EI.
    """
    if ds.attrs.get("system") != _NETWORK:
        msg = f"the synaptic drive is defined for {_NETWORK!r}; got {ds.attrs.get('system')!r}"
        raise ValueError(msg)
    missing = [name for name in _KICKS if name not in ds]
    if missing:
        msg = f"the dataset lacks {missing}, which the synaptic drive is made of"
        raise NotRecordedError(msg)
    p = {name: ds[name].values[:, None] for name in _PARAMETERS}
    about = {
        "units": "1/ms",
        "role": "series",
        "long_name": "LFP proxy: mean synaptic drive of the E cells",
    }
    drive = drive_of(ds["H_EE"].values / p["N_E"], ds["H_EI"].values / p["N_E"], p)
    return xr.DataArray(drive, dims=("sample", "time"), coords={"time": ds["time"]}, attrs=about)


def drive_of(h_ee: np.ndarray, h_ei: np.ndarray, p: Mapping[str, Any]) -> np.ndarray:
    """The drive of pending kicks per E cell, with parameters that broadcast against them."""
    drive = p["S_EE"] * h_ee / p["tau_EE"] + p["S_EI"] * h_ei / p["tau_I"]
    return np.asarray(drive, dtype=np.float32)
