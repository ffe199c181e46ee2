"""Where the orbit of the equations lies in the state space of a surrogate with other states."""

from __future__ import annotations

import numpy as np
import xarray as xr

from snnsurrogate import schema, units

__all__ = ["project_states"]


def project_states(
    truth: xr.Dataset, run: xr.Dataset, *, until: str | None = None, orbit: xr.Dataset | None = None
) -> xr.Dataset:
    """The latent states of a surrogate as affine functions of the states of the equations.

    Both ran from rest under the same input. The functions are those of least squares over all
    samples and times: where a latent state is an affine image of the states of the equations all
    of its variance is explained, where it holds something that they do not show, less. A shift of
    spike times counts as unexplained, so that short runs, or ``until``, say more.

    Args:
        truth: of the equations, with all of their states.
        run: of the surrogate, with its latent states as series; as many samples, the same step or
            a multiple of it.
        until: use the records up to this time.
        orbit: another dataset of the equations, which is projected; default ``truth``.

    Returns:
        Dataset: ``matrix`` (latent, state) and ``constant`` (latent); ``explained`` (latent), share
        of the variance of each latent state; ``<latent>`` (sample, time), the projection of the
        orbit.

    Raises:
        ValueError: no latent states, records of other samples, or steps that do not fit.
    """
    latents = schema.series_of(run)
    if not latents:
        msg = "the run holds no latent states; roll out a driven surrogate with its states recorded"
        raise ValueError(msg)
    every = _every(truth, run)
    x, h = _states(truth)[:, ::every], np.stack([run[name].values for name in latents], -1)
    n = min(x.shape[1], h.shape[1])
    if until is not None:
        step = float(run["time"][1] - run["time"][0])
        last = units.magnitude(until, str(run["time"].attrs["units"]), what="until")
        n = min(n, round(last / step) + 1)
    if len(x) != len(h) or n < 2:
        msg = f"{len(x)} records of the equations, {len(h)} of the surrogate, {n} times; run both"
        msg += " under the same inputs"
        raise ValueError(msg)
    states = schema.states_of(truth)
    scale = x[:, :n].reshape(-1, len(states)).std(axis=0)
    scale[scale == 0] = 1.0
    design = np.concatenate([x[:, :n] / scale, np.ones((len(x), n, 1))], 2)
    design = design.reshape(-1, len(states) + 1)
    target = h[:, :n].reshape(-1, len(latents))
    solution = np.linalg.lstsq(design, target, rcond=None)[0]
    left = np.square(target - design @ solution).sum(axis=0)
    total = np.square(target - target.mean(axis=0)).sum(axis=0)
    matrix, constant = (solution[:-1] / scale[:, None]).T, solution[-1]
    shown = truth if orbit is None else orbit
    projected = _states(shown) @ matrix.T + constant
    with np.errstate(invalid="ignore", divide="ignore"):
        explained = 1.0 - left / total
    return xr.Dataset(
        {
            "matrix": (("latent", "state"), matrix),
            "constant": ("latent", constant),
            "explained": ("latent", explained),
            **{
                name: (("sample", "time"), projected[..., k], dict(run[name].attrs))
                for k, name in enumerate(latents)
            },
        },
        coords={"latent": latents, "state": states, "time": shown["time"]},
    )


def _states(ds: xr.Dataset) -> np.ndarray:
    return np.stack([ds[name].values.astype(float) for name in schema.states_of(ds)], -1)


def _every(truth: xr.Dataset, run: xr.Dataset) -> int:
    steps = [float(ds["time"][1] - ds["time"][0]) for ds in (truth, run)]
    ratio = steps[1] / steps[0]
    if round(ratio) < 1 or abs(ratio - round(ratio)) > 1e-6:
        msg = f"the surrogate's step {steps[1]:g} is no multiple of the recording step {steps[0]:g}"
        raise ValueError(msg)
    return round(ratio)
