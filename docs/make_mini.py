"""Make the shipped dataset data/markov-if-mini.nc, and its line in data/checksums.txt.

    python docs/make_mini.py

21 Sobol points of a box of seven parameters and the three presets of `markov-if`, simulated event
by event, 2 s each after 500 ms: population series, voltage histograms every 1 ms, and every spike
with its cell and cause. To stay below 5 MB, spike times are rounded up to 1/1024 ms; bins of 1 ms
and the order of spikes are not changed by that.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from scipy.stats import qmc

import snnsurrogate as sns

DATA = Path(__file__).resolve().parent.parent / "data"
NAME = "markov-if-mini.nc"
POINTS, SEED = 21, 20260
GRID = 1024  # spike times per ms
# the box: tau_EE on a logarithmic scale, the weights 15 % up and down, lambda for E and I alike
BOX = {
    "tau_EE": (1.2, 4.0),
    "tau_IE": (0.9, 1.3),
    "S_EE": (4.25, 5.75),
    "S_IE": (1.7, 2.3),
    "S_EI": (4.1735, 5.6465),
    "S_II": (4.1735, 5.6465),
    "lambda_E": (5.0, 8.0),
}
PRESETS = ("homogeneous", "regular", "synchronous")
COMMENT = (
    f"{POINTS} Sobol points of the box (tau_EE logarithmic, lambda_I = lambda_E), then the presets "
    f"{', '.join(PRESETS)}; spike times rounded up to 1/{GRID} ms; made by docs/make_mini.py"
)


def points() -> dict[str, np.ndarray]:
    """Parameter -> value of every sample, the presets last."""
    unit = qmc.Sobol(len(BOX), seed=SEED).random_base2(5)[:POINTS].T
    network = sns.systems.get("markov-if")
    found = {}
    for u, (name, (low, high)) in zip(unit, BOX.items(), strict=True):
        drawn = low * (high / low) ** u if name == "tau_EE" else low + (high - low) * u
        last = [network.presets[p].get(name, network.defaults[name]) for p in PRESETS]
        found[name] = np.concatenate([drawn.round(4), last])
    return found | {"lambda_I": found["lambda_E"]}


def main() -> None:
    """Write the file and its checksum."""
    ds = sns.simulate(
        "markov-if",
        sns.Design.points(points()),
        duration="2 s",
        record_every="1 ms",
        transient="500 ms",
        engine="exact",
        seed=SEED,
    )
    ds["spike_time"].values = np.ceil(ds["spike_time"].values * GRID) / GRID
    ds.attrs["comment"] = COMMENT
    path = sns.save(ds, DATA / NAME, compression=9)
    table = DATA / "checksums.txt"
    lines = table.read_text().splitlines() if table.is_file() else []
    kept = [line for line in lines if not line.endswith(f"  {NAME}")]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    table.write_text("\n".join([*kept, f"{digest}  {NAME}"]) + "\n")
    print(f"wrote {path} ({path.stat().st_size / 1e6:.2f} MB), {dict(ds.sizes)}")


if __name__ == "__main__":
    main()
