"""False nearest neighbours: how many delay coordinates unfold an attractor.

Two points that are close in m delay coordinates only because the attractor is projected are far
apart in the coordinate m + 1. Kennel counts such pairs, Cao averages the growth of the distance.

Source: Kennel, Brown & Abarbanel (1992), doi:10.1103/PhysRevA.45.3403; Cao (1997),
doi:10.1016/S0167-2789(97)00118-8; points close in time are left out after Theiler (1986),
doi:10.1103/PhysRevA.34.2427.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

_FAR = 15.0  # Kennel's threshold of the growth of a distance
_AWAY = 2.0  # ... and of the distance in the next coordinate, in standard deviations
_CLOSE = 1e-4  # sd: below it two visits of a periodic orbit are the same point


def nearest(
    points: np.ndarray, queries: np.ndarray, *, exclude: int, most: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Nearest neighbour of some points, not counting those close in time.

    Args:
        points: (n, m), in order of time.
        queries: (q,) indices of the points asked for.
        exclude: neighbours nearer than this many points in time do not count.
        most: neighbours looked at in one search; more are looked at only where these fail.

    Returns:
        Indices (q,) of the neighbours and their distances (q,); index -1 where there is none.
    """
    tree = cKDTree(points)
    index = np.full(queries.size, -1)
    distance = np.full(queries.size, np.nan)
    left = np.arange(queries.size)
    k = min(most, len(points))
    while left.size:
        d, j = tree.query(points[queries[left]], k=k)
        d, j = d.reshape(left.size, -1), j.reshape(left.size, -1)
        good = np.abs(j - queries[left, None]) > exclude
        first = good.argmax(axis=1)
        found = good.any(axis=1)
        rows = left[found]
        index[rows] = j[found, first[found]]
        distance[rows] = d[found, first[found]]
        if k == len(points):
            break
        left = left[~found]
        k = min(4 * k, len(points))
    return index, distance


def false_neighbours(
    series: np.ndarray,
    *,
    lag: int,
    largest: int = 6,
    exclude: int | None = None,
    queries: int = 2000,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Share of false nearest neighbours and Cao's E1 for 1, 2, ... delay coordinates.

    Args:
        series: (n,) one uninterrupted piece.
        lag: samples between the delay coordinates.
        largest: most coordinates.
        exclude: neighbours nearer in time than this many samples do not count; default 2 lags.
        queries: points whose neighbours are looked up.
        seed: draws them.

    Returns:
        ``false`` (largest,), share of false neighbours; ``e1`` (largest,), which stops changing,
        near 1, where no more coordinates are needed.

    Raises:
        ValueError: a series too short for the coordinates.
    """
    x = np.asarray(series, dtype=float)
    x = (x - x.mean()) / x.std()
    span = lag * (largest + 1)
    n = x.size - span
    theiler = 2 * lag if exclude is None else exclude
    if lag < 1 or n <= 4 * (theiler + 1):
        msg = (
            f"{x.size} samples are too few for {largest + 1} delay coordinates {lag} samples apart "
            f"and neighbours more than {theiler} samples away; record at least "
            f"{span + 4 * (theiler + 1) + 1}"
        )
        raise ValueError(msg)
    columns = np.stack([x[span - m * lag : span - m * lag + n] for m in range(largest + 2)], axis=1)
    rng = np.random.default_rng(seed)
    asked = np.sort(rng.choice(n, size=min(queries, n), replace=False))
    false, growth = [], []
    for m in range(1, largest + 2):
        j, distance = nearest(columns[:, :m], asked, exclude=theiler)
        i, j, distance = asked[j >= 0], j[j >= 0], distance[j >= 0]
        extra = np.abs(columns[i, m] - columns[j, m])
        away = np.sqrt(distance**2 + extra**2) > _AWAY
        false.append(np.mean((extra > _FAR * np.maximum(distance, _CLOSE)) | away))
        chebyshev = np.abs(columns[i, :m] - columns[j, :m]).max(axis=1) + _CLOSE
        growth.append(np.mean(np.maximum(extra + _CLOSE, chebyshev) / chebyshev))
    growth_of = np.array(growth)
    return {"false": np.array(false[:largest]), "e1": growth_of[1:] / growth_of[:-1]}
