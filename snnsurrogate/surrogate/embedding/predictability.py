"""How well the next latent state follows from the present one: by smooth maps, and by neighbours.

A latent space of too few dimensions crosses itself, and what comes next is not determined. One that
separates everything by folding is determined, but only an intricate map can say so: neighbours find
it predictable, a smooth map of limited size does not.

Source of the random features: Rahimi & Recht (2008), "Random features for large-scale kernel
machines", NIPS 20; least squares on fixed random tanh units.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

FEATURES = 150  # as many as the hidden units of a large map: what it cannot learn, a map will not
_DRAWS = 3  # sets of random features; their errors are averaged as logarithms
_RIDGE = 1e-9

Pairs = tuple[np.ndarray, np.ndarray]


def pairs(states: Sequence[np.ndarray]) -> Pairs:
    """States (n, d) with a successor, and their increments (n, d), of pieces kept apart."""
    return (
        np.concatenate([s[:-1] for s in states]),
        np.concatenate([np.diff(s, axis=0) for s in states]),
    )


def ahead(states: Sequence[np.ndarray], vectors: Sequence[np.ndarray], span: int) -> Pairs:
    """States (n, d), and the mean (n, 1) of the newest samples of the next ``span`` vectors."""
    means = []
    for v in vectors:
        total = np.concatenate([[0.0], np.cumsum(v[:, -1])])
        means.append((total[span + 1 :] - total[1:-span])[:, None] / span)
    return np.concatenate([s[:-span] for s in states]), np.concatenate(means)


def smooth_error(train: Pairs, held_out: Pairs, *, seed: int = 0) -> float:
    """Root-mean-square error of what is held out, as a share of its standard deviation.

    Regression on fixed random tanh features of the state, the same number in every dimension.

    Args:
        train: states (n, d) and what follows from them (n, k), say their increments.
        held_out: the same, not used for the regression.
        seed: draws the features.
    """
    (z, y), (held, following) = train, held_out
    rng = np.random.default_rng(seed)
    d = z.shape[1]
    logs = []
    for _ in range(_DRAWS):
        weight = rng.normal(size=(d, FEATURES)) * 1.5 / np.sqrt(d)
        bias = rng.normal(size=FEATURES)
        a, b = (
            np.column_stack([np.tanh(x @ weight + bias), x, np.ones(len(x))]) for x in (z, held)
        )
        gram = a.T @ a
        gram[np.diag_indices_from(gram)] += _RIDGE * np.trace(gram) / len(gram)
        wrong = following - b @ np.linalg.solve(gram, a.T @ y)
        logs.append(np.log(_share(wrong, following)))
    return float(np.exp(np.mean(logs)))


def neighbour_error(train: Pairs, held_out: Pairs, *, most: int = 3000) -> float:
    """The same error where the answer is that of the nearest state of the training part.

    Args:
        train: states (n, d) and what follows from them (n, k).
        held_out: the same, at another time.
        most: states held out that are asked for, evenly spread.
    """
    every = max(1, len(held_out[0]) // most)
    _, index = cKDTree(train[0]).query(held_out[0][::every])
    return _share(held_out[1][::every] - train[1][index], held_out[1])


def _share(wrong: np.ndarray, truth: np.ndarray) -> float:
    size = max(float(truth.var(axis=0).sum()), 1e-300)
    # never 0: what is exactly periodic is found again exactly, and logarithms are taken
    return max(float(np.sqrt((wrong**2).sum(axis=1).mean() / size)), 1e-12)
