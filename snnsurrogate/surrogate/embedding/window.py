"""How much of the past a delay vector should hold."""

from __future__ import annotations

import numpy as np

from snnsurrogate.surrogate.embedding.delays import Series

SHORTEST = 7  # samples: more than the largest dimension that is tried
_SLOW = 20  # windows in a period: below, a window sees enough of it
_RHYTHM = 0.3  # share of the power in the largest peak: above, the series has a rhythm
_PERIODS = 4  # in a piece, at least


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


def choose_averages(series: Series, window: int) -> tuple[float, ...]:
    """Time constant, in samples, of an exponential average that shows a slow variable.

    Half the period of the largest peak of the power spectrum, where that period is longer than 20
    windows and the peak holds three tenths of the power; none where it is not so. On a cycle such
    an average is a function of the state; on a chaotic attractor a slow one is a rough function of
    it, which is why a broad spectrum has none.

    Args:
        series: the longest period of its pieces counts.
        window: samples of the delay vectors.
    """
    from scipy.signal import welch

    slowest = 0.0
    for piece in series.pieces:
        frequency, power = welch(piece, nperseg=piece.size // 2, detrend="constant")
        peak = 1 + int(np.argmax(power[1:]))
        period = float(1 / frequency[peak])
        if (
            period > _SLOW * window
            and _PERIODS * period <= piece.size
            and power[max(1, peak - 2) : peak + 3].sum() > _RHYTHM * power[1:].sum()
        ):
            slowest = max(slowest, period)
    return (float(f"{slowest / 2:.3g}"),) if slowest else ()
