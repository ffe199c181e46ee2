"""Driven flows at work: kernel for the mathematics, state at rest, rollouts, Brian2 equations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import xarray as xr

from snnsurrogate import protocols, schema, units
from snnsurrogate.features.spikes import detect_batch
from snnsurrogate.kernels import F_SIGNATURE, JAC_SIGNATURE, Kernel, integrate_driven
from snnsurrogate.surrogate import _inputs
from snnsurrogate.surrogate._driven_fit import rest as find_rest
from snnsurrogate.surrogate._driven_fit import weights
from snnsurrogate.surrogate._sensitivity import WORK
from snnsurrogate.surrogate._warnings import NoRestError, check_input_range
from snnsurrogate.surrogate.models._driven import number, weighted

if TYPE_CHECKING:
    from snnsurrogate.surrogate.surrogate import Surrogate


def kernel(surrogate: Surrogate) -> Kernel:
    """Right-hand side and Jacobian; the input is the first parameter, in its declared unit."""
    model, card, scaling = surrogate.model, surrogate.card, surrogate.scaling
    flow = model.flow(len(surrogate.parameters))  # type: ignore[attr-defined]
    theta = weights(surrogate.module, "theta")
    mid = np.concatenate([[0.0], scaling.mid])
    half = np.concatenate([[model.input_scale], scaling.half])  # type: ignore[attr-defined]
    field, linear = flow.field, flow.linear
    d, n = flow.units, flow.size

    # Frozen arrays are read-only, which the compiled field does not take: hence the copies.
    @numba.njit(F_SIGNATURE, nogil=True, error_model="numpy")
    def f(x, p, out):  # type: ignore[no-untyped-def]
        field(theta.copy(), x, (p - mid) / half, np.empty(WORK * d + WORK), out)

    @numba.njit(JAC_SIGNATURE, nogil=True, error_model="numpy")
    def jac(x, p, out):  # type: ignore[no-untyped-def]
        work, rate, by_theta = np.empty(WORK * d + WORK), np.empty(d), np.empty((d, n))
        linear(theta.copy(), x, (p - mid) / half, work, rate, out, by_theta)

    about, box = card["input"], card["parameters"]
    names = (about, *box)
    return Kernel(
        kind="flow",
        time_step=units.magnitude(surrogate.dt, card["time_unit"], what="dt"),
        time_unit=card["time_unit"],
        states=surrogate.states,
        state_units=tuple(s["unit"] for s in card["states"]),
        parameters=tuple(a["name"] for a in names),
        parameter_units=tuple(a["unit"] for a in names),
        parameter_defaults=np.array([0.0, *((p["low"] + p["high"]) / 2 for p in box)]),
        f=f,
        jac=jac,
        low=np.full(d, -model.bound),  # type: ignore[attr-defined]
        high=np.full(d, model.bound),  # type: ignore[attr-defined]
        parameter_low=np.array([a["low"] for a in names]),
        parameter_high=np.array([a["high"] for a in names]),
    )


def at_rest(surrogate: Surrogate, columns: Mapping[str, np.ndarray], n: int) -> np.ndarray:
    """Stable states without input, (sample, d).

    Raises:
        NoRestError: there is none at some sample.
    """
    flow = surrogate.model.flow(len(surrogate.parameters))  # type: ignore[attr-defined]
    theta = weights(surrogate.module, "theta")
    step = units.magnitude(surrogate.dt, surrogate.card["time_unit"], what="dt")
    q = np.stack([columns[p] for p in surrogate.parameters], 1) if surrogate.parameters else None
    scaled = np.empty((n, 0)) if q is None else surrogate.scaling.parameters(q)
    points, inverse = np.unique(scaled, axis=0, return_inverse=True)
    guess = np.asarray(surrogate.card["rest"], dtype=float)
    found = []
    for i, point in enumerate(points):
        state = find_rest(flow, theta, guess, np.concatenate([[0.0], point]), step)
        if state is None:
            where = {p: float(columns[p][int(np.argmax(inverse == i))]) for p in columns}
            msg = f"{surrogate!r} has no stable state without input at {where}; give initial states"
            raise NoRestError(msg)
        found.append(state[0])
    return np.array(found)[inverse.ravel()]


def run(
    surrogate: Surrogate,
    initial: Any,
    parameters: Mapping[str, Any],
    length: tuple[int, str],
    *,
    protocol: Any,
    seed: int,
    strict: bool,
    record: Sequence[str] | None,
    substeps: int,
) -> xr.Dataset:
    """Free runs under a protocol, or under a constant input given among the parameters.

    Raises:
        ValueError: see `Surrogate.rollout`.
    """
    about = surrogate.card["input"]
    given = dict(parameters)
    constant = given.pop(about["name"], None)
    if (protocol is None) == (constant is None):
        msg = (
            f"{surrogate!r} is driven by {about['name']}: give it among the parameters (constant "
            "from time 0 on), or give a protocol, one of the two"
        )
        raise ValueError(msg)
    if substeps < 1 or substeps != int(substeps):
        msg = f"substeps is {substeps!r}; expected a whole number of at least 1"
        raise ValueError(msg)
    if constant is not None:
        values = np.atleast_1d(units.magnitudes(constant, about["unit"], what=about["name"]))
        if values.ndim != 1 or not np.isfinite(values).all():
            msg = f"{about['name']} is {constant!r}; expected finite numbers, one per sample"
            raise ValueError(msg)
        protocol = protocols.step(values.tolist())
    drive, columns, x0 = _samples(surrogate, initial, given, protocol, seed)
    surrogate._outside_box(columns, strict=strict)
    drive.check_length(length[1], unit=about["unit"])
    first, last = drive.segments(surrogate.dt, length[0], unit=about["unit"])
    low, high = (float(fold([fold(first), fold(last)])) for fold in (np.min, np.max))
    check_input_range(surrogate.card["input"], low, high, strict=strict, stacklevel=3)
    if substeps > 1:
        first, last = _finer(first, last, int(substeps))
    dynamics = surrogate.kernel()
    p = np.zeros((len(x0), 1 + len(surrogate.parameters)))
    for i, name in enumerate(surrogate.parameters):
        p[:, i + 1] = columns[name]
    h = integrate_driven(
        dynamics, x0, p, input=about["name"], start=first, stop=last,
        dt=dynamics.time_step / substeps, every=int(substeps),
    )  # fmt: skip
    return _dataset(surrogate, h, columns, drive, length, seed, record)


def _samples(
    surrogate: Surrogate, initial: Any, parameters: dict[str, Any], protocol: Any, seed: int
) -> tuple[Any, dict[str, np.ndarray], np.ndarray]:
    """The input, the parameters and the initial states (sample, d) of all samples."""
    time_unit = surrogate.card["time_unit"]
    if isinstance(protocol, Sequence) and not isinstance(protocol, str):
        protocol = protocols.each(list(protocol))
    taken = {} if isinstance(protocol, protocols.Drive) else {
        name: np.atleast_1d(np.asarray(parameters.pop(name), dtype=float))
        for name in protocol.columns
        if name in parameters
    }  # fmt: skip
    start = {} if initial is None else dict(initial)
    columns, states, n = _inputs.columns(surrogate.card, parameters, start)
    if isinstance(protocol, protocols.Drive):
        drive = protocol
    else:
        sizes = {v.size for v in taken.values()} | {n, protocol.samples or 1}
        count = max(sizes)
        drive = protocol.drive(count, seed=seed, columns=taken, time_unit=time_unit)
    if n not in (1, drive.samples):
        msg = f"parameters and states are for {n} samples, the protocol for {drive.samples}"
        raise ValueError(msg)
    n = drive.samples
    columns = {k: np.broadcast_to(v, (n,)) for k, v in columns.items()}
    if initial is None:
        return drive, columns, at_rest(surrogate, columns, n)
    x0 = np.stack([states[s] for s in surrogate.states], 1)
    return drive, columns, np.array(np.broadcast_to(x0, (n, x0.shape[1])))


def _finer(first: np.ndarray, last: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Every step in k equal parts."""
    part = np.arange(k + 1) / k
    ends = first[..., None] + (last - first)[..., None] * part
    shape = (len(first), -1)
    return ends[..., :-1].reshape(shape), ends[..., 1:].reshape(shape)


