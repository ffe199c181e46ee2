"""Random numbers of rollouts: published test vectors, distribution, independence of streams."""

import numpy as np
import pytest
from numba import njit
from scipy import stats

from snnsurrogate.surrogate._fastmath import exp32, tanh32
from snnsurrogate.surrogate._random import key, normals, threefry

U = np.uint32


@njit
def words(k0, k1, c0, c1):
    return threefry(k0, k1, c0, c1)


@pytest.mark.parametrize(
    ("k0", "k1", "c0", "c1", "expected"),
    [  # known answers of the authors' Random123, kat_vectors, threefry2x32 20
        (0, 0, 0, 0, (0x6B200159, 0x99BA4EFE)),
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, (0x1CB996FC, 0xBB002BE7)),
        (0x13198A2E, 0x03707344, 0x243F6A88, 0x85A308D3, (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_words_are_the_published_ones(k0, k1, c0, c1, expected):
    assert tuple(int(w) for w in words(U(k0), U(k1), U(c0), U(c1))) == expected


def draw(seed, sample, blocks, size=1024):
    words = [np.full(16, word) for word in key(seed, sample)]
    out = np.empty((blocks, size), dtype=np.float32)
    for i in range(blocks):
        normals(*words, False, U(i), out[i])
    return out.astype(float)


def test_numbers_are_standard_normal():
    x = draw(1, 0, 1000).ravel()
    n = x.size
    assert abs(x.mean()) < 4 / np.sqrt(n)
    assert abs(x.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs((x**4).mean() - 3) < 4 * np.sqrt(96 / n)
    assert stats.kstest(x[:200_000], "norm").pvalue > 1e-4
    expected = 2 * stats.norm.sf(4) * n
    assert abs((np.abs(x) > 4).sum() - expected) < 5 * np.sqrt(expected)


def test_numbers_are_independent_within_and_between_streams():
    x = draw(1, 0, 400)
    half = x.shape[1] // 2
    for a, b in (
        (x[:, :half], x[:, half:]),  # cosine and sine of one pair
        (x[:, :-1], x[:, 1:]),
        (x[:-1], x[1:]),
        (x, draw(1, 1, 400)),
        (x, draw(2, 0, 400)),
    ):
        for power in (1, 2):
            r = np.corrcoef((a**power).ravel(), (b**power).ravel())[0, 1]
            assert abs(r) < 4.5 / np.sqrt(a.size)


def test_streams_depend_on_seed_sample_and_sign():
    keys = [tuple(key(s, i)) for s in (-1, 0, 1, 2**40) for i in (0, 1, 2)]
    assert len(set(keys)) == len(keys)
    np.testing.assert_array_equal(draw(5, 3, 2), draw(5, 3, 2))


def test_single_precision_functions():
    x = np.concatenate([np.linspace(-20, 20, 4001), [0.0, 1e-6, -1e-6, 80.0, -80.0]]).astype("f4")
    wide = x.astype(float)
    np.testing.assert_allclose([tanh32(v) for v in x], np.tanh(wide), atol=2e-7)
    np.testing.assert_allclose([exp32(v) for v in x], np.exp(wide), rtol=4e-7)
    assert np.isnan(tanh32(np.float32(np.nan)))
    assert np.isnan(exp32(np.float32(np.nan)))
