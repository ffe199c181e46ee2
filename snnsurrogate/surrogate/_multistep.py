"""Residuals of short free runs of a network map, and their exact Jacobian, compiled.

The map is x + s N(x, q), N a perceptron with tanh between its layers. A sensitivity S = dx/dtheta
follows S(t + 1) = (I + s dN/dx) S(t) + s dN/dtheta with S(0) = 0; the rows of dN/dtheta are outer
products that are added in place. theta is laid out as `least_squares.flatten` does: per layer the
rows of [W | b].
"""

from __future__ import annotations

import numba
import numpy as np
from numba import types

from snnsurrogate.surrogate._fastmath import FLAGS, tanh

_VECTOR = types.float64[::1]
_MATRIX = types.float64[:, ::1]
_CUBE = types.float64[:, :, ::1]
_WIDTHS = types.int64[::1]
# reassociation lets sums be vectorised; no nnan: a run that diverges must be seen
_FLAGS = {"contract", "reassoc", "nsz", "arcp"}


@numba.njit("float64(float64)", cache=True, nogil=True, fastmath=FLAGS)
def _tanh(x):  # type: ignore[no-untyped-def]
    # a function of its own: its rounding by a magic number must not be reassociated
    return tanh(x)


@numba.njit(
    types.void(_VECTOR, _WIDTHS, _VECTOR, _MATRIX),
    cache=True, nogil=True, error_model="numpy", fastmath=_FLAGS, inline="always",
)  # fmt: skip
def _network(theta, widths, u, a):  # type: ignore[no-untyped-def]
    """Activations a (layer + 1, unit) of an input u; the last row is the output."""
    layers = widths.size - 1
    for m in range(widths[0]):
        a[0, m] = u[m]
    at = 0
    for layer in range(layers):
        n_in, n_out = widths[layer], widths[layer + 1]
        for j in range(n_out):
            total = theta[at + n_in]
            for m in range(n_in):
                total += theta[at + m] * a[layer, m]
            a[layer + 1, j] = total
            at += n_in + 1
        if layer < layers - 1:
            for j in range(n_out):
                a[layer + 1, j] = _tanh(a[layer + 1, j])


@numba.njit(
    types.void(_VECTOR, _WIDTHS, _VECTOR, _MATRIX, _MATRIX, _CUBE),
    cache=True, nogil=True, error_model="numpy", fastmath=_FLAGS,
)  # fmt: skip
def runs(theta, widths, scale, x0, q, out):  # type: ignore[no-untyped-def]
    """Free runs: out (run, step, d) of starts x0 (run, d) with inputs q (run, k)."""
    d, k = x0.shape[1], q.shape[1]
    u, a = np.empty(d + k), np.empty((widths.size, widths.max()))
    for n in range(x0.shape[0]):
        u[:d] = x0[n]
        u[d:] = q[n]
        for t in range(out.shape[1]):
            _network(theta, widths, u, a)
            for i in range(d):
                u[i] += scale[i] * a[widths.size - 1, i]
                out[n, t, i] = u[i]


@numba.njit(
    types.void(
        _VECTOR, _WIDTHS, _VECTOR, _MATRIX, _MATRIX, _CUBE, _CUBE, _WIDTHS, _MATRIX, _VECTOR
    ),
    cache=True, nogil=True, error_model="numpy", fastmath=_FLAGS,
)  # fmt: skip
def jacobian(  # type: ignore[no-untyped-def]
    theta, widths, scale, x0, q, targets, weights, kept, rows, residuals
):
    """Rows of d(weight (run - target))/dtheta, and the residuals themselves.

    Args:
        theta: of the map.
        widths: of its layers.
        scale: (d,) of its increments.
        x0: (run, d) starts.
        q: (run, k) inputs.
        targets: (run, step, d).
        weights: (run, step, d).
        kept: steps, ascending, that give a residual.
        rows: (run x kept x d, theta), overwritten.
        residuals: (run x kept x d,), overwritten.
    """
    d, k, p = x0.shape[1], q.shape[1], theta.size
    layers, widest = widths.size - 1, widths.max()
    u, a = np.empty(d + k), np.empty((widths.size, widest))
    g, back = np.empty(widest), np.empty(widest)
    by_state, s, new = np.empty((d, d)), np.empty((d, p)), np.empty((d, p))
    row = 0
    for n in range(x0.shape[0]):
        u[:d] = x0[n]
        u[d:] = q[n]
        s[:] = 0.0
        nth = 0
        for t in range(kept[-1] + 1):
            _network(theta, widths, u, a)
            # slopes of output i, layer by layer from the last: outer products into new[i]
            for i in range(d):
                for j in range(widths[layers]):
                    g[j] = 0.0
                g[i] = scale[i]
                end = p
                target = new[i]
                for layer in range(layers - 1, -1, -1):
                    n_in, n_out = widths[layer], widths[layer + 1]
                    begin = end - n_out * (n_in + 1)
                    for m in range(n_in):
                        back[m] = 0.0
                    for j in range(n_out):
                        at, gj = begin + j * (n_in + 1), g[j]
                        if gj == 0.0 and layer == layers - 1:
                            for m in range(n_in + 1):
                                target[at + m] = 0.0
                            continue
                        for m in range(n_in):
                            target[at + m] = gj * a[layer, m]
                            back[m] += gj * theta[at + m]
                        target[at + n_in] = gj
                    for m in range(n_in):
                        g[m] = back[m] if layer == 0 else back[m] * (1.0 - a[layer, m] ** 2)
                    end = begin
                for m in range(d):
                    by_state[i, m] = g[m]
                by_state[i, i] += 1.0
            for i in range(d):
                target = new[i]
                for m in range(d):
                    c, source = by_state[i, m], s[m]
                    for j in range(p):
                        target[j] += c * source[j]
            s, new = new, s
            for i in range(d):
                u[i] += scale[i] * a[layers, i]
            if t == kept[nth]:
                for i in range(d):
                    w = weights[n, t, i]
                    residuals[row] = w * (u[i] - targets[n, t, i])
                    source, target = s[i], rows[row]
                    for j in range(p):
                        target[j] = w * source[j]
                    row += 1
                nth += 1