def _dataset(
    surrogate: Surrogate,
    h: np.ndarray,
    columns: Mapping[str, np.ndarray],
    drive: Any,
    length: tuple[int, str],
    seed: int,
    record: Sequence[str] | None,
) -> xr.Dataset:
    card, about = surrogate.card, surrogate.card["input"]
    kept = surrogate.states if record is None else tuple(record)
    unknown = sorted(set(kept) - set(surrogate.states))
    if unknown:
        msg = f"record names {unknown}; expected some of the latent states {list(surrogate.states)}"
        raise ValueError(msg)
    seen = surrogate.observe(h)
    dynamics, truth = surrogate.kernel(), card["truth"]
    finite = np.isfinite(h).all(axis=(1, 2))
    rule = truth["spike_rule"]
    described = truth["parameters"]
    return schema.build(
        states=seen,
        series={name: h[..., surrogate.states.index(name)] for name in kept},
        time=np.arange(h.shape[1]) * dynamics.time_step,
        parameters={name: columns[name] for name in described},
        initial={name: values[:, 0] for name, values in seen.items()},
        seeds=drive.seeds,
        units={
            **{s["name"]: s["unit"] for s in (*card["observed"], *card["states"])},
            **{name: p["unit"] for name, p in described.items()},
            **drive.units(about["unit"]),
            about["name"]: about["unit"],
            "time": card["time_unit"],
        },
        status=np.where(finite, schema.FLAGS["ok"], schema.FLAGS["diverged"]),
        spikes=detect_batch(
            seen[rule["state"]], dynamics.time_step, threshold=rule["threshold"],
            reset=rule["reset"],
        ),
        inputs={about["name"]: drive.values(surrogate.dt, length[0], unit=about["unit"])},
        input_rule=drive.rule,
        stimuli=drive.columns,
        attrs={
            **{k: truth[k] for k in ("system", "title", "source", "equations", "equations_hash")},
            "kind": "rollout",
            "parameters": described,
            "spike_rule": rule,
            "duration": length[1],
            "transient": f"0 {card['time_unit']}",
            "record_every": surrogate.dt,
            "dt": surrogate.dt,
            "method": "rk4",
            "engine": f"surrogate {surrogate.model.name} {card['checksum'][:12]}",
            "seed": seed,
            "design": "",
            "protocol": drive.json,
            "versions": card["versions"],
        },
    )  # fmt: skip


