"""Can those who only want the data take it from here with standard tools, and does it repeat?

Question: somebody wants records of a neuron or a network over several parameters, for models or
    statistics of their own: one netCDF file for plain xarray, a grid, a table, a PyTorch Dataset.
    Is what they read what was simulated? How much of it would another run change?
Expect: every value comes back as it was written. Another seed of a network changes rates by some
    tenths of a percent and measures of synchrony by 1-2 % (10 s records); a neuron of which the
    integration step is halved changes by less than can be seen.
Data: the Markovian integrate-and-fire network over tau_EE x S_EI, simulated exactly; the
    Sherman-Rinzel neuron over V_S x tau_S. Any other system: --set system=NAME --set 'grid={...}'.
Result: quick preset, 16 + 10 samples: grid and spikes hold exactly what was simulated, tensors
    hold it to single precision. Another seed of the network changes the E rate by 0.6 % (median;
    1.6 % at most), chi by 0.9 % (6.7 %) and no label; half the step of the neuron changes burst
    periods by 0.0001 % and no label. docs/export.md walks through the files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import snnsurrogate as sns


@dataclass(frozen=True, kw_only=True)
class Export:
    """What is simulated for one file."""

    system: str
    grid: Mapping[str, Sequence[float]]
    duration: str
    record_every: str
    transient: str
    engine: str = "brian2"


def network(points: int, duration: str = "10 s") -> Export:
    """Fast kicks (synchronous firing) to slow ones (homogeneous), weak inhibition to strong."""
    return Export(
        system="markov-if",
        grid={
            "tau_EE": np.geomspace(1.3, 4.0, points).round(3).tolist(),
            "S_EI": np.linspace(4.4, 5.4, points).tolist(),
        },
        duration=duration,
        record_every="1 ms",
        transient="1 s",
        engine="exact",
    )


def neuron(points: int, duration: str = "60 s") -> Export:
    """Bursting to tonic spiking, with a slow variable of several speeds."""
    return Export(
        system="sherman",
        grid={
            "V_S": np.linspace(-44.0, -33.0, points).tolist(),
            "tau_S": [20.0, 35.0] if points < 8 else [10.0, 20.0, 35.0, 50.0],
        },
        duration=duration,
        record_every="10 ms",
        transient="40 s",
    )


@dataclass(frozen=True, kw_only=True)
class Preset:
    """All that varies between a try and the claim."""

    exports: tuple[Export, ...] = field(default=(network(4), neuron(5, "20 s")))


PRESETS = {
    "tiny": Preset(exports=(network(2, "2 s"), replace(neuron(2, "4 s"), transient="4 s"))),
    "quick": Preset(),
    "full": Preset(exports=(network(9, "20 s"), neuron(23))),
}


def main(
    preset: str = "quick",
    out: Path = Path("runs/export-dataset"),
    system: str = "",
    grid: Mapping[str, Sequence[float]] | None = None,
    duration: str = "1 s",
    record_every: str = "1 ms",
    transient: str = "0 s",
    engine: str = "brian2",
) -> xr.Dataset:
    """Run the study; what is there and matches is reused.

    Args:
        preset: which exports are made, unless `system` says which one.
        out: where they go: `data/` the files, `export/` what was made of them.
        system: a registered system or network, with the arguments that follow.
        grid: parameter -> values.
        duration: length of the records.
        record_every: recording step.
        transient: simulated before the record.
        engine: "brian2" or "exact".

    Returns:
        Scores of the first export against another run of it.
    """
    out = Path(out)
    exports = PRESETS[preset].exports
    if system:
        exports = (
            Export(
                system=system,
                grid=grid or {},
                duration=duration,
                record_every=record_every,
                transient=transient,
                engine=engine,
            ),
        )
    for folder in ("data", "export"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    summary: dict[str, dict[str, Any]] = {}
    scores: list[xr.Dataset] = []
    for export in exports:
        again, flat = run(export, out)
        summary |= {f"{export.system}.{name}": entry for name, entry in flat.items()}
        summary |= {f"{export.system}.again.{k}": v for k, v in sns.to_json(again).items()}
        scores.append(again)
    (out / "scores.json").write_text(json.dumps(summary, indent=1) + "\n")
    sns.save_scores(scores[0], out / "scores.nc")
    sns.report(scores[0], out / "report.html")
    return scores[0]


def run(export: Export, out: Path) -> tuple[xr.Dataset, dict[str, dict[str, Any]]]:
    """Simulate, read back as a stranger would, and compare with another run."""
    path = out / "data" / f"{export.system}.nc"
    made = simulated(export, path, seed=0)
    with xr.open_dataset(path) as read:  # nothing of this package from here on ...
        grid = as_grid(read, list(export.grid))
        grid.to_netcdf(out / "export" / f"{export.system}-grid.nc")
        trains = np.split(read["spike_time"].values, read["spike_count"].values.cumsum()[:-1])
        unstacked = max(float(abs(difference(made, grid, name)).max()) for name in records(made))
        lost = sum(abs(t.size - n) for t, n in zip(trains, made["spike_count"].values, strict=True))
        learned = sns.to_torch(read)  # ... to here
        tensor = max(
            float(np.abs(item["values"][:, k].numpy() - read[name].values[item["sample"]]).max())
            for item in (learned[0], learned[-1])
            for k, name in enumerate(learned.channels)
        )
    features = sns.features.summary(made)
    labels = sns.regimes(made)
    names = np.array(labels.attrs["flag_meanings"].split())[labels.values + 1]
    table = features.assign(regime=("sample", names)).to_dataframe()
    table.to_csv(out / "export" / f"{export.system}-features.csv", index=False)
    flat = {
        "samples": entry(made.sizes["sample"]),
        "samples_ok": entry(int((made["status"] == 0).sum())),
        "spikes": entry(int(made["spike_count"].sum())),
        "file_size": entry(path.stat().st_size / 2**20, "MiB"),
        "grid_difference": entry(unstacked, floor=0.0),
        "spikes_lost": entry(int(lost), floor=0.0),
        "torch_rounding": entry(tensor),
    }
    return repeated(export, made, out), flat


def simulated(export: Export, path: Path, **options: Any) -> xr.Dataset:
    """The sweep, from the file if it is there."""
    return sns.simulate(
        export.system,
        sns.Design.grid(export.grid),
        duration=export.duration,
        record_every=export.record_every,
        transient=export.transient,
        engine=export.engine,
        out=path,
        **options,
    )


def repeated(export: Export, made: xr.Dataset, out: Path) -> xr.Dataset:
    """Scores of another run: other seeds of a network (two, for the floor), half the step else."""
    paths = [out / "data" / f"{export.system}-{name}.nc" for name in ("again", "twin")]
    if "populations" in made.attrs:
        again, twin = (simulated(export, p, seed=k + 1) for k, p in enumerate(paths))
        return sns.evaluate(made, again, twin=twin)
    step, unit = made.attrs["dt"].split()
    again = simulated(export, paths[0], dt=f"{float(step) / 2} {unit}")
    return sns.evaluate(made, again, twin=False, boundaries=False)


def as_grid(ds: xr.Dataset, axes: list[str]) -> xr.Dataset:
    """One dimension per parameter, by plain xarray; spikes are ragged and stay behind."""
    flat = ds.drop_dims("spike").drop_vars([n for n in constant(ds) if n not in axes])
    return flat.set_index(sample=axes).unstack("sample") if axes else flat


def constant(ds: xr.Dataset) -> list[str]:
    """Coordinates over samples that do not vary."""
    over = [str(name) for name, c in ds.coords.items() if c.dims == ("sample",)]
    return [name for name in over if len(np.unique(ds[name].values)) == 1]


def records(ds: xr.Dataset) -> list[str]:
    """Variables over (sample, time)."""
    return [str(name) for name, v in ds.data_vars.items() if v.dims == ("sample", "time")]


def difference(made: xr.Dataset, grid: xr.Dataset, name: str) -> xr.DataArray:
    """Record of the last sample minus the one at its parameters in the grid."""
    axes = [str(d) for d in grid[name].dims if d != "time"]
    last = made.isel(sample=-1)
    return grid[name].sel({a: last[a] for a in axes}, drop=True).drop_vars("time") - last[name]


def entry(value: float, unit: str = "1", floor: float | None = None) -> dict[str, Any]:
    """One line of the score table."""
    return {"value": value, "unit": unit, "floor": floor}


if __name__ == "__main__":
    main()
