"""What the observed quantity alone says about hidden states: it through nonlinear low-pass filters.

    ds/dt = (u - s) / (tau (1 - u + ratio u)),   u = 1 / (1 + exp(-(y - rest - c A) / (k A)))

with A the height of the largest y above rest. Gates of a neuron follow its potential like this and
forget their own past, so that some of these filters, driven by the record, stand in for gates that
nobody recorded. Source of the idea: hidden states that the voltage drives and that contract,
Burghi, Schoukens and Sepulchre (2021), arXiv:2002.09626; the filters are this package's choice.
"""

from __future__ import annotations

import itertools

import numpy as np

CENTRES = (0.05, 0.2)  # c
WIDTHS = (0.07, 0.14)  # k
TIMES_MS = (4.0, 8.0)  # tau
RATIOS = (0.15, 0.5)  # of the time constant far above rest to tau
FILTERS = tuple(itertools.product(CENTRES, WIDTHS, TIMES_MS, RATIOS))


def filters(y: np.ndarray, dt: float) -> np.ndarray:
    """Filtered records (record, time, filter) within [-1, 1]; each begins in its steady state.

    Args:
        y: (record, time) observed quantity.
        dt: step in ms.
    """
    rest = float(np.median(y[:, 0]))
    height = max(float(y.max()) - rest, 1e-12)
    centre, width, time, ratio = (np.array(column) for column in zip(*FILTERS, strict=True))
    u = 1.0 / (1.0 + np.exp((centre - (y[..., None] - rest) / height) / width))
    middle = (u[:, 1:] + u[:, :-1]) / 2
    keep = np.exp(-dt / (time * (1.0 - middle + ratio * middle)))
    gain = (1.0 - keep) * middle
    s = np.empty_like(u)
    s[:, 0] = u[:, 0]
    for k in range(y.shape[1] - 1):
        s[:, k + 1] = keep[:, k] * s[:, k] + gain[:, k]
    return 2.0 * s - 1.0
