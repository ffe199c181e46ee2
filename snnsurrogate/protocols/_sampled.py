"""Protocols given by numbers at equal intervals: noise, chirp, recorded currents."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from snnsurrogate import units

from . import _fields
from ._base import Protocol
from ._fields import Context
from ._shapes import positive, window
from ._tracks import Sampled, Track, Window

__all__ = ["Array", "Chirp", "OrnsteinUhlenbeck", "decode", "encode"]

RULES = ("hold", "linear")
_PIECE = 4096  # numbers of noise drawn at a time: a long record needs no more memory


@dataclass(frozen=True, kw_only=True)
class _Ruled(Protocol):
    step: Any = _fields.time()
    between: str = _fields.plain()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.between not in RULES:
            msg = (
                f"rule of {self.kind} is {self.between!r}; expected 'hold' (each number until the "
                "next) or 'linear' (straight lines between them)."
            )
            raise ValueError(msg)
        if not isinstance(self.step, str) or _fields.is_column(self.step):
            msg = f"step of {self.kind} is {self.step!r}; expected one time for all samples."
            raise ValueError(msg)

    @property
    def rule(self) -> str:
        return self.between

    def spacing(self, context: Context) -> int:
        """Ticks between two numbers."""
        return int(positive(self, "step", context)[0, 0])


@dataclass(frozen=True, kw_only=True)
class OrnsteinUhlenbeck(_Ruled):
    """Gaussian noise with an exponential autocorrelation, stationary from its start on.

    The numbers are the exact process at every ``step``; without ``seed`` each sample has noise of
    its own, from its seed in the sweep.
    """

    kind: ClassVar[str] = "ou"
    draws: ClassVar[bool] = True
    untimed: ClassVar[tuple[str, ...]] = ("tau",)
    mean: Any = _fields.amplitude()
    sd: Any = _fields.amplitude()
    tau: Any = _fields.time()
    start: Any = _fields.time()
    duration: Any = _fields.time(default=None)
    seed: int | None = _fields.plain(default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        good = isinstance(self.seed, int | np.integer) and not isinstance(self.seed, bool)
        if self.seed is not None and not (good and self.seed >= 0):
            msg = f"seed of ou is {self.seed!r}; expected a whole number of at least 0, or None."
            raise ValueError(msg)

    def track(self, context: Context, numbers: Iterator[int]) -> Track:
        place = next(numbers)
        tau = [float(t) for t in context.times(self.tau, "tau of ou")]
        sd = context.values(self.sd, "amplitude", "sd of ou")
        if min(tau) <= 0 or (sd < 0).any():
            msg = f"tau of ou is {self.tau} and sd {self.sd}; expected tau > 0 and sd >= 0."
            raise ValueError(msg)
        spacing = self.spacing(context)
        decay = np.exp(-float(spacing * context.tick) / np.array(tau))
        path = _Path(
            np.broadcast_to(decay, (context.samples,)),
            context.values(self.mean, "amplitude", "mean of ou")[:, 0],
            sd[:, 0],
            [[int(s) if self.seed is None else self.seed, place] for s in context.seeds],
        )
        inner = Sampled(path, spacing, self.rule == "linear", context.samples)
        return window(self, inner, context)


class _Path:
    """Autoregressive numbers of every sample, drawn piece by piece.

    ``keys`` seed the samples; a number depends on its key and its place only.
    """

    def __init__(self, decay: np.ndarray, mean: np.ndarray, sd: np.ndarray, keys: list[list[int]]):
        self._decay, self._mean, self._sd, self._keys = decay, mean, sd, keys
        self._ends = [np.zeros(len(keys))]  # standardised number before each piece
        self._recent: dict[int, np.ndarray] = {}

    def __call__(self, k: np.ndarray) -> np.ndarray:
        k = np.broadcast_to(k, (len(self._keys), k.shape[-1]))
        out = np.empty(k.shape)
        if not k.size:
            return out
        row = np.broadcast_to(np.arange(len(k))[:, None], k.shape)
        for number in range(int(k.min()) // _PIECE, int(k.max()) // _PIECE + 1):
            inside = k // _PIECE == number
            out[inside] = self._piece(number)[row[inside], k[inside] % _PIECE]
        return self._mean[:, None] + self._sd[:, None] * out

    def _piece(self, number: int) -> np.ndarray:
        if number in self._recent:
            return self._recent[number]
        for earlier in range(len(self._ends) - 1, number):
            self._draw(earlier)
        return self._draw(number)

    def _draw(self, number: int) -> np.ndarray:
        from scipy.signal import lfilter

        out = np.empty((len(self._keys), _PIECE))
        for i, key in enumerate(self._keys):
            rho = self._decay[i]
            kicks = np.random.default_rng([*key, number]).standard_normal(_PIECE)
            kicks[slice(number == 0, None)] *= np.sqrt(1 - rho**2)  # the first is stationary
            out[i] = lfilter([1.0], [1.0, -rho], kicks, zi=[rho * self._ends[number][i]])[0]
        if len(self._ends) == number + 1:
            self._ends.append(out[:, -1].copy())
        self._recent = {n: p for n, p in self._recent.items() if n == number - 1} | {number: out}
        return out


@dataclass(frozen=True, kw_only=True)
class Chirp(_Ruled):
    """A sine whose frequency rises evenly from ``low`` to ``high`` in ``duration``."""

    kind: ClassVar[str] = "chirp"
    amplitude: Any = _fields.amplitude()
    low: Any = _fields.frequency()
    high: Any = _fields.frequency()
    start: Any = _fields.time()
    duration: Any = _fields.time()

    def track(self, context: Context, numbers: Iterator[int]) -> Track:
        size = context.values(self.amplitude, "amplitude", "amplitude of chirp")
        low, high = (
            context.values(v, "frequency", f"{n} of chirp") / 1000
            for n, v in (("low", self.low), ("high", self.high))
        )
        spacing = self.spacing(context)
        step = float(spacing * context.tick)
        span = positive(self, "duration", context) * float(context.tick)
        most = 0.25 / step
        if max(low.max(), high.max()) > most:
            msg = (
                f"chirp reaches {1000 * max(low.max(), high.max()):g} Hz at numbers every "
                f"{step:g} ms, under 4 per period; give a shorter step, at most "
                f"{0.25 / max(low.max(), high.max()):g} ms."
            )
            raise ValueError(msg)

        def sine(k: np.ndarray) -> np.ndarray:
            t = k * step
            return size * np.sin(2 * np.pi * (low + (high - low) * t / (2 * span)) * t)

        inner = Sampled(sine, spacing, self.rule == "linear", context.samples)
        return window(self, inner, context)


@dataclass(frozen=True, kw_only=True)
class Array(_Ruled):
    """Numbers at every ``step`` from ``start`` on; 0 before and after them.

    ``data`` holds them as text (:func:`encode`), exact to the last bit.
    """

    kind: ClassVar[str] = "array"
    data: str = _fields.plain()
    unit: str | None = _fields.plain(default=None)
    start: Any = _fields.time()

    def track(self, context: Context, numbers: Iterator[int]) -> Track:
        values = decode(self.data)
        if self.unit is not None:
            values = values * units.magnitude(f"1 {self.unit}", context.unit, what="array")
        spacing = self.spacing(context)
        last = values.size - 1

        def pick(k: np.ndarray) -> np.ndarray:
            found = values[np.minimum(k, last)]
            return np.broadcast_to(found, (context.samples, k.shape[-1]))

        inner = Sampled(pick, spacing, self.rule == "linear", context.samples)
        length = np.full((context.samples, 1), spacing * (values.size - (self.rule == "linear")))
        return Window(inner, context.ticks(self.start, "start of array"), length)


def encode(values: np.ndarray) -> str:
    """Numbers as text: little-endian float64, zlib, base64."""
    return base64.b64encode(zlib.compress(values.astype("<f8").tobytes(), 6)).decode()


def decode(text: str) -> np.ndarray:
    """Undo :func:`encode`."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype="<f8")
