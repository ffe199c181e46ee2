"""Random numbers for compiled event loops: xoshiro256++ and an exponential ziggurat.

The generator's four words are passed and returned by value, so that they stay in registers and
threads share nothing. Sources: Blackman and Vigna, ACM TOMS 47(4):36 (2021) for the generator;
Marsaglia and Tsang, J Stat Softw 5(8) (2000) for the ziggurat. Seeds come from
``numpy.random.SeedSequence`` over (seed, chunk).
"""

from __future__ import annotations

import math

import numba
import numpy as np

__all__ = ["exponential", "next_word", "seed_words", "uniform"]

LAYERS = 256
_TAIL = 7.69711747013104972  # where the tail starts for 256 layers of equal area
_AREA = 0.0039496598225815571993


def seed_words(seed: int, chunk: int) -> np.ndarray:
    """The generator's four words (4,) uint64 for one piece of one sample."""
    return np.random.SeedSequence((abs(seed), int(seed < 0), chunk)).generate_state(4, np.uint64)


def _layers() -> tuple[np.ndarray, np.ndarray]:
    """Right edges of the layers (LAYERS + 1,), descending from the virtual base, and exp(-edge)."""
    edge = np.zeros(LAYERS + 1)
    edge[0] = _AREA / math.exp(-_TAIL)
    edge[1] = _TAIL
    for i in range(1, LAYERS - 1):
        edge[i + 1] = -math.log(math.exp(-edge[i]) + _AREA / edge[i])
    return edge, np.exp(-edge)


EDGE, HEIGHT = _layers()


@numba.njit(inline="always")
def next_word(a, b, c, d):  # type: ignore[no-untyped-def]
    """A random 64-bit word and the generator's next four words."""
    x = a + d
    word = ((x << np.uint64(23)) | (x >> np.uint64(41))) + a
    e = b << np.uint64(17)
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= e
    d = (d << np.uint64(45)) | (d >> np.uint64(19))
    return word, a, b, c, d


@numba.njit(inline="always")
def uniform(word):  # type: ignore[no-untyped-def]
    """A word as a number in [0, 1), 53 bits."""
    return np.int64(word >> np.uint64(11)) * 1.1102230246251565e-16


@numba.njit
def _rare(layer, x, a, b, c, d):  # type: ignore[no-untyped-def]
    """The exponential's wedges and tail; a negative value asks for another draw."""
    word, a, b, c, d = next_word(a, b, c, d)
    if layer == 0:
        return _TAIL - math.log(1.0 - uniform(word)), a, b, c, d
    y = HEIGHT[layer] + uniform(word) * (HEIGHT[layer + 1] - HEIGHT[layer])
    if y < math.exp(-x):
        return x, a, b, c, d
    return -1.0, a, b, c, d


@numba.njit(inline="always")
def exponential(a, b, c, d):  # type: ignore[no-untyped-def]
    """A standard exponential number and the generator's next four words."""
    word, a, b, c, d = next_word(a, b, c, d)
    layer = np.int64(word & np.uint64(255))
    x = uniform(word) * EDGE[layer]
    while x >= EDGE[layer + 1]:
        x, a, b, c, d = _rare(layer, x, a, b, c, d)
        if x >= 0.0:
            break
        word, a, b, c, d = next_word(a, b, c, d)
        layer = np.int64(word & np.uint64(255))
        x = uniform(word) * EDGE[layer]
    return x, a, b, c, d
