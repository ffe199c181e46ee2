"""Slow ramps of the input up and down: where firing begins, where it ends, and what lies between.

Between the fold of cycles and the Hopf point a neuron such as Hodgkin-Huxley's has two attractors,
rest and firing, and which one it is on depends on where it came from.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from snnsurrogate import protocols, schema, units
from snnsurrogate.systems import System

from .excitability import Driven, _Bench

__all__ = ["current_ramps"]


def current_ramps(
    source: System | str | Driven,
    parameters: Mapping[str, float] | None = None,
    *,
    low: float = 0.0,
    high: float = 20.0,
    duration: str = "4 s",
    held: float = 8.0,
    hold: str = "2 s",
    record_every: str = "0.05 ms",
) -> xr.Dataset:
    """Response to a ramp from ``low`` to ``high`` and back, and to ``held`` reached from each end.

    On a ramp firing begins later than rest loses stability, the later the faster the ramp is (slow
    passage through a Hopf point): compare sources with one ramp.

    Args:
        source: a system with an input, its name, or a driven surrogate.
        parameters: other parameters, one value each; missing = default.
        low: where the input begins, at rest; amplitudes are in its declared unit.
        high: where it turns.
        duration: of each ramp, a time with unit.
        held: input at which both ramps also stop.
        hold: how long it is held there.
        record_every: recording step of simulations.

    Returns:
        Dataset: ``begins`` and ``ends`` (input at the first spike of the ramp up and at the last
        one of the ramp down, NaN without spikes); ``spike_input`` and ``spike_rate`` (leg,
        spike), padded with NaN: input at every spike, and one over the interval before it, in Hz;
        ``held_spikes`` (leg): spikes in the second half of the hold, reached from below (up) and
        from firing above (down); ``bistable``: 1 if there are none after the one and some after
        the other. Times in ms.

    Raises:
        ValueError: ``low`` < ``held`` < ``high`` does not hold, or a time without unit.
    """
    if not low < held < high:
        msg = f"low={low:g}, held={held:g}, high={high:g}; expected low < held < high."
        raise ValueError(msg)
    bench = _Bench(source, parameters or {}, record_every, 1)
    span, rest = (units.magnitude(t, "ms", what=w) for t, w in
                  ((duration, "duration"), (hold, "hold")))  # fmt: skip

    def ramp(a: str, b: str, length: float = span) -> protocols.Protocol:
        return protocols.ramp(a, b, start="0 ms", duration=f"{length:.12g} ms")

    levels = {"low": low, "high": high, "held": held}

    def run(*parts: protocols.Protocol, length: float) -> np.ndarray:
        protocol = parts[0]
        for part in parts[1:]:
            protocol = protocol.then(part)
        columns = {name: np.array([value]) for name, value in levels.items()}
        used = {name: columns[name] for name in protocol.columns}
        made = bench.run(protocol, used, length)
        return schema.unpack_spikes(made)[0]

    spikes = run(ramp("low", "high"), ramp("high", "low"), length=2 * span)
    up, down = spikes[spikes < span], spikes[spikes >= span]
    inputs = [low + (high - low) * up / span, high - (high - low) * (down - span) / span]
    rates = [_rates(up), _rates(down)]
    room = max(len(up), len(down), 1)
    share = float(round((held - low) / (high - low) * span))  # whole ms, a multiple of any step
    still = ramp("held", "held", rest)
    below = run(ramp("low", "held", share), still, length=share + rest)
    above = run(
        ramp("low", "high"), ramp("high", "held", span - share), still,
        length=2 * span - share + rest,
    )  # fmt: skip
    held_spikes = [
        int((below > share + rest / 2).sum()),
        int((above > 2 * span - share + rest / 2).sum()),
    ]
    pair = ("leg", "spike")
    return xr.Dataset(
        {
            "begins": ((), float(inputs[0][0]) if len(up) else np.nan),
            "ends": ((), float(inputs[1][-1]) if len(down) else np.nan),
            "spike_input": (pair, np.stack([_padded(v, room) for v in inputs])),
            "spike_rate": (pair, np.stack([_padded(v, room) for v in rates]), {"units": "Hz"}),
            "held_spikes": ("leg", held_spikes),
            "bistable": ((), int(held_spikes[0] == 0 and held_spikes[1] > 0)),
        },
        coords={"leg": ["up", "down"]},
        attrs={"low": low, "high": high, "held": held, "duration": duration, "hold": hold},
    )


def _rates(times: np.ndarray) -> np.ndarray:
    return np.concatenate([[np.nan], 1000.0 / np.diff(times)]) if len(times) else times


def _padded(values: np.ndarray, room: int) -> np.ndarray:
    return np.pad(values.astype(float), (0, room - len(values)), constant_values=np.nan)
