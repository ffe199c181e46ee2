"""Modules of generated text: a step with its Jacobian, or a whole stochastic rollout."""

from __future__ import annotations

from snnsurrogate.surrogate._program import Program
from snnsurrogate.surrogate._random import BLOCK

_HEAD = '"""Generated from the traced step of a surrogate; do not edit."""'


def _body(lines: list[str], depth: int = 1) -> str:
    return "\n".join("    " * depth + line for line in lines)


def step_source(program: Program, d: int, k: int) -> str:
    """Text of a module with ``core`` and ``core_jacobian`` in physical units.

    Weights end with [mean (d) | sd (d) | parameter mid (k) | parameter half-range (k)].
    """
    mean = program.n_weights
    sd, mid, half = mean + d, mean + 2 * d, mean + 2 * d + k
    scale_in = [
        f"for i in range({d}):",
        f"    s[i] = (x[i] - w[{mean} + i]) / w[{sd} + i]",
        f"for i in range({k}):",
        f"    s[{d} + i] = (p[i] - w[{mid} + i]) / w[{half} + i]",
    ]
    # the step is x + increment: leaving and entering scaled units costs one rounding each
    scale_out = [
        f"for i in range({d}):",
        f"    out[i] = w[{mean} + i] + w[{sd} + i] * s[{program.output} + i]",
    ]
    seed = [
        f"for i in range({(d + k) * d}):",
        "    t[i] = 0.0",
        f"for i in range({d}):",
        f"    t[i * {d} + i] = 1.0",
    ]
    jacobian_out = [
        f"for i in range({d}):",
        f"    for k in range({d}):",
        f"        out[i, k] = t[({program.output} + i) * {d} + k] * w[{sd} + i] / w[{sd} + k]",
    ]
    return "\n".join(
        [
            _HEAD,
            "import math",
            "from math import exp",
            "from numba import njit, types",
            "from snnsurrogate.surrogate._fastmath import FLAGS, tanh",
            "CACHE = '__file__' in globals()",
            "FLOAT, ZERO, HALF, ONE = float, 0.0, 0.5, 1.0",
            "V = types.float64[::1]",
            "M = types.float64[:, ::1]",
            "W = types.Array(types.float64, 1, 'C', readonly=True)",
            "",
            "@njit(types.void(V, V, W, V, V), cache=CACHE, nogil=True, fastmath=FLAGS,",
            "      error_model='numpy')",
            "def core(x, p, w, s, out):",
            _body([*scale_in, *program.value_lines, *scale_out]),
            "",
            "@njit(types.void(V, V, W, V, V, M), cache=CACHE, nogil=True, error_model='numpy')",
            "def core_jacobian(x, p, w, s, t, out):",
            _body([*scale_in, *seed, *program.jacobian_lines, *jacobian_out]),
            "",
        ]
    )


def rollout_source(program: Program, d: int, k: int, n: int) -> str:
    """Text of a module with ``rollout``: one sample of a stochastic step, single precision.

    Weights end with [mean (d) | sd (d) | parameter mid (k) | parameter half-range (k) | lowest (d)
    | highest (d) scaled state]. A block of steps draws its n numbers per step at once.
    """
    mean = program.n_weights
    sd, mid, half = mean + d, mean + 2 * d, mean + 2 * d + k
    low, high = half + k, half + k + d
    draws = BLOCK * n + BLOCK * n % 2
    return "\n".join(
        [
            _HEAD,
            "import math",
            "import numpy as np",
            "from numba import njit, types",
            "from snnsurrogate.surrogate._fastmath import FLAGS",
            "from snnsurrogate.surrogate._fastmath import exp32 as exp, tanh32 as tanh",
            "from snnsurrogate.surrogate._random import normals",
            "CACHE = '__file__' in globals()",
            "FLOAT = np.float32",
            "ZERO, HALF, ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)",
            "V, F = types.float64[::1], types.float32[::1]",
            "W = types.Array(types.float32, 1, 'C', readonly=True)",
            "I, U = types.int64[::1], types.uint32[::1]",
            "OUT = types.float32[:, ::1]",
            "",
            "@njit(types.void(F, V, W, U, types.int64, types.int64, I, OUT, I), cache=CACHE,",
            "      nogil=True, fastmath=FLAGS, error_model='numpy')",
            "def rollout(x, p, w, key, start, skip, columns, out, clipped):",
            f"    s = np.empty({program.n_workspace}, dtype=np.float32)",
            f"    z = np.empty({draws}, dtype=np.float32)",
            f"    for i in range({d}):",
            f"        s[i] = (x[i] - w[{mean} + i]) / w[{sd} + i]",
            f"    for i in range({k}):",
            f"        s[{d} + i] = FLOAT((p[i] - w[{mid} + i]) / w[{half} + i])",
            _body(program.before),
            "    drawn = np.int64(-1)",
            "    for step in range(skip + out.shape[0]):",
            f"        block = (start + step) // {BLOCK}",
            f"        at = (start + step - block * {BLOCK}) * {n}",
            "        if block != drawn:",
            "            normals(key[0], key[1], np.uint32(block), z)",
            "            drawn = block",
            f"        for i in range({n}):",
            f"            s[{d + k} + i] = z[at + i]",
            _body(program.value_lines, 2),
            f"        for i in range({d}):",
            f"            a = s[{program.output} + i]",
            f"            b = w[{low} + i] if a < w[{low} + i] else a",
            f"            b = w[{high} + i] if b > w[{high} + i] else b",
            "            clipped[i] += np.int64(a != b)",
            "            s[i] = b",
            "        if step >= skip:",
            "            for i in range(columns.size):",
            "                j = columns[i]",
            f"                out[step - skip, i] = w[{mean} + j] + w[{sd} + j] * s[j]",
            f"    for i in range({d}):",
            f"        x[i] = w[{mean} + i] + w[{sd} + i] * s[i]",
            "",
        ]
    )
