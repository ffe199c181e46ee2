"""A quick truth for tests: the derived right-hand side under RK4, no Brian2 build."""

import json

import numpy as np
import pytest
import xarray as xr

from snnsurrogate import features, kernels, schema, systems


def simulate(name, parameters, *, duration, transient, record, dt, initial=None):
    """Dataset of a registered system; times in its own unit."""
    system = systems.get(name)
    kernel = system.kernel()
    swept = {key: np.atleast_1d(np.asarray(v, dtype=float)) for key, v in parameters.items()}
    n = next(iter(swept.values())).size
    first = dict(system.initial) | dict(initial or {})
    start = np.stack([np.broadcast_to(first[s], (n,)) for s in system.state_names], axis=-1)
    every = round(record / dt)
    run = {"substeps": every, "dt": dt}
    skip = round(transient / record)
    x = kernels.integrate(kernel, start, swept, n_steps=skip + round(duration / record), **run)
    x = x[:, skip:]
    rule = system.spikes
    column = system.state_names.index(rule.state)
    return schema.build(
        states={s: x[..., k] for k, s in enumerate(system.state_names)},
        time=np.arange(x.shape[1]) * record,
        parameters=system.defaults | swept,
        initial={s: start[:, k] for k, s in enumerate(system.state_names)},
        seeds=0,
        units={"time": system.time_unit}
        | {s.name: s.unit for s in system.states}
        | {p.name: p.unit for p in system.parameters},
        spikes=features.spikes.detect_batch(
            x[..., column], record, threshold=rule.threshold, reset=rule.reset
        ),
        attrs={
            "kind": "simulation",
            "system": name,
            "title": system.title,
            "source": system.source,
            "equations": system.equations,
            "equations_hash": system.equations_hash,
            "parameters": {p.name: {"value": p.value, "unit": p.unit} for p in system.parameters},
            "duration": f"{duration} {system.time_unit}",
            "transient": f"{transient} {system.time_unit}",
            "record_every": f"{record} {system.time_unit}",
            "dt": f"{dt} {system.time_unit}",
            "method": "rk4",
            "engine": "kernels",
            "seed": 0,
            "design": {},
            "protocol": "",
            "spike_rule": {"state": rule.state, "threshold": rule.threshold, "reset": rule.reset},
            "versions": {},
        },
    )


@pytest.fixture(scope="session")
def sherman():
    """Function V_S, ... -> dataset of the Sherman neuron under the evaluation protocol."""

    def run(v_s, *, duration=60.0, transient=40.0, record=0.01, dt=0.001, **options):
        swept = ({} if v_s is None else {"V_S": v_s}) | options.pop("parameters", {})
        return simulate(
            options.pop("name", "sherman"),
            swept,
            duration=duration,
            transient=transient,
            record=record,
            dt=dt,
            **options,
        )

    return run


class Networks:
    """Network datasets built by hand, in the layout of the schema."""

    @staticmethod
    def dataset(samples, *, sizes, duration, step=1.0, rule="synchrony", keep=True, status=None):
        """Dataset of samples {population: times, or (times, neurons), or those and causes}."""
        names = list(sizes)
        n_time = round(duration / step) + 1
        rates = {p: np.zeros((len(samples), n_time), dtype=np.float32) for p in names}
        columns = {name: [] for name in ("time", "neuron", "population", "cause")}
        number = []
        for i, sample in enumerate(samples):
            rows = []
            for k, p in enumerate(names):
                given = sample.get(p, [])
                given = given if isinstance(given, tuple) else (given,)
                times = np.asarray(given[0], dtype=float)
                neurons = given[1] if len(given) > 1 else np.arange(times.size) % sizes[p]
                causes = given[2] if len(given) > 2 else np.ones(times.size)
                rows.append(np.stack([times, neurons, np.full(times.size, k), causes]))
                index = np.ceil(times / step - 1e-9).astype(int)
                rates[p][i] = np.bincount(index, minlength=n_time) / (sizes[p] * step * 1e-3)
            rows = np.concatenate(rows, axis=1)
            rows = rows[:, np.argsort(rows[0], kind="stable")]
            number.append(rows.shape[1])
            for name, values in zip(columns, rows, strict=True):
                columns[name].append(values)
        coords = {"time": ("time", np.arange(n_time) * step, {"units": "ms"})}
        coords |= {
            f"N_{p}": ("sample", np.full(len(samples), float(size)), {"role": "parameter"})
            for p, size in sizes.items()
        }
        coords["drive"] = ("sample", np.arange(len(samples), dtype=float), {"role": "parameter"})
        data = {f"rate_{p}": (("sample", "time"), r, {"units": "Hz"}) for p, r in rates.items()}
        flags = np.zeros(len(samples)) if status is None else status
        data["status"] = ("sample", np.asarray(flags, dtype=np.int8))
        if keep:
            kinds = {"neuron": np.int32, "population": np.int8, "cause": np.int8}
            data["spike_time"] = ("spike", np.concatenate(columns["time"]), {"units": "ms"})
            data["spike_count"] = ("sample", np.array(number, dtype=np.int64))
            for name, kind in kinds.items():
                data[f"spike_{name}"] = ("spike", np.concatenate(columns[name]).astype(kind))
        populations = {p: f"N_{p}" for p in names}
        attrs = {"system": "by hand", "populations": json.dumps(populations), "regime_rule": rule}
        return xr.Dataset(data, coords, attrs)

    @staticmethod
    def poisson(rng, *, size, rate, duration, modulation=0.0, frequency=40.0):
        """Times (ms) and cells of Poisson cells of `rate` Hz (1 + modulation sin(2 pi f t))."""
        most = size * rate * (1.0 + modulation) * duration * 1e-3
        times = np.sort(rng.uniform(0.0, duration, rng.poisson(most)))
        now = 1.0 + modulation * np.sin(2e-3 * np.pi * frequency * times)
        times = times[rng.uniform(0.0, 1.0 + modulation, times.size) < now]
        return times, rng.integers(0, size, times.size)

    @staticmethod
    def volleys(rng, *, size, period, duration, jitter=1.0, share=1.0):
        """Every cell (or a share) fires once per period, with a normal jitter."""
        onsets = np.arange(period, duration - period, period)
        fires = rng.random((onsets.size, size)) < share
        event, cell = np.nonzero(fires)
        times = onsets[event] + rng.normal(0.0, jitter, event.size)
        order = np.argsort(times)
        return times[order], cell[order]


@pytest.fixture(scope="session")
def networks():
    """Builders of network datasets."""
    return Networks
