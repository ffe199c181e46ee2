"""The functions that make protocols, and the one that reads them back from a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsurrogate import units

from ._base import Protocol, from_json
from ._combined import Each
from ._drive import Drive
from ._sampled import Array, Chirp, OrnsteinUhlenbeck, encode
from ._shapes import Constant, PulseTrain, Ramp, Step

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "array",
    "chirp",
    "constant",
    "each",
    "of",
    "ou",
    "pulse_train",
    "ramp",
    "read",
    "release",
    "step",
]


def constant(amplitude: Any) -> Protocol:
    """One value for all times, the transient included: a holding current."""
    return Constant(amplitude=amplitude)


def step(amplitude: Any, *, start: Any = "0 ms", duration: Any = None) -> Protocol:
    """``amplitude`` from ``start`` on, for ``duration``; without it, for good."""
    return Step(amplitude=amplitude, start=start, duration=duration)


def ramp(low: Any, high: Any, *, duration: Any, start: Any = "0 ms") -> Protocol:
    """A straight line from ``low`` to ``high``, 0 before and after it.

    Give ``.then(protocols.step(high, start="0 ms"))`` to stay at its end.
    """
    return Ramp(low=low, high=high, start=start, duration=duration)


def pulse_train(
    amplitude: Any, *, width: Any, period: Any, count: Any, start: Any = "0 ms"
) -> Protocol:
    """``count`` pulses of ``width``; ``period`` is from onset to onset."""
    return PulseTrain(amplitude=amplitude, start=start, width=width, period=period, count=count)


def release(amplitude: Any, *, duration: Any, start: Any = "0 ms") -> Protocol:
    """Hold at ``amplitude`` (usually negative) for ``duration``, then release to 0 for good.

    The release is at ``start + duration``; the record may go on after it.
    """
    held = Step(amplitude=amplitude, start=start, duration=duration)
    return held.then(Step(amplitude=0.0, start="0 ms"))


def ou(
    *,
    mean: Any,
    sd: Any,
    tau: Any,
    step: Any = "0.1 ms",
    rule: str = "linear",
    start: Any = "0 ms",
    duration: Any = None,
    seed: int | None = None,
) -> Protocol:
    """Ornstein-Uhlenbeck noise: Gaussian, correlation ``exp(-|t|/tau)``, stationary throughout.

    Args:
        mean: mean value.
        sd: standard deviation of the numbers at every ``step``. Between them, under "linear", it is
            smaller: at a midpoint by the factor ``sqrt((1 + exp(-step/tau))/2)``.
        tau: correlation time.
        step: interval of the numbers. The integration step must divide it; the noise is the same
            function of time for every integration step that does.
        rule: "linear" joins the numbers by straight lines, "hold" keeps each until the next.
        start: before it the input is 0.
        duration: without it, for good.
        seed: None gives every sample noise of its own, derived from its seed in the sweep; a number
            gives all samples the same ("frozen") noise in every sweep.

    Source: Uhlenbeck and Ornstein (1930), doi:10.1103/PhysRev.36.823; the exact step from one
    number to the next after Gillespie (1996), doi:10.1103/PhysRevE.54.2084.
    """
    return OrnsteinUhlenbeck(
        mean=mean,
        sd=sd,
        tau=tau,
        step=step,
        between=rule,
        start=start,
        duration=duration,
        seed=seed,
    )


def chirp(
    amplitude: Any,
    *,
    low: Any,
    high: Any,
    duration: Any,
    step: Any = "0.1 ms",
    rule: str = "linear",
    start: Any = "0 ms",
) -> Protocol:
    """A sine from 0 on whose frequency rises evenly from ``low`` to ``high``.

    Under "linear" it deviates from the sine by at most ``amplitude * (2 pi f step)^2 / 8``.

    Args:
        amplitude: of the sine.
        low: first frequency, text with a unit ("1 Hz").
        high: last frequency.
        duration: of the sweep of frequencies.
        step: interval of its numbers; at least 4 per period.
        rule: "linear" or "hold" between them.
        start: before it the input is 0.
    """
    return Chirp(
        amplitude=amplitude, low=low, high=high, step=step, between=rule, start=start,
        duration=duration,
    )  # fmt: skip


def array(values: Any, step: Any, *, rule: str, start: Any = "0 ms") -> Protocol:
    """A recorded current.

    Args:
        values: (time,), or (sample, time) for one current per sample; numbers in the declared unit
            of the input, or a Brian2 or pint quantity.
        step: interval of the numbers.
        rule: "hold" (each number until the next, as a converter plays it) or "linear" (straight
            lines between them); it must be said, because it changes the current.
        start: time of the first number.

    Raises:
        ValueError: fewer than two numbers, or one that is not finite.
    """
    unit = units.unit_of(values, "array")
    numbers = np.asarray(values if unit is None else units.magnitudes(values, unit, what="array"))
    if numbers.dtype.kind not in "fiu" or numbers.ndim not in (1, 2) or numbers.shape[-1] < 2:
        msg = (
            f"a recorded current has shape {numbers.shape} and type {numbers.dtype}; expected at "
            "least two numbers, (time,) or (sample, time)."
        )
        raise ValueError(msg)
    bad = np.argwhere(~np.isfinite(numbers))
    if bad.size:
        place = tuple(int(i) for i in bad[0])
        msg = (
            f"the recorded current is {numbers[place]} at position {place[-1]}"
            + (f" of sample {place[0]}" if len(place) == 2 else "")
            + f" ({len(bad)} such numbers); fill or cut the gap before it drives a model."
        )
        raise ValueError(msg)
    rows = [
        Array(data=encode(row), step=step, between=rule, start=start, unit=unit)
        for row in np.atleast_2d(numbers)
    ]
    return rows[0] if numbers.ndim == 1 else each(rows)


def each(protocols: Sequence[Protocol], which: Any = None) -> Protocol:
    """One of several protocols per sample.

    Args:
        protocols: the list.
        which: position in the list of every sample's protocol: numbers, or the name of a column of
            the design; default: the first sample has the first, and so on.

    Raises:
        TypeError: something else in the list.
    """
    options = tuple(protocols)
    for i, option in enumerate(options):
        if not isinstance(option, Protocol):
            msg = f"entry {i} of the list of protocols is {option!r}; expected a protocol."
            raise TypeError(msg)
    if not options:
        msg = "the list of protocols is empty; expected at least one."
        raise ValueError(msg)
    return Each(options=options, which=np.arange(len(options)) if which is None else which)


def read(
    given: Any,
    n_samples: int | None = None,
    *,
    seed: Any = 0,
    columns: Mapping[str, Any] | None = None,
    time_unit: str = "ms",
) -> Drive:
    """The drive of what a caller passed as ``protocol``: a protocol, a list of them, or a drive.

    Args:
        given: a list has one protocol per sample.
        n_samples: how many samples.
        seed: of the sweep; a drive keeps its own seeds.
        columns: name -> (sample,) values; a drive keeps its own.
        time_unit: of columns of times.

    Raises:
        TypeError: something else.
        ValueError: another number of samples, or an absent column.
    """
    if isinstance(given, Drive):
        if n_samples is not None and given.samples != n_samples:
            msg = (
                f"the protocol was bound to {given.samples} samples, but there are {n_samples}; "
                "give the same design, or drive.select(...)."
            )
            raise ValueError(msg)
        return given
    protocol = each(given) if isinstance(given, list | tuple) else given
    if not isinstance(protocol, Protocol):
        msg = (
            f"protocol is {given!r}; expected a protocol such as protocols.step(10, "
            "start='10 ms'), or a list of them, one per sample."
        )
        raise TypeError(msg)
    return protocol.drive(n_samples, seed=seed, columns=columns, time_unit=time_unit)


def of(dataset: xr.Dataset) -> Drive:
    """The protocol of a driven dataset, with the columns and seeds of its samples.

    It gives exactly the input of the simulation, at any times; as ``protocol`` of a rollout or of
    another simulation it drives every sample as it was driven here.

    Raises:
        ValueError: the dataset was not driven.
    """
    text = str(dataset.attrs.get("protocol") or "")
    if not text:
        msg = (
            f"the dataset of {dataset.attrs.get('system', 'an unknown system')!r} was not driven "
            "by a protocol: its inputs are constant parameters."
        )
        raise ValueError(msg)
    protocol = from_json(text)
    columns = {name: dataset[name].values for name in protocol.columns}
    return protocol.drive(
        dataset.sizes["sample"],
        seed=dataset["seed"].values,
        columns=columns,
        time_unit=str(dataset.attrs["time_unit"]),
    )
