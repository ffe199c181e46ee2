"""Pieces of the exact engine, run one after another; shared by the tests of its laws."""

import dataclasses

import numpy as np

from snnsurrogate import systems
from snnsurrogate.simulate import exact
from snnsurrogate.simulate._engine import Piece, Task
from snnsurrogate.simulate.exact._law import pack, unpack

BOTH = ("spikes", "histograms")


def task(model, *, duration, step=1.0, transient=0.0, seed=1, chunk=0, carry=None, dt=0.1):
    """One piece of ``duration`` ms, recorded every ``step`` ms."""
    parameters = model.defaults
    first = carry is None
    return Task(
        parameters=parameters,
        sizes=model.sizes(parameters),
        seed=seed,
        chunk=chunk,
        dt=dt,
        skip=round(transient / dt) if first else 0,
        every=round(step / dt),
        records=round(duration / step) + first,
        elapsed=0 if first else chunk * round(duration / dt),
        carry=carry,
    )


def run(
    name="markov-if", *, record=BOTH, progress=lambda share: None, parameters=None, changes=None,
    **times,
):  # fmt: skip
    """One piece of a network with other parameters, and other fields of its declaration.

    Ranges are those of a design, not of the law: a test may leave them.
    """
    model = dataclasses.replace(free(name, parameters), **(changes or {}))
    engine = exact.prepare(model, model.sizes(model.defaults), record)
    with engine.worker() as worker:
        return engine.run(worker, task(model, **times), progress=progress)


def pieces(name="markov-if", *, n, duration, parameters=None, record=BOTH, **times) -> Piece:
    """A run of ``n`` pieces of ``duration`` ms, joined."""
    parts, carry = [], None
    for chunk in range(n):
        part = run(
            name, record=record, parameters=parameters, duration=duration, chunk=chunk,
            carry=carry, **times,
        )  # fmt: skip
        carry = part.carry
        parts.append(part)
    spikes = ("spike_time", "spike_neuron", "spike_population", "spike_cause")
    return dataclasses.replace(
        parts[-1],
        series=np.concatenate([part.series for part in parts], axis=1),
        **{key: np.concatenate([getattr(part, key) for part in parts]) for key in spikes},
    )


def free(name, parameters):
    """The network with any values."""
    model = systems.get(name)
    changed = tuple(
        dataclasses.replace(p, value=parameters[p.name], low=-np.inf, high=np.inf)
        if p.name in (parameters or {})
        else p
        for p in model.parameters
    )
    return dataclasses.replace(model, parameters=changed)


def state(piece) -> dict:
    """Arrays of the network at the end of a piece."""
    return unpack(piece.carry)


def carry(arrays) -> np.ndarray:
    """Inverse of :func:`state`."""
    return pack(arrays)
