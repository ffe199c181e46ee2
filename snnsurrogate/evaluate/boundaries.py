"""Where a regime gives way to the next: located by repeated section, not read off a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from snnsurrogate.features import MISSING, REGIMES

SECTIONS = 16
LabelFunction = Callable[[np.ndarray], ArrayLike]


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """A located change of regime.

    Attributes:
        value: the parameter value where the regime found at `below` ends.
        low: largest value tried that still has that regime; the boundary lies in [low, high].
        high: smallest value tried above `low`; it has another regime.
        below: regime code at the low end of the search.
        above: regime code just above the boundary.
        evaluations: labels asked for.
    """

    value: float
    low: float
    high: float
    below: int
    above: int
    evaluations: int


def locate_boundary(
    label_fn: LabelFunction,
    low: float,
    high: float,
    *,
    tolerance: float,
    sections: int = SECTIONS,
) -> Boundary | None:
    """Locate where the regime at `low` first gives way, to a tenth of `tolerance`.

    Every round asks for `sections` labels at once, evenly spaced, and keeps the first interval in
    which the regime of the low end is left; the bracket shrinks by `sections + 1` per round. Where
    labels alternate in a narrow layer (as at the end of bursting, where a record may or may not
    catch a rare event), one of the changes is found; `scan_layer` finds the edges of the layer.

    Args:
        label_fn: maps parameter values (n,) to regime codes (n,); -1 counts as a regime of its own.
        low: lower end of the search, in the parameter's unit.
        high: upper end.
        tolerance: stated tolerance of the boundary, same unit.
        sections: labels per round.

    Returns:
        The boundary, or None when every value tried has the regime of the low end.

    Raises:
        ValueError: `low` not below `high`, or `tolerance` or `sections` not positive.
    """
    if not low < high:
        msg = f"low={low!r}, high={high!r}; expected low < high."
        raise ValueError(msg)
    if not tolerance > 0 or sections < 1:
        msg = f"tolerance={tolerance!r}, sections={sections!r}; expected positive numbers."
        raise ValueError(msg)
    values = np.linspace(low, high, sections + 2)
    codes = _labels(label_fn, values)
    evaluations = values.size
    below = int(codes[0])
    while True:
        changed = np.flatnonzero(codes != below)
        if not changed.size:
            return None
        k = int(changed[0])
        a, b, above = float(values[k - 1]), float(values[k]), int(codes[k])
        # the midpoint is then within a tenth of the tolerance; the second condition ends the search
        # at the resolution of floating-point numbers
        if b - a <= 0.2 * tolerance or 0.5 * (a + b) in (a, b):
            return Boundary(
                value=0.5 * (a + b),
                low=a,
                high=b,
                below=below,
                above=above,
                evaluations=evaluations,
            )
        values = np.linspace(a, b, sections + 2)
        inner = _labels(label_fn, values[1:-1])
        evaluations += inner.size
        codes = np.concatenate([[below], inner, [above]])


MOST = 2001  # labels per scan


def scan_layer(
    label_fn: LabelFunction,
    centre: float,
    *,
    below: int,
    reach: float,
    step: float,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> tuple[float, float, float]:
    """Boundary and edges of the layer in which one regime gives way to others, from a fine scan.

    Labels are asked for at every `step` within `reach` on both sides of a change already found. The
    boundary is the place with the fewest labels on its wrong side. A sharp boundary has both edges
    there; where labels alternate they are apart. The edges are single events: one value at which a
    burst does not end within the record moves the first departure, but not the boundary.

    Args:
        label_fn: maps parameter values (n,) to regime codes (n,).
        centre: where a change was found.
        below: regime code below the boundary.
        reach: half width of the scan, same unit; the scan moves on (three times at most) while the
            regime is not settled at its ends.
        step: distance of the values; the edges are right to half of it.
        bounds: the scan stays inside.

    Returns:
        Boundary, first departure from the regime, and its last return (midpoints between values).
    """
    n = int(min(np.ceil(reach / step), MOST // 2))

    def inside(values: np.ndarray) -> np.ndarray:
        return values[(values >= bounds[0]) & (values <= bounds[1])]

    values = inside(centre + step * np.arange(-n, n + 1))
    codes = _labels(label_fn, values)
    for _ in range(3):
        if codes[0] == below:
            break
        more = inside(values[0] - step * np.arange(n, 0, -1))
        if not more.size:
            break
        values, codes = np.append(more, values), np.append(_labels(label_fn, more), codes)
    for _ in range(3):
        if codes[-1] != below:
            break
        more = inside(values[-1] + step * np.arange(1, n + 1))
        if not more.size:
            break
        values, codes = np.append(values, more), np.append(codes, _labels(label_fn, more))
    left, held = np.flatnonzero(codes != below), np.flatnonzero(codes == below)
    first = values[left[0]] - 0.5 * step if left.size else values[-1]
    last = values[held[-1]] + 0.5 * step if held.size else values[0]
    other = np.concatenate([[0], np.cumsum(codes != below)])
    wrong = other + (np.sum(codes == below) - (np.arange(codes.size + 1) - other))
    best = np.flatnonzero(wrong == wrong.min())
    split = values[0] + step * (best[(best.size - 1) // 2] - 0.5)
    return float(split), float(first), float(last)


def _labels(label_fn: LabelFunction, values: np.ndarray) -> np.ndarray:
    codes = np.asarray(label_fn(values))
    if codes.shape != values.shape:
        msg = f"label_fn returned shape {codes.shape} for {values.size} values; expected one each."
        raise ValueError(msg)
    return codes.astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Transition:
    """A change of regime between neighbouring samples of a sweep.

    Attributes:
        name: "bursting -> tonic", numbered from the second of its kind on.
        low: parameter value of the last sample before the change.
        high: parameter value of the first sample after it.
    """

    name: str
    low: float
    high: float


def transitions(
    values: ArrayLike, codes: ArrayLike, *, names: Sequence[str] = REGIMES
) -> list[Transition]:
    """Changes of regime along a swept parameter, in ascending order.

    Samples without a regime are passed over. Where one value occurs more than once (other initial
    states), its commonest regime counts.

    Args:
        values: swept parameter, shape (sample,), any order.
        codes: regime codes, shape (sample,).
        names: of the regimes, in the order of their codes.
    """
    x, c = np.asarray(values, dtype=np.float64), np.asarray(codes)
    x, c = x[c != MISSING], c[c != MISSING]
    points = np.unique(x)
    labels = [int(np.bincount(c[x == point]).argmax()) for point in points]
    found: list[Transition] = []
    seen: dict[str, int] = {}
    for k in range(1, points.size):
        if labels[k] == labels[k - 1]:
            continue
        name = f"{names[labels[k - 1]]} -> {names[labels[k]]}"
        seen[name] = seen.get(name, 0) + 1
        shown = name if seen[name] == 1 else f"{name} ({seen[name]})"
        found.append(Transition(name=shown, low=float(points[k - 1]), high=float(points[k])))
    return found


def nearest(name: str, place: float, candidates: list[Transition]) -> Transition | None:
    """The candidate of the same kind (whatever its number) nearest to a place; None without one."""
    kind = name.split(" (")[0]
    same = [t for t in candidates if t.name.split(" (")[0] == kind]
    return min(same, key=lambda t: abs(0.5 * (t.low + t.high) - place), default=None)
