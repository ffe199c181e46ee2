"""Delay vectors of scalar series, and the errors of a series that cannot be embedded.

Source of the method: Takens (1981), doi:10.1007/BFb0091924; Sauer, Yorke & Casdagli (1991),
doi:10.1007/BF01053745.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from snnsurrogate import schema
from snnsurrogate._names import suggestion

_UNEVEN = 1e-3  # of a step: rounding of stored times is far below, a lost sample is 1
_LEAST_RUN = 1.6  # samples above half height of an excursion; a peak of one sample has no shape


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """One scalar quantity in one or several uninterrupted pieces with one sampling step.

    Attributes:
        pieces: arrays (n_i,), float64.
        time_step: sampling step, in ``time_unit``.
        name: name of the quantity.
        unit: its unit.
        time_unit: unit of the sampling step.
        parameters: parameter -> (piece,) values, of those that differ between pieces.
    """

    pieces: tuple[np.ndarray, ...]
    time_step: float = 1.0
    name: str = "x"
    unit: str = "1"
    time_unit: str = "1"
    parameters: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the numbers; see `series_of` for what is raised."""
        if not self.pieces:
            msg = f"{self.name!r} has no piece; expected at least one array of samples"
            raise ValueError(msg)
        if not self.time_step > 0:
            msg = f"the sampling step is {self.time_step}; expected a positive number"
            raise ValueError(msg)
        arrays = tuple(np.array(p, dtype=np.float64) for p in self.pieces)
        for i, piece in enumerate(arrays):
            _check_piece(piece, f"piece {i} of {self.name!r}" if len(arrays) > 1 else self.name)
            piece.flags.writeable = False
        every = np.concatenate(arrays)
        if np.ptp(every) <= 1e-9 * max(abs(float(every.mean())), 1e-300):
            msg = (
                f"{self.name!r} is constant ({every[0]:g} {self.unit}); a state is read from how a "
                "series changes: record another variable, or a longer time"
            )
            raise ValueError(msg)
        object.__setattr__(self, "pieces", arrays)

    @property
    def mean(self) -> float:
        """Mean over all samples."""
        return float(np.concatenate(self.pieces).mean())

    @property
    def sd(self) -> float:
        """Standard deviation over all samples."""
        return float(np.concatenate(self.pieces).std())

    def scaled(self) -> tuple[np.ndarray, ...]:
        """The pieces with mean 0 and standard deviation 1 over all of them."""
        mean, sd = self.mean, self.sd
        return tuple((p - mean) / sd for p in self.pieces)


def _check_piece(piece: np.ndarray, what: str) -> None:
    if piece.ndim != 1 or piece.size == 0:
        msg = f"{what} has shape {piece.shape}; expected a one-dimensional array of samples"
        raise ValueError(msg)
    bad = np.flatnonzero(~np.isfinite(piece))
    if bad.size:
        msg = (
            f"{what} has {bad.size} samples that are not finite, the first at index {bad[0]}; cut "
            "the series there and pass the parts as pieces, or fill them in yourself"
        )
        raise ValueError(msg)


def even_step(time: np.ndarray, *, what: str = "series") -> float:
    """The sampling step of even times (n,), in their unit.

    Raises:
        ValueError: fewer than two times, or a gap.
    """
    time = np.asarray(time, dtype=float)
    if time.size < 2:
        msg = f"{what} has {time.size} samples; expected at least two"
        raise ValueError(msg)
    steps = np.diff(time)
    step = float(np.median(steps))
    wrong = np.flatnonzero(~(np.abs(steps - step) <= _UNEVEN * step)) if step > 0 else np.arange(1)
    if wrong.size:
        i = int(wrong[0])
        msg = (
            f"{what} is not sampled evenly: {wrong.size} steps differ from {step:g}, the first "
            f"from t = {time[i]:g} to {time[i + 1]:g}. Delay vectors never bridge a gap: pass the "
            "parts before and after it as pieces, or resample"
        )
        raise ValueError(msg)
    return float((time[-1] - time[0]) / (time.size - 1))


def series_of(dataset: xr.Dataset, variable: str | None = None) -> Series:
    """One observed variable of a dataset; every ok sample is a piece.

    Args:
        dataset: of the package's schema.
        variable: which of its states; default the first one.

    Raises:
        ValueError: no such variable, no usable sample, a constant series, samples that are not
            finite, gaps, or a sampling step that misses the spikes.
    """
    known = schema.states_of(dataset)
    name = known[0] if variable is None else variable
    if name not in known:
        msg = (
            f"the dataset has no variable {name!r}; it has {list(known)}.{suggestion(name, known)}"
        )
        raise ValueError(msg)
    step = even_step(dataset.time.values, what=f"the record of {name!r}")
    ok = np.flatnonzero(schema.ok(dataset))
    if ok.size == 0:
        msg = f"none of the {dataset.sizes['sample']} samples has status ok; nothing to embed"
        raise ValueError(msg)
    values = dataset[name].transpose("sample", "time").values
    parameters = {
        p: dataset[p].values[ok].astype(float)
        for p in schema.parameters_of(dataset)
        if np.unique(dataset[p].values[ok]).size > 1
    }
    series = Series(
        pieces=tuple(values[i] for i in ok),
        time_step=step,
        name=name,
        unit=dataset[name].attrs.get("units", "1"),
        time_unit=dataset.time.attrs.get("units", "1"),
        parameters=parameters,
    )
    check_sampling(series)
    return series