def brian2_equations(surrogate: Surrogate) -> str:
    """Text for ``brian2.NeuronGroup(n, equations, method="rk4")``; all numbers are written out.

    The input and the parameters are parameters of the group, so that synapses or a TimedArray can
    drive it: leave the last lines out and define them yourself.

    Raises:
        ValueError: it is no flow.
    """
    if not surrogate.driven:
        msg = f"{surrogate!r} is a map, which has no differential equations"
        raise ValueError(msg)
    card, model = surrogate.card, surrogate.model
    blocks = model.blocks(len(surrogate.parameters))  # type: ignore[attr-defined]
    theta = weights(surrogate.module, "theta")
    block = {name: theta[place].reshape(shape) for name, (place, shape) in blocks.items()}
    about, observed = card["input"], card["observed"][0]
    inputs = [f"{about['name']}/({model.input_scale!r}*{about['unit']})"]  # type: ignore[attr-defined]
    for p, mid, half in zip(
        card["parameters"], surrogate.scaling.mid, surrogate.scaling.half, strict=True
    ):
        scale = "" if p["unit"] == "1" else f"/({p['unit']})"
        inputs.append(f"({p['name']}{scale} - {number(mid)})/{number(half)}")
    x = [f"x_{i + 1}" for i in range(len(inputs))]
    lines = [f"{name} = {text} : 1" for name, text in zip(x, inputs, strict=True)]
    lines += model.equations(block, surrogate.states, x, card["time_unit"])  # type: ignore[attr-defined]
    read = f"{weighted(block['w'], surrogate.states)} + {number(block['b'][0])}"
    level = f"({number(model.offset)} + {number(model.gain)}*({read}))"  # type: ignore[attr-defined]
    lines.append(
        f"{observed['name']} = {level}*{observed['unit']} : {units.base_unit(observed['unit'])}"
    )
    lines += [f"{a['name']} : {units.base_unit(a['unit'])}" for a in (about, *card["parameters"])]
    return "\n".join(lines) + "\n"
