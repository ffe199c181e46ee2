"""Dynamics of the study hh-gru: rest and firing over the current, ramps, phase planes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import _hh_data as stimuli
import numpy as np
import xarray as xr
from _hh_scores import Flat, entry

import snnsurrogate as sns

HELD = 8.0  # where Hodgkin and Huxley's neuron has two attractors
CURRENTS = (5.0, 8.0, 20.0)  # of the phase planes: one spike, two attractors, firing
RANGE = (-10.0, 180.0)
VISITED = (-11.0, -3.0, 2.3, 6.0, 20.0, 52.0)  # steps that visit what the training records visit
TRUTH = "Hodgkin-Huxley"


class Plane(NamedTuple):
    """Something with a first state in mV, for the dynamics.

    Attributes:
        kernel: its flow.
        rest: state without input.
        matrix: of a surrogate: latent states to coordinates of the kernel, with `shift`.
        shift: see `matrix`.
    """

    kernel: Any
    rest: np.ndarray
    matrix: np.ndarray | None = None
    shift: np.ndarray | None = None


def plane_of(source: Any) -> Plane:
    """Of a driven surrogate in its observed coordinates, or of a system with a voltage."""
    if isinstance(source, sns.Surrogate):
        kernel, matrix, shift = sns.dynamics.observed_coordinates(source)
        rest = matrix @ np.array(source.card["rest"]) + shift
        # where it has been: elsewhere its gates saturate and it is at rest to rounding
        run = source.rollout(
            None, {"amplitude": np.array(VISITED)}, "100 ms",
            protocol=sns.protocols.step("amplitude", start="2 ms"),
        )  # fmt: skip
        latent = np.stack([run[name].values for name in source.states], -1)
        been = latent @ matrix.T + shift
        if len(shift) == 2:  # u less what follows V: the plane is not seen from its edge
            flat = been.reshape(-1, 2)
            covariance = np.cov(flat.T)
            slope = covariance[0, 1] / covariance[0, 0]
            across = np.array([[1.0, 0.0], [-slope, 1.0]])
            apart = been @ across.T
            falls = np.diff(been[..., 0], axis=1) < -0.5
            if apart[:, 1:, 1][falls].mean() < apart[:, 1:, 1].mean():
                across[1] *= -1.0  # up where V falls, as a recovery variable
            centre = np.array([0.0, -float((flat @ across.T)[:, 1].mean())])
            matrix, shift = across @ matrix, across @ shift + centre
            kernel = sns.dynamics.change_coordinates(
                source, matrix, shift, states=kernel.states, units=kernel.state_units
            )
            rest = across @ rest + centre
            been = been @ across.T + centre
        been = been.reshape(-1, len(shift))
        low, high = np.nanmin(been, axis=0), np.nanmax(been, axis=0)
        room = 0.1 * (high - low) + 1e-3
        kernel = dataclasses.replace(kernel, low=low - room, high=high + room)
        return Plane(kernel=kernel, rest=rest, matrix=matrix, shift=shift)
    kernel = source.kernel()
    table = sns.dynamics.fixed_points(kernel)
    stable = np.flatnonzero(table["found"].values[0] & (table["unstable"].values[0] == 0))
    # of several the one nearest to the potential at rest
    near = stable[np.argmin(abs(table["V"].values[0, stable] + 65.0))]
    rest = np.array([float(table[name].values[0, near]) for name in kernel.states])
    return Plane(kernel=kernel, rest=rest)


def followed(plane: Plane, span: tuple[float, float] = RANGE) -> Any:
    """Equilibria and cycles over the current."""
    return sns.dynamics.rest_and_firing(
        plane.kernel, "I", *span, at=min(20.0, span[1] - 1.0), start=plane.rest
    )


def dynamics_flat(found: Any, truth: Any) -> Flat:
    """Where rest and firing are stable; the floor is the value of the equations."""
    flat: Flat = {}
    for name, of in (
        ("hopf_low", lambda f: _inside(f.resting[1])),
        ("hopf_high", lambda f: f.hopf[-1] if len(f.hopf) > 1 else np.nan),
        ("cycle_onset", lambda f: f.onset),
        ("cycle_end", lambda f: _inside(f.stable_firing[-1][1]) if f.stable_firing else np.nan),
        (f"bistable_at_{HELD:g}", lambda f: any(a < HELD < b for a, b in f.bistable)),
        ("other_stable_states", lambda f: sum(a < 0.0 < b for a, b in f.elsewhere)),
    ):
        unit = "1" if name.startswith(("bist", "other")) else "uA/cm**2"
        flat[name] = entry(float(of(found)), unit, float(of(truth)))
    return flat


def _inside(value: float) -> float:
    """NaN at the end of the range."""
    return value if value < RANGE[1] - 1e-3 else float("nan")


def ramps(source: Any, name: str, path: Path, **how: Any) -> xr.Dataset:
    """Slow ramps up and down; those in the file if they are of this source."""
    of = json.dumps([name, how, sns.__version__])
    if path.is_file():
        held = xr.load_dataset(path, engine="netcdf4")
        if held.attrs["made_of"] == of:
            return held
    table = sns.current_ramps(source, held=HELD, **how)
    table.attrs["made_of"] = of
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    table.to_netcdf(partial, engine="netcdf4")
    partial.replace(path)
    return table


def ramps_flat(table: xr.Dataset, truth: xr.Dataset) -> Flat:
    """Where firing begins and ends on the ramps; the floor is the value of the equations."""
    units = {"begins": "uA/cm**2", "ends": "uA/cm**2", "bistable": "1"}
    return {f"ramp_{k}": entry(float(table[k]), u, float(truth[k])) for k, u in units.items()}


def studied(
    every: Mapping[str, Sequence[sns.Surrogate]],
    seeds: Mapping[str, Sequence[int]],
    systems: Mapping[str, Any],
    *,
    ramp: tuple[str, str],
    folder: Path,
) -> tuple[dict[str, Flat], dict[str, Any]]:
    """Equilibria, cycles and ramps of the equations and of all that has equations.

    Args:
        every: case -> surrogates, one per seed.
        seeds: case -> seeds.
        systems: reduced systems by name.
        ramp: lengths of the ramps of the current, and of the hold.
        folder: of the files.

    Returns:
        Scores by source, and what figures are drawn of: `plane`, `found` and `ramp` by (name,
        seed), the equations under the name `TRUTH`.
    """
    neuron = sns.systems.get(stimuli.NEURON)
    plane = {(TRUTH, 0): plane_of(neuron)}
    found = {(TRUTH, 0): followed(plane[TRUTH, 0])}
    how = dict(zip(("duration", "hold"), ramp, strict=True))
    slow = ramps(neuron, neuron.equations_hash, folder / "ramps-truth.nc", **how)
    ramped = {(TRUTH, 0): slow}
    flats: dict[str, Flat] = {}
    for case, surrogates in every.items():
        for seed, surrogate in zip(seeds[case], surrogates, strict=True):
            key = case, seed
            plane[key] = plane_of(surrogate)
            found[key] = followed(plane[key])
            path = folder / f"ramps-{case}-{seed}.nc"
            ramped[key] = ramps(surrogate, surrogate.card["checksum"], path, **how)
            flats[f"dynamics.{case}.seed_{seed}"] = {
                **dynamics_flat(found[key], found[TRUTH, 0]), **ramps_flat(ramped[key], slow)
            }  # fmt: skip
    for name, system in systems.items():
        plane[name, 0] = plane_of(system)
        found[name, 0] = followed(plane[name, 0])
        flats[f"dynamics.{name}"] = dynamics_flat(found[name, 0], found[TRUTH, 0])
    return flats, {"plane": plane, "found": found, "ramp": ramped}


def table(flats: Mapping[str, Flat]) -> dict[str, Any]:
    """One row per source."""
    columns = {
        "cycle_onset": "fold of cycles", "hopf_low": "lower Hopf", "cycle_end": "last cycle",
        f"bistable_at_{HELD:g}": f"bistable at {HELD:g}",
        "other_stable_states": "other stable states", "ramp_begins": "ramp: begins",
        "ramp_ends": "ramp: ends",
    }  # fmt: skip
    first = next(iter(flats.values()))
    rows = [["Hodgkin-Huxley", *(_number(first.get(k, {}).get("floor")) for k in columns)]]
    for name, flat in flats.items():
        words = name.removeprefix("dynamics.").replace(".seed_", ", seed ")
        rows.append([words, *(_number(flat.get(k, {}).get("value")) for k in columns)])
    caption = (
        "Currents in uA/cm2. Other stable states: equilibria without input beside rest, which the "
        "neuron does not have; a cycle or state above 52 lies outside the trained currents. Ramps "
        "of the current: where firing begins on the way up, and ends on the way down."
    )
    return {"title": "Where rest and firing are stable", "caption": caption,
            "head": ["", *columns.values()], "rows": rows}  # fmt: skip


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}".replace("-", "−")


def figures(
    made: Mapping[str, Any],
    shown: Mapping[str, tuple[str, int, sns.Surrogate]],
    systems: Mapping[str, Any],
    folder: Path,
) -> tuple[list[Any], Flat]:
    """Bifurcation diagrams, ramps and phase planes.

    Args:
        made: of `studied`.
        shown: words -> (case, seed, surrogate) whose diagrams are drawn.
        systems: reduced systems by name, for the phase planes.
        folder: of data.

    Returns:
        Figures, and how much of the latent states the states of the equations explain.
    """
    drawn, explained = [], {}
    truth = made["found"][TRUTH, 0]
    for words, (case, seed, _) in shown.items():
        other = made["found"][case, seed]
        figure = sns.plots.bifurcation_diagram(
            truth.rest, truth.firing, over=(other.rest, other.firing), state="V", period=True,
            labels=False, width=9.2, height=3.6,
        )  # fmt: skip
        caption = (
            f"The equations, and {words} in orange: fixed points, largest and smallest potential "
            "of the cycles, and their period. Pale: beyond the trained currents."
        )
        drawn.append(_drawn(f"diagram-{case}", f"Rest and firing, {words}", caption, figure))
        near = [followed(made["plane"][key], (5.0, 11.0)) for key in ((TRUTH, 0), (case, seed))]
        figure = sns.plots.bifurcation_diagram(
            near[0].rest, near[0].firing, over=(near[1].rest, near[1].firing), state="V",
            width=9.2, height=3.6,
        )  # fmt: skip
        caption = (
            "The same where firing begins: a fold of cycles (LPC), below the Hopf point (H) at "
            "which rest loses stability. The equations fold twice more and double (PD) on the "
            "unstable part."
        )
        drawn.append(_drawn(f"onset-{case}", f"Where firing begins, {words}", caption, figure))
    ramped = {TRUTH: made["ramp"][TRUTH, 0]}
    ramped |= {words: made["ramp"][case, seed] for words, (case, seed, _) in shown.items()}
    caption = (
        "Every spike of a ramp of the current up (filled) and down (hollow): one over the interval "
        "before it. Between the currents where firing begins and ends there are two attractors."
    )
    drawn.append(_drawn("ramps", "Slow ramps", caption, sns.plots.ramp_rates(ramped)))
    flat_planes: dict[str, Plane] = {}
    found, behind = {}, {}
    for words, (case, seed, surrogate) in shown.items():
        truth_run, projected = projection(surrogate, folder)
        share = projected["explained"].values
        explained[f"{case}.explained_by_states_least"] = entry(float(share.min()), "1", 1.0)
        plane = made["plane"][case, seed]
        if plane.kernel.dimension == 2 and plane.matrix is not None:
            latent = np.stack([projected[n].values for n in projected["latent"].values], -1)
            flat_planes[words], found[words] = plane, made["found"][case, seed]
            behind[words] = list(latent @ plane.matrix.T + plane.shift)
    for name in systems:
        if "fitted" in name:  # the same picture twice
            continue
        flat_planes[name], found[name] = made["plane"][name, 0], made["found"][name, 0]
        if name == "(V, n)":
            behind[name] = list(np.stack([truth_run["V"].values, truth_run["n"].values], -1))
    caption = (
        "Nullclines, directions, the trajectory after a step from rest, limit cycles and fixed "
        "points (filled: stable), above one another at three currents. u is the combination of "
        "the latent states that is uncorrelated with V. Grey: the orbit of the equations, for the "
        "network by the best affine map from V, m, h, n."
    )
    figure = sns.plots.phase_planes(
        *panels(flat_planes, found, behind), columns=len(flat_planes),
        width=3.6 * max(len(flat_planes), 2), height=3.3,
    )  # fmt: skip
    drawn.append(_drawn("phase-planes", "Phase planes", caption, figure))
    return drawn, explained


def _drawn(name: str, title: str, caption: str, figure: Any) -> Any:
    return sns.plots.Drawn(name=name, title=title, caption=caption, figure=figure)


def projection(surrogate: sns.Surrogate, folder: Path) -> tuple[xr.Dataset, xr.Dataset]:
    """The equations under the currents of the phase planes, projected onto the latent states."""
    protocol = sns.protocols.step("amplitude", start="2 ms")
    columns = {"amplitude": np.array(CURRENTS)}
    truth = sns.simulate(
        stimuli.NEURON, sns.Design.points(columns), protocol=protocol, duration=stimuli.LENGTH,
        record_every=stimuli.EVERY, out=folder / "planes.nc",
    )  # fmt: skip
    run = surrogate.rollout(None, columns, stimuli.LENGTH, protocol=protocol)
    return truth, sns.project_states(truth, run, until="40 ms")


def panels(
    planes: Mapping[str, Plane], found: Mapping[str, Any], behind: Mapping[str, list[np.ndarray]]
) -> list[Any]:
    """Phase planes: one row per current, one column per source."""
    made = []
    for k, current in enumerate(CURRENTS):
        for name, plane in planes.items():
            axes = _axes(plane, found[name], behind.get(name))
            at = {"I": current}
            path = sns.dynamics.integrate(plane.kernel, plane.rest, at, n_steps=8000, dt=0.01)
            made.append(
                sns.plots.PhasePlane(
                    nullclines=sns.dynamics.nullclines(plane.kernel, at, axes=axes),
                    field=sns.dynamics.vector_field(plane.kernel, at, axes=axes),
                    orbits=(path,),
                    cycles=tuple(sns.dynamics.cycles_at(found[name].firing, current)),
                    behind=tuple(behind[name][k : k + 1]) if name in behind else (),
                    points=sns.dynamics.fixed_points(
                        plane.kernel, at, box={s: (v[0], v[-1]) for s, v in axes.items()}
                    ),
                    title=f"{name}, I = {current:g}",
                )
            )
    return made


def _axes(plane: Plane, found: Any, behind: list[np.ndarray] | None) -> dict[str, np.ndarray]:
    """Both axes with room for the cycles at every current that is drawn."""
    orbits = [o for c in CURRENTS for o, _ in sns.dynamics.cycles_at(found.firing, c)]
    every = np.concatenate([*orbits, *(behind or []), plane.rest[None]])
    low, high = every[:, 1].min(), every[:, 1].max()
    room = 0.25 * (high - low) or 0.5
    v, w = plane.kernel.states
    return {v: np.linspace(-95.0, 65.0, 121), w: np.linspace(low - room, high + room, 121)}