def samples_per_peak(piece: np.ndarray) -> float:
    """Mean samples in a row on the rarer side of the middle of the range: the width of a spike.

    Infinite where the middle is crossed less than four times, so that nothing can be said.
    """
    high = piece > 0.5 * (piece.min() + piece.max())
    edges = np.flatnonzero(np.diff(high.astype(np.int8)))
    if edges.size < 4:
        return np.inf
    inside = high[edges[0] + 1 : edges[-1] + 1]  # whole runs only
    runs = np.diff(edges)
    of_high = inside[np.concatenate([[0], np.cumsum(runs)[:-1]])]
    return float(min(runs[of_high].mean(), runs[~of_high].mean()))


def check_sampling(series: Series) -> None:
    """Refuse a series whose excursions are about one sample wide.

    Raises:
        ValueError: the sampling step misses the spikes; says which step is needed.
    """
    width = min(samples_per_peak(p) for p in series.pieces)
    if width < _LEAST_RUN:
        unit = series.time_unit
        msg = (
            f"the sampling step of {series.name!r}, {series.time_step:g} {unit}, misses its "
            f"spikes: they are {width:.2g} samples wide at half height. Record it every "
            f"{0.5 * width * series.time_step:.2g} {unit} or finer"
        )
        raise ValueError(msg)


def lags(window: int | Sequence[int]) -> tuple[int, ...]:
    """Ages in samples of the entries of a delay vector, oldest first, ending with 0, the newest.

    Args:
        window: number of successive samples, or the ages themselves in any order.

    Raises:
        ValueError: no entry, a negative or repeated age, or no age 0.
    """
    if isinstance(window, int | np.integer):
        ages: list[int] = list(range(int(window)))
    else:
        ages = [int(age) for age in window]
    if len(set(ages)) != len(ages) or not ages or min(ages) != 0:
        msg = (
            f"window is {window!r}; expected a number of samples of at least 1, or different ages "
            "in samples among which 0, the newest, e.g. (0, 1, 2, 4, 8, 16)"
        )
        raise ValueError(msg)
    return tuple(sorted(ages, reverse=True))


def delay_vectors(piece: np.ndarray, window: int | Sequence[int]) -> np.ndarray:
    """Delay vectors of one uninterrupted piece, newest sample last.

    Args:
        piece: (n,) samples.
        window: number of successive samples, or ages as in `lags`.

    Returns:
        (n - span, w) with span the largest age: row i ends at sample i + span. Of successive
        samples it is a read-only view of the piece, nothing is copied.

    Raises:
        ValueError: a piece that is too short.
    """
    ages = lags(window)
    span = ages[0]
    array = np.asarray(piece, dtype=np.float64)
    if array.ndim != 1 or array.size <= span:
        msg = (
            f"a piece of shape {array.shape} is too short for delay vectors over {span + 1} "
            f"samples; record at least {span + 1} samples in a row, or take a shorter window"
        )
        raise ValueError(msg)
    wide = np.lib.stride_tricks.sliding_window_view(array, span + 1)
    if len(ages) == span + 1:
        return wide
    vectors = wide[:, [span - age for age in ages]]
    vectors.flags.writeable = False
    return vectors


def exponential_average(piece: np.ndarray, time_constant: float) -> np.ndarray:
    """Causal average of a piece (n,) with weights exp(-age / time constant), age in samples.

    It begins at the mean of the first time constant.
    """
    from scipy.signal import lfilter

    keep = np.exp(-1.0 / time_constant)
    before = float(np.mean(piece[: max(1, round(time_constant))]))
    return np.asarray(lfilter([1 - keep], [1, -keep], piece, zi=[keep * before])[0])


def pieces_vectors(
    pieces: Sequence[np.ndarray],
    window: int | Sequence[int],
    *,
    averages: Sequence[float] = (),
) -> list[np.ndarray]:
    """Delay vectors of every piece that is long enough; pieces are never bridged.

    Args:
        pieces: (n_i,) samples.
        window: number of successive samples, or ages as in `lags`.
        averages: time constants in samples of exponential averages put before the samples of the
            window; vectors of the first four time constants are left out, in which an average still
            depends on its beginning.

    Raises:
        ValueError: none is long enough, or a time constant that is not positive.
    """
    if any(not np.isfinite(t) or t <= 0 for t in averages):
        msg = f"averages are {tuple(averages)}; expected time constants in samples, above 0"
        raise ValueError(msg)
    span = lags(window)[0]
    begin = max([span, *(int(np.ceil(4 * t)) for t in averages)])
    long_enough = [p for p in pieces if np.size(p) > begin]
    if not long_enough:
        longest = max((np.size(p) for p in pieces), default=0)
        msg = (
            f"the longest piece has {longest} samples, the embedding spans {begin + 1}; record "
            f"longer pieces, or take a shorter window"
        )
        raise ValueError(msg)
    if not averages:
        return [delay_vectors(p, window) for p in long_enough]
    every = []
    for piece in long_enough:
        past = [exponential_average(piece, t)[begin:] for t in averages]
        every.append(np.column_stack([*past, delay_vectors(piece, window)[begin - span :]]))
        every[-1].flags.writeable = False
    return every
