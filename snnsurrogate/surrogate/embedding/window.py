"""How much of the past a delay vector should hold."""

from __future__ import annotations

import numpy as np

from snnsurrogate.surrogate.embedding.delays import Series

SHORTEST = 7  # samples: more than the largest dimension that is tried


def choose_window(series: Series) -> int:
    """Samples of a delay vector: those in which a sine wave of the same speed goes half a period.

    The span is pi sd(x) / v with v the root-mean-square of dx/dt; for a sine wave it is half a
    period, for a spiking neuron some widths of a spike. With mean squares D(k) of the difference
    over k samples, v^2 = (D(2) - D(1)) / 3: independent noise of the samples adds the same to
    both. A longer window shows more of a slow variable and folds the states into a shape that is
    harder to learn; a shorter one differentiates noise.

    Raises:
        ValueError: pieces too short for the window.
    """
    first = [np.diff(p) for p in series.pieces]
    second = [p[2:] - p[:-2] for p in series.pieces]
    d1, d2 = (float(np.mean(np.concatenate(d) ** 2)) for d in (first, second))
    # as fast as one step allows where two steps bring nothing new: noise, or too coarse a step
    speed = np.sqrt(max((d2 - d1) / 3, d1 / 30))
    window = max(SHORTEST, round(np.pi * series.sd / speed) + 1)
    longest = max(p.size for p in series.pieces)
    if longest < 20 * window:
        msg = (
            f"the longest piece of {series.name!r} has {longest} samples, a delay vector {window}; "
            f"record at least {20 * window} samples in a row"
        )
        raise ValueError(msg)
    return int(window)
