"""The torch module of `EventMap`; imported when one is built, because it imports torch."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsurrogate.surrogate.conditioning import Modulation
from snnsurrogate.surrogate.events import Places
from snnsurrogate.surrogate.models._base import Physical

__all__ = ["Module", "Phase"]

_LEAST = 0.02  # standard deviation of a component at least, in units of the spread of its column
_LEVEL_SD = 0.05  # weight of the mean count, which is no random number
_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


class Phase(nn.Module):
    """An event or an interval: p(numbers, state after | state before), scaled coordinates.

    Args:
        state: numbers of the state before, and of the one after.
        numbers: duration and counts.
        hidden: units of a layer.
        components: of each of the two mixtures.
        deterministic: means alone.
    """

    def __init__(
        self, state: int, numbers: int, hidden: int, components: int, *, deterministic: bool
    ) -> None:
        super().__init__()
        self.state, self.numbers, self.components = state, numbers, components
        self.deterministic = deterministic
        self.inner = nn.Linear(state, hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.number_head = nn.Linear(hidden, components * (1 + 2 * numbers))
        self.number_skip = nn.Linear(state, numbers, bias=False)
        self.late = nn.Linear(hidden + numbers, hidden)
        self.state_head = nn.Linear(hidden, components * (1 + 2 * state))
        self.state_skip = nn.Linear(state + numbers, state, bias=False)
        self.number_tie = nn.Parameter(torch.zeros(components, numbers, numbers))
        self.state_tie = nn.Parameter(torch.zeros(components, state, state))
        with torch.no_grad():
            self.number_skip.weight.zero_()
            self.state_skip.weight.zero_()
            for head in (self.number_head, self.state_head):
                head.weight.mul_(0.3)

    def widths(self, hidden: int) -> dict[str, int]:
        """Outputs of the modulation that it needs."""
        layers = {f"{n}_{part}": hidden for n in ("inner", "middle", "late")
                  for part in ("scale", "shift")}  # fmt: skip
        return layers | {"numbers": self.numbers, "state": self.state}

    def laws(self, x: Tensor, c: dict[str, Tensor], v: Tensor) -> tuple[tuple[Tensor, ...], ...]:
        """Of numbers and of the state after: log weights (batch, k), means, sds (batch, k, n).

        Args:
            x: (batch, state).
            c: outputs of the modulation.
            v: (batch, numbers) what the numbers are; not looked at for their own law.
        """

        def layer(name: str, made: Tensor) -> Tensor:
            return torch.tanh((1.0 + c[f"{name}_scale"]) * made + c[f"{name}_shift"])

        if self.deterministic:
            v = torch.zeros_like(v)
        hidden = layer("middle", self.middle(layer("inner", self.inner(x))))
        of_numbers = self._law(
            self.number_head(hidden), self.number_skip(x) + c["numbers"], self.numbers
        )
        late = layer("late", self.late(torch.cat([hidden, v], 1)))
        skip = self.state_skip(torch.cat([x, v], 1)) + c["state"]
        return of_numbers, self._law(self.state_head(late), skip, self.state)

    def _law(self, out: Tensor, skip: Tensor, n: int) -> tuple[Tensor, ...]:
        k = self.components
        weights = functional.log_softmax(out[:, :k], 1)
        means, raw = out[:, k:].unflatten(1, (2, k, n)).unbind(1)
        return weights, means + skip[:, None], spread(raw)

    def log_likelihood(self, x: Tensor, c: dict[str, Tensor], v: Tensor, y: Tensor) -> Tensor:
        """Log density (batch,) of numbers v and state after y."""
        first, second = self.laws(x, c, v)
        return _log_mixture(first, self.number_tie, v) + _log_mixture(second, self.state_tie, y)


def spread(raw: Tensor) -> Tensor:
    """Standard deviations, between `_LEAST` and some 30."""
    return 0.7 * torch.exp(4.0 * torch.tanh(raw / 4.0)) + _LEAST


def _log_mixture(law: tuple[Tensor, ...], tie: Tensor, y: Tensor) -> Tensor:
    weights, means, sds = law
    factor = torch.tril(tie, -1) + torch.eye(tie.shape[-1], dtype=tie.dtype)
    e = ((y[:, None] - means) / sds).permute(1, 2, 0)  # (k, n, batch)
    white = torch.linalg.solve_triangular(factor, e, upper=False, unitriangular=True)
    each = -0.5 * white.square().sum(1).T - torch.log(sds).sum(2) - y.shape[1] * _HALF_LOG_TWO_PI
    return torch.logsumexp(weights + each, 1)


class Module(nn.Module):
    """See `EventMap`; a carry is a row of `snnsurrogate.surrogate.events`, scaled."""

    mean: Tensor
    sd: Tensor
    kinds: Tensor

    def __init__(
        self,
        physical: Physical,
        hidden: int,
        conditioning: int,
        components: int,
        *,
        deterministic: bool,
    ) -> None:
        super().__init__()
        self.noise = 1  # what it draws is counted elsewhere: a row takes two draws of mixtures
        self.deterministic = deterministic
        self.places = Places.of([c.name for c in physical.columns])
        s = self.places.state
        self.event = Phase(s, 5, hidden, components, deterministic=deterministic)
        self.interval = Phase(s, 3, hidden, components, deterministic=deterministic)
        widths = {
            f"{name}.{key}": width
            for name in ("event", "interval")
            for key, width in getattr(self, name).widths(hidden).items()
        }
        self.modulation = Modulation(len(physical.parameters), widths | {"level": 1}, conditioning)
        order = {"root": 1, "log": 2}
        made = {
            "mean": physical.scaling.mean,
            "sd": physical.scaling.sd,
            "kinds": np.array([order.get(c.kind, 0) for c in physical.columns], dtype=float),
        }
        for name, array in made.items():
            tensor = torch.as_tensor(array, dtype=torch.float32)
            self.register_buffer(name, tensor, persistent=False)

    def init(self, x: Tensor, q: Tensor) -> Tensor:
        """The carry is the row."""
        return x

    def condition(self, q: Tensor) -> Tensor:
        """What depends on the parameters alone (batch, width), the same for a whole run."""
        return self.modulation(q)  # type: ignore[no-any-return]

    def parts(self, condition: Tensor) -> dict[str, Tensor]:
        """The outputs of the modulation by name."""
        places = self.modulation.places
        # one split: the slopes of single slices would each fill a tensor of the whole width
        split = torch.split(condition, [end - begin for begin, end in places.values()], 1)
        return dict(zip(places, split, strict=True))

    def of_phase(self, parts: dict[str, Tensor], name: str) -> dict[str, Tensor]:
        """The parts that a phase needs, by their names in it."""
        return {n.partition(".")[2]: part for n, part in parts.items() if n.startswith(f"{name}.")}

    def log_likelihood(self, carry: Tensor, condition: Tensor, following: Tensor) -> Tensor:
        """Log density (batch,) of the event and the interval of the row ``following``.

        Rows stand for themselves: ``carry``, another row of the same parameters, is not read. Of a
        deterministic map it is minus half the squared error, in physical units over their spread.
        """
        at, row = self.places, following
        parts = self.parts(condition)
        level = (row[:, at.level] - parts["level"][:, 0]) / _LEVEL_SD
        found = -0.5 * 1e-2 * level.square()
        for name, begin, numbers, end in (
            ("event", at.before, at.event, at.after),
            ("interval", at.after, at.interval, at.following),
        ):
            phase = getattr(self, name)
            c = self.of_phase(parts, name)
            x, v, y = row[:, begin], row[:, numbers], row[:, end]
            if not self.deterministic:
                found = found + phase.log_likelihood(x, c, v, y)
                continue
            (_, mean_v, _), (_, mean_y, _) = phase.laws(x, c, v)
            for part, predicted, true in ((numbers, mean_v, v), (end, mean_y, y)):
                error = self._physical(predicted[:, 0], part) - self._physical(true, part)
                found = found - 0.5 * error.square().sum(1)
        return found

    def _physical(self, scaled: Tensor, part: slice) -> Tensor:
        """Numbers in physical units over their typical spread."""
        mean, sd, kind = self.mean[part], self.sd[part], self.kinds[part]
        x = mean + sd * scaled
        root = x.square() / (2 * mean.abs() * sd + sd.square())
        log = torch.exp((x - mean).clamp(max=20.0)) / sd
        return torch.where(kind == 1, root, torch.where(kind == 2, log, scaled))
