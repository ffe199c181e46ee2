"""Modules of generated text: a step with its Jacobian, or a whole stochastic rollout."""

from __future__ import annotations

import hashlib
from pathlib import Path

from snnsurrogate.surrogate._emission import LANES, Step
from snnsurrogate.surrogate._lanes import lane_rows
from snnsurrogate.surrogate._program import PAD, Program
from snnsurrogate.surrogate._random import BLOCK, drawn

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
    """Text of a module with ``rollout`` and ``rollout_lanes``, free runs of a stochastic step.

    Single precision. Weights end with mean (d), sd (d), parameter mid (k), half-range (k), lowest
    and highest scaled state (d each), all padded. A block of steps draws its numbers at once.
    """
    offsets, at = [], program.n_weights
    for size in (d, d, k, k, d, d):
        offsets.append(at)
        at += padded(size)
    mean, sd, mid, half, low, high = offsets
    q, z = padded(d), padded(d) + padded(k)
    step = Step(program.fused(), d, (z, n), program.output, (low, high))
    rows, fixed = lane_rows(step)
    wide, size = padded(d), drawn(n)
    return "\n".join(
        [
            _HEAD,
            f"# instructions of {_digest()}",
            "import math",
            "import numpy as np",
            "from numba import njit, types",
            "from snnsurrogate.surrogate._emission import Step, over_units",
            "from snnsurrogate.surrogate._fastmath import FLAGS, aligned",
            "from snnsurrogate.surrogate._fastmath import exp32 as exp, tanh32 as tanh",
            "from snnsurrogate.surrogate._lanes import over_lanes",
            "from snnsurrogate.surrogate._random import normals",
            "from snnsurrogate.surrogate._recording import record",
            "CACHE = '__file__' in globals()",
            "FLOAT = np.float32",
            "ZERO, HALF, ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)",
            "I, V, F = types.int64, types.float64[::1], types.float32[::1]",
            "W = types.Array(types.float32, 1, 'C', readonly=True)",
            "F2, V2, U2 = types.float32[:, ::1], types.float64[:, ::1], types.uint32[:, ::1]",
            "F3, I1, I2 = types.float32[:, :, ::1], types.int64[::1], types.int64[:, ::1]",
            f"FIXED = np.array({fixed}, dtype=np.int64)",
            f"STEP = {step!r}",
            "advance = over_units(STEP)",
            "advance_lanes = over_lanes(STEP)",
            "",
            "@njit(types.void(F, V, W, F), cache=CACHE, nogil=True, fastmath=FLAGS,",
            "      error_model='numpy')",
            "def prepare(x, p, w, s):",
            f"    for i in range({d}):",
            f"        s[i] = (x[i] - w[{mean} + i]) / w[{sd} + i]",
            f"    for i in range({k}):",
            f"        s[{q} + i] = FLOAT((p[i] - w[{mid} + i]) / w[{half} + i])",
            _body(program.before),
            "",
            "@njit(types.void(F, V, W, types.uint32[::1], I, I, I1, F2, F2, I1), cache=CACHE,",
            "      nogil=True, error_model='numpy')",
            "def rollout(x, p, w, key, start, skip, columns, form, out, clipped):",
            f"    s = aligned({program.n_workspace + PAD})",
            f"    z, carries = aligned({size + PAD}), aligned({BLOCK * wide})",
            f"    times = np.zeros({wide}, dtype=np.int32)",
            f"    k0, k1 = np.full({LANES}, key[0]), np.full({LANES}, key[1])",
            f"    mean, sd = w[{mean}:{mean + d}], w[{sd}:{sd + d}]",
            "    prepare(x, p, w, s)",
            "    step, total = 0, skip + out.shape[1]",
            "    while step < total:",
            f"        block = (start + step) // {BLOCK}",
            f"        first = start + step - block * {BLOCK}",
            f"        last = min(first + total - step, {BLOCK})",
            f"        normals(k0, k1, False, np.uint32(block), z[:{size}])",
            "        for i in range(first, last):",
            f"            advance(s, w, z, i * {n}, carries, i * {wide}, times)",
            "        kept = max(first, last - (step + last - first - skip))",
            f"        record(carries, {wide}, 1, 0, kept, last, mean, sd, columns, form, out,",
            "               step + kept - first - skip)",
            f"        for i in range({d}):",
            "            clipped[i] += times[i]",
            "            times[i] = 0",
            "        step += last - first",
            f"    for i in range({d}):",
            "        x[i] = mean[i] + sd[i] * s[i]",
            "",
            "@njit(types.void(F2, V2, W, U2, I, I, I1, F3, F3, I2), cache=CACHE,",
            "      nogil=True, error_model='numpy')",
            "def rollout_lanes(x, p, w, keys, start, skip, columns, form, out, clipped):",
            f"    s = aligned({program.n_workspace + PAD})",
            f"    v = aligned({rows * LANES})",
            f"    z, carries = aligned({size * LANES}), aligned({BLOCK * d * LANES})",
            f"    times = np.zeros({d * LANES}, dtype=np.int32)",
            f"    k0, k1 = np.empty({LANES}, np.uint32), np.empty({LANES}, np.uint32)",
            f"    mean, sd = w[{mean}:{mean + d}], w[{sd}:{sd + d}]",
            f"    for lane in range({LANES}):",
            "        sample = min(lane, len(x) - 1)  # idle lanes repeat the last sample",
            "        k0[lane], k1[lane] = keys[sample, 0], keys[sample, 1]",
            "        prepare(x[sample], p[sample], w, s)",
            f"        for i in range({d}):",
            f"            v[i * {LANES} + lane] = s[i]",
            "        for i in range(FIXED.size):",
            f"            v[({d} + i) * {LANES} + lane] = s[FIXED[i]]",
            "    step, total = 0, skip + out.shape[2]",
            "    while step < total:",
            f"        block = (start + step) // {BLOCK}",
            f"        first = start + step - block * {BLOCK}",
            f"        last = min(first + total - step, {BLOCK})",
            "        normals(k0, k1, True, np.uint32(block), z)",
            "        for i in range(first, last):",
            f"            advance_lanes(v, w, z, i * {n * LANES}, carries, i * {d * LANES}, times)",
            "        kept = max(first, last - (step + last - first - skip))",
            "        for lane in range(len(x)):",
            f"            record(carries, {d * LANES}, {LANES}, lane, kept, last, mean, sd,",
            "                   columns, form[lane], out[lane], step + kept - first - skip)",
            f"            for i in range({d}):",
            f"                clipped[lane, i] += times[i * {LANES} + lane]",
            "        times[:] = 0",
            "        step += last - first",
            "    for lane in range(len(x)):",
            f"        for i in range({d}):",
            f"            x[lane, i] = mean[i] + sd[i] * v[i * {LANES} + lane]",
            "",
        ]
    )


def padded(size: int) -> int:
    """Room of a vector of a stochastic step."""
    return -(-size // PAD) * PAD


def _digest() -> str:
    """Hash of the sources that write the instructions, so that a change of them compiles anew."""
    here = Path(__file__).parent
    names = ("_emission", "_lanes", "_vectors", "_fastmath", "_random", "_recording")
    return hashlib.sha256(b"".join((here / f"{n}.py").read_bytes() for n in names)).hexdigest()[:16]
