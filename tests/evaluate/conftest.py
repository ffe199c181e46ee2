"""A quick truth and fake surrogates whose scores are known beforehand."""

import dataclasses
import importlib
import importlib.util
from pathlib import Path

import numba
import numpy as np
import pytest
import xarray as xr

from snnsurrogate import features, kernels, schema, systems, units
from snnsurrogate.kernels import F_SIGNATURE, JAC_SIGNATURE

_spec = importlib.util.spec_from_file_location(
    "features_conftest", Path(__file__).parents[1] / "features" / "conftest.py"
)
_quick = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_quick)


def fake_simulate(
    system, design, *, duration, record_every, transient="0 s", dt=None, method=None,
    protocol=None, progress=None,
):  # fmt: skip
    """`snnsurrogate.simulate` without a build: the derived right-hand side under RK4."""
    assert protocol is None
    parameters, initial = design.resolve(system)
    unit = system.time_unit

    def time(text):
        return units.magnitude(text, unit, what="time")

    return _quick.simulate(
        system.name,
        parameters,
        duration=time(duration),
        transient=time(transient),
        record=time(record_every),
        dt=time(dt),
        initial=initial,
    )


@pytest.fixture(autouse=True)
def quick_truth(monkeypatch):
    # by the module itself: in a dotted name, `evaluate` is the function
    again = importlib.import_module("snnsurrogate.evaluate._again")
    monkeypatch.setattr(again, "simulate", fake_simulate)


def sweep(values, *, name="sherman", duration=60.0, transient=40.0, dt=0.001):
    """Truth over V_S under the evaluation protocol."""
    return _quick.simulate(
        name,
        {"V_S": np.asarray(values, dtype=float)},
        duration=duration,
        transient=transient,
        record=0.01,
        dt=dt,
    )


def relabel(ds, x, *, status=None, kind="rollout"):
    """A dataset like `ds` with other trajectories (sample, time, state)."""
    names = schema.states_of(ds)
    rule = systems.get(ds.attrs["system"]).spikes
    trains = features.spikes.detect_batch(
        x[..., names.index(rule.state)], 0.01, threshold=rule.threshold, reset=rule.reset
    )
    return schema.build(
        states={s: x[..., k] for k, s in enumerate(names)},
        time=ds["time"].values,
        parameters={name: ds[name].values for name in schema.parameters_of(ds)},
        initial={s: x[:, 0, k] for k, s in enumerate(names)},
        seeds=0,
        units={"time": "s"}
        | {n: ds[n].attrs["units"] for n in [*names, *schema.parameters_of(ds)]},
        spikes=trains,
        status=status,
        attrs=dict(ds.attrs) | {"kind": kind},
    )


class Shifted:
    """The truth itself, with other defaults: V_S moved by `shift`, other parameters replaced."""

    card = {"model": "fake", "system": "sherman"}

    def __init__(self, shift=0.0, *, name="sherman", **parameters):
        self.shift, self.name = shift, name
        self.inner = systems.get(name, **parameters)

    def rollout(self, initial, parameters, duration, *, protocol=None, seed=0):
        n = len(next(iter(initial.values())))
        kernel = self.inner.kernel()
        start = np.stack([initial[s] for s in kernel.states], axis=-1)
        steps = round(units.magnitude(duration, "s", what="duration") / 0.01)
        moved = {"V_S": parameters["V_S"] + self.shift}
        x = kernels.integrate(kernel, start, moved, n_steps=steps, substeps=10, dt=0.001)
        return self.finish(x, parameters, n)

    def finish(self, x, parameters, n):
        template = _quick.simulate(
            self.name,
            {"V_S": np.broadcast_to(parameters["V_S"], (n,))},
            duration=(x.shape[1] - 1) * 0.01,
            transient=0.0,
            record=0.01,
            dt=0.01,
        )
        return relabel(template, x)

    def kernel(self):
        """A kernel of V_S alone, as a surrogate that was trained on V_S alone would give."""
        base = self.inner.kernel()
        f, jac, rest, shift = base.f, base.jac, base.parameter_defaults.copy(), self.shift

        @numba.njit(F_SIGNATURE)
        def moved_f(x, p, out):
            q = rest.copy()
            q[0] = p[0] + shift
            f(x, q, out)

        @numba.njit(JAC_SIGNATURE)
        def moved_jac(x, p, out):
            q = rest.copy()
            q[0] = p[0] + shift
            jac(x, q, out)

        return dataclasses.replace(
            base,
            parameters=("V_S",),
            parameter_units=("mV",),
            parameter_defaults=rest[:1],
            parameter_low=base.parameter_low[:1],
            parameter_high=base.parameter_high[:1],
            f=moved_f,
            jac=moved_jac,
        )


class Constant(Shifted):
    """Shows the dynamics of one V_S whatever it is asked: always bursting, always resting."""

    def __init__(self, v_s, start=None):
        super().__init__()
        self.v_s, self.start = v_s, start

    def rollout(self, initial, parameters, duration, *, protocol=None, seed=0):
        if self.start is not None:
            n = len(next(iter(initial.values())))
            initial = {k: np.full(n, v) for k, v in self.start.items()}
        asked = np.asarray(parameters["V_S"])
        made = super().rollout(initial, {"V_S": np.full(asked.shape, self.v_s)}, duration)
        made["V_S"] = ("sample", asked, made["V_S"].attrs)
        return made


class Diverging(Shifted):
    """Follows the truth, and diverges above a value of V_S."""

    def __init__(self, above):
        super().__init__()
        self.above = above

    def finish(self, x, parameters, n):
        gone = np.broadcast_to(parameters["V_S"], (n,)) > self.above
        x[gone, 100:] = np.nan
        made = super().finish(np.nan_to_num(x), parameters, n)
        for name in schema.states_of(made):
            made[name].values[gone, 100:] = np.nan
        made["status"].values[gone] = schema.FLAGS["diverged"]
        return made


@pytest.fixture
def fakes():
    return {"shifted": Shifted, "constant": Constant, "diverging": Diverging, "relabel": relabel}


@pytest.fixture(scope="session")
def coarse() -> xr.Dataset:
    """All three regimes and both edges between them: V_S in [-47, -31]."""
    return sweep(np.linspace(-47.0, -31.0, 33))


@pytest.fixture(scope="session")
def run_truth():
    return sweep
