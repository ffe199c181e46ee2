"""Standard normal numbers of compiled rollouts: counter-based, so that lanes are independent.

Every sample has a key made of (seed, sample); the numbers of a block of steps are a function of
key and block alone. A run is therefore the same whether it is computed alone, in a batch, in pieces
or in torch. Single precision, vectorised over the counter.

Sources: Threefry-2x32 with 20 rounds, Salmon, Moraes, Dror & Shaw (2011),
doi:10.1145/2063384.2063405; Box & Muller (1958), doi:10.1214/aoms/1177706645.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from snnsurrogate.surrogate._fastmath import fma32

__all__ = ["BLOCK", "drawn", "key", "normals", "threefry"]

BLOCK = 16  # steps whose numbers are drawn at once
UNIT = 32  # the numbers of a block are a multiple of it
_U, _I, _F = np.uint32, np.int32, np.float32
_MAGIC = 12582912.0  # 1.5 * 2^23: adding it rounds to an integer


def key(seed: int, sample: int) -> np.ndarray:
    """The two words (2,) uint32 of one sample's stream."""
    return np.random.SeedSequence((abs(seed), int(seed < 0), sample)).generate_state(2, np.uint32)


def drawn(noise: int) -> int:
    """Numbers that are drawn for one block of steps with ``noise`` of them each."""
    return -(-BLOCK * noise // UNIT) * UNIT


@njit(inline="always")
def _four(a, b, first, second, third, fourth):  # type: ignore[no-untyped-def]
    """Four rounds: add, rotate by the given amounts, exclusive or."""
    a = _U(a + b)
    b = _U(_U(_U(b << _U(first)) | _U(b >> _U(32 - first))) ^ a)
    a = _U(a + b)
    b = _U(_U(_U(b << _U(second)) | _U(b >> _U(32 - second))) ^ a)
    a = _U(a + b)
    b = _U(_U(_U(b << _U(third)) | _U(b >> _U(32 - third))) ^ a)
    a = _U(a + b)
    b = _U(_U(_U(b << _U(fourth)) | _U(b >> _U(32 - fourth))) ^ a)
    return a, b


@njit(inline="always")
def threefry(k0, k1, c0, c1):  # type: ignore[no-untyped-def]
    """Two random words of a key and a counter, all uint32."""
    k2 = _U(_U(k0 ^ k1) ^ _U(0x1BD11BDA))
    a, b = _four(_U(c0 + k0), _U(c1 + k1), 13, 15, 26, 6)
    a, b = _four(_U(a + k1), _U(b + k2 + _U(1)), 17, 29, 16, 24)
    a, b = _four(_U(a + k2), _U(b + k0 + _U(2)), 13, 15, 26, 6)
    a, b = _four(_U(a + k0), _U(b + k1 + _U(3)), 17, 29, 16, 24)
    a, b = _four(_U(a + k1), _U(b + k2 + _U(4)), 13, 15, 26, 6)
    return _U(a + k2), _U(b + k0 + _U(5))


@njit(inline="always")
def _pair(k0, k1, c0, c1):  # type: ignore[no-untyped-def]
    """Two standard normal numbers of a key and a counter; every operation rounded once."""
    a, b = threefry(k0, k1, c0, c1)
    # logarithm of u in (0, 1): u = m 2^e with m in [sqrt(1/2), sqrt(2)), log m by atanh
    u = (_F(_I(a >> _U(1))) + _F(0.5)) * _F(2.0**-31)
    bits = np.float32(u).view(np.int32)
    e = _I(_I(bits - _I(0x3F3504F3)) >> _I(23))
    m = np.int32(bits - _I(e << _I(23))).view(np.float32)
    s = (m - _F(1.0)) / (m + _F(1.0))
    z = s * s
    log = fma32(_F(1.0 / 9.0), z, _F(1.0 / 7.0))
    log = fma32(log, z, _F(1.0 / 5.0))
    log = fma32(log, z, _F(1.0 / 3.0))
    log = fma32(log, z, _F(1.0))
    v = _F(-2.0) * fma32(_F(2.0) * s, log, _F(e) * _F(0.6931471805599453))
    r = math.sqrt(v if v > _F(0.0) else _F(0.0))
    # cosine and sine of a full turn: quarter turns in [-2, 2), reduced to an eighth
    w = _F(_I(b)) * _F(2.0**-30)
    t = w + _F(_MAGIC)
    x = (w - (t - _F(_MAGIC))) * _F(1.5707963267948966)
    y = x * x
    sine = fma32(_F(-1.0 / 5040.0), y, _F(1.0 / 120.0))
    sine = fma32(sine, y, _F(-1.0 / 6.0))
    sine = fma32(x * y, sine, x)
    cosine = fma32(_F(1.0 / 40320.0), y, _F(-1.0 / 720.0))
    cosine = fma32(cosine, y, _F(1.0 / 24.0))
    cosine = fma32(cosine, y, _F(-0.5))
    cosine = fma32(cosine, y, _F(1.0))
    quarter = np.float32(t).view(np.int32)
    odd = (quarter & _I(1)) != _I(0)
    c = sine if odd else cosine
    d = cosine if odd else sine
    c = -c if (_I(quarter + _I(1)) & _I(2)) != _I(0) else c
    d = -d if (quarter & _I(2)) != _I(0) else d
    return r * c, r * d


@njit(
    types.void(types.uint32[::1], types.uint32[::1], types.boolean, types.uint32,
               types.float32[::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def normals(k0, k1, lanes, block, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` with the standard normal numbers of one block of steps.

    ``k0`` and ``k1`` (width,) are the words of keys. With ``lanes`` the keys are of different
    samples, and ``out`` (number x width,) holds their numbers side by side; else all keys are one,
    and ``out`` holds `drawn` numbers of it. The numbers of a key are the same in both cases if the
    width is half a `UNIT`.
    """
    width = k0.size  # not a constant, which would be unrolled in place of vectorised
    n = out.size // width // 2
    rows, columns = (1, 0) if lanes else (width, 1)
    for i in range(n):
        for j in range(width):
            a, b = _pair(k0[j], k1[j], _U(i * rows + j * columns), block)
            out[i * width + j] = a
            out[(n + i) * width + j] = b
