"""Read-only view of a scores dataset with the questions that figures and tables ask of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr


def pretty_unit(unit: str) -> str:
    """Return a unit as it is printed: "1" is nothing, powers and micro are typeset."""
    if unit in {"", "1", "dimensionless"}:
        return ""
    return unit.replace("**2", "²").replace("**-1", "⁻¹").replace("uA", "µA").replace("1/s", "s⁻¹")


_GREEK = {"tau", "sigma", "theta", "lambda", "alpha", "beta", "gamma", "phi", "mu", "omega"}


def symbol(name: str) -> str:
    """Return a parameter or state name typeset for a figure: V_S with a subscript, tau as Greek."""
    base, _, index = name.partition("_")
    if base in _GREEK:
        base = rf"\{base}"
    elif len(base) > 2 or not base.isalnum():
        return name
    return rf"${base}_{{\mathrm{{{index}}}}}$" if index.isalnum() else f"${base}$"


def with_unit(text: str, unit: str) -> str:
    """Return an axis label such as "V_S (mV)"."""
    unit = pretty_unit(unit)
    return f"{text} ({unit})" if unit else text


def number(value: float, digits: int = 4) -> str:
    """Return a number for people: four significant digits, no needless exponent."""
    if not np.isfinite(value):
        return "–"
    if value != 0 and not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 2}e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    return f"{value:.{digits}g}".replace("-", "−")


def _decode(value: Any) -> Any:
    """Return the content of a JSON attribute, or the value itself when it is not JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


@dataclass(frozen=True)
class Score:
    """One scalar score beside its floor."""

    name: str
    label: str
    value: float
    unit: str
    floor: float
    ideal: float
    better: str

    @property
    def ratio(self) -> float:
        """Distance from the ideal in units of the floor's distance (NaN: the floor is exact)."""
        floor = abs(self.floor - self.ideal)
        return abs(self.value - self.ideal) / floor if floor > 0 else float("nan")


class View:
    """What the figures and tables need of a scores dataset (see docs/schema.md, "Scores").

    Every accessor copes with parts that are absent: a score without fixed points, without a twin or
    without example traces still gives a page, and the page says what is missing.
    """

    def __init__(self, scores: xr.Dataset) -> None:
        self.ds = scores

    # -- attributes ------------------------------------------------------------------------------
    def attr(self, name: str, default: Any = "") -> Any:
        """Return a decoded attribute."""
        return _decode(self.ds.attrs.get(name, default))

    @property
    def title(self) -> str:
        """Name of the system for people."""
        return str(self.ds.attrs.get("title") or self.ds.attrs.get("system") or "system")

    @property
    def card(self) -> Mapping[str, Any]:
        """The surrogate's card (empty when a bare prediction was scored)."""
        card = self.attr("card", {}) or self.attr("surrogate_card", {})
        return card if isinstance(card, Mapping) else {}

    @property
    def provenance(self) -> Mapping[str, Any]:
        """How truth and prediction were made."""
        found = self.attr("provenance", {})
        return found if isinstance(found, Mapping) else {"provenance": found}

    # -- networks --------------------------------------------------------------------------------
    @property
    def populations(self) -> list[str]:
        """Names of the populations of a network; empty for cells."""
        return list(self.attr("populations", {}) or {})

    @property
    def prediction(self) -> str:
        """What stands beside the truth, in words."""
        return str(self.ds.attrs.get("prediction") or "surrogate")

    def name_of(self, source: str) -> str:
        """Return a source as it is called in figures."""
        return self.prediction if source == "surrogate" else source

    @property
    def examples(self) -> list[int]:
        """Sample index of every example."""
        return [int(i) for i in self.ds["example"].values] if "example" in self.ds.coords else []

    def sample_name(self, sample: int) -> str:
        """Return the name of a sample where it has one, else its swept parameters."""
        if "sample_name" in self.ds:
            return str(self.ds["sample_name"].values[sample])
        return ", ".join(
            f"{symbol(n)} = {number(float(self.ds[n].values[sample]), 3)}" for n in self.swept[:2]
        )

    @property
    def plane(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Axes of the first two swept parameters and the sample at each point, if they are a grid.

        Returns:
            Values along both, and sample indices over (second, first).
        """
        if len(self.swept) < 2 or self.swept[2:]:
            return None
        a, b = (self.ds[n].values for n in self.swept)
        x, column = np.unique(a, return_inverse=True)
        y, row = np.unique(b, return_inverse=True)
        if x.size * y.size != self.n_sample or min(x.size, y.size) < 2:
            return None
        index = np.full((y.size, x.size), -1)
        index[row, column] = np.arange(self.n_sample)
        return None if (index < 0).any() else (x, y, index)

    # -- swept parameters ------------------------------------------------------------------------
    @property
    def swept(self) -> list[str]:
        """Names of the parameters that vary over the samples, one of each set that vary as one."""
        named = self.attr("swept", [])
        named = [named] if isinstance(named, str) else list(named)
        named = [n for n in named if n in self.ds.coords] or self._varying()
        values = [self.ds[n].values for n in named]
        return [
            name
            for i, name in enumerate(named)
            if not any(np.array_equal(values[i], earlier) for earlier in values[:i])
        ]

    def _varying(self) -> list[str]:
        return [
            str(name)
            for name, c in self.ds.coords.items()
            if c.dims == ("sample",)
            and c.attrs.get("role", "parameter") == "parameter"
            and c.dtype.kind == "f"
            and np.ptp(c.values) > 0
        ]

    @property
    def x(self) -> np.ndarray:
        """Values of the first swept parameter, shape (sample,); sample numbers if none varies."""
        return (
            self.ds[self.swept[0]].values if self.swept else np.arange(self.n_sample, dtype=float)
        )

    @property
    def x_label(self) -> str:
        """Axis label of the first swept parameter."""
        return self.axis_label(self.swept[0]) if self.swept else "sample"

    def axis_label(self, name: str) -> str:
        """Return the axis label of a coordinate or variable: its name and unit."""
        return with_unit(symbol(name), str(self.ds[name].attrs.get("units", "")))

    @property
    def order(self) -> np.ndarray:
        """Sample indices in ascending order of the first swept parameter."""
        return np.argsort(self.x, kind="stable")

    @property
    def n_sample(self) -> int:
        """Number of samples."""
        return int(self.ds.sizes.get("sample", 0))

    # -- sources and regimes ---------------------------------------------------------------------
    @property
    def sources(self) -> list[str]:
        """Which of truth, surrogate, twin are there."""
        if "source" not in self.ds.coords:
            return []
        return [str(s) for s in self.ds["source"].values]

    def has(self, *names: str) -> bool:
        """Return True if every variable exists and holds at least one finite value."""
        return all(
            n in self.ds
            and self.ds[n].size > 0
            and (self.ds[n].dtype.kind not in "fc" or bool(np.isfinite(self.ds[n].values).any()))
            for n in names
        )

    def of(self, name: str, source: str) -> np.ndarray:
        """Return the values of a variable for one source."""
        return self.ds[name].sel(source=source).values

    @property
    def regime_labels(self) -> list[str]:
        """Regime names by code: ``labels[code]`` (code -1 is "no label")."""
        attrs = self.ds["regime"].attrs if "regime" in self.ds else {}
        meanings = str(attrs.get("flag_meanings", "quiescent tonic bursting")).split()
        values = np.atleast_1d(attrs.get("flag_values", np.arange(len(meanings)))).tolist()
        labels = [""] * (max(values, default=-1) + 1)
        for value, meaning in zip(values, meanings, strict=False):
            if value >= 0:
                labels[int(value)] = meaning
        return labels

    def regime_name(self, source: str, sample: int) -> str:
        """Return the regime of one sample, "" when it has none."""
        if "regime" not in self.ds:
            return ""
        code = int(self.ds["regime"].sel(source=source).values[sample])
        return self.regime_labels[code] if 0 <= code < len(self.regime_labels) else ""

    def label(self, source: str, sample: int) -> str:
        """Return the regime of one sample, or how its run failed."""
        regime = self.regime_name(source, sample)
        if regime or "status" not in self.ds:
            return regime or "no label"
        status = self.ds["status"]
        meanings = str(status.attrs.get("flag_meanings", "ok")).split()
        code = int(status.sel(source=source).values[sample])
        if code == 0 and "regime" not in self.ds:
            return ""
        failed = 0 < code < len(meanings)
        return meanings[code].replace("_", "-") if failed else "no label"

    def boundaries(self, source: str) -> dict[str, float]:
        """Return transition label -> parameter value found for one source."""
        if not self.has("boundary"):
            return {}
        values = self.of("boundary", source)
        return {
            str(label): float(v)
            for label, v in zip(self.ds["transition"].values, values, strict=True)
            if np.isfinite(v)
        }

    # -- states ----------------------------------------------------------------------------------
    @property
    def states(self) -> list[str]:
        """State names, in the system's order."""
        if "state" in self.ds.coords:
            return [str(s) for s in self.ds["state"].values]
        return [
            str(n).removeprefix("trace_") for n in self.ds.data_vars if str(n).startswith("trace_")
        ]

    def state_unit(self, name: str) -> str:
        """Return the unit of a state."""
        trace = f"trace_{name}"
        if trace in self.ds:
            return str(self.ds[trace].attrs.get("units", ""))
        units = self.attr("state_units", {})
        return str(units.get(name, "")) if isinstance(units, Mapping) else ""

    @property
    def shown(self) -> np.ndarray:
        """Indices into ``time`` that traces show: about two of the longest intervals."""
        time = self.ds["time"].values
        length = float(time[-1] - time[0])
        window = length
        if self.has("isi_value"):
            longest = float(np.nanmax(self.ds["isi_value"].values))
            window = min(max(2.5 * longest, length / 20), length)
        return np.flatnonzero(time <= time[0] + window)

    def window(self, state: str, *, margin: float) -> tuple[float, float]:
        """Axis limits of a state: the truth's range, widened by a share of it on each side.

        A surrogate that runs away leaves the axes; the truth stays readable.
        """
        values = self.of(f"trace_{state}", "truth")[..., self.shown]
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        around = margin * (high - low) or 1.0
        return low - around, high + around

    # -- scores ----------------------------------------------------------------------------------
    @property
    def scores(self) -> list[Score]:
        """Every scalar score, in the order evaluate wrote them."""
        found = []
        for name, variable in self.ds.data_vars.items():
            if variable.attrs.get("role") != "score" or variable.ndim:
                continue
            floor = self.ds.get(f"{name}_floor")
            found.append(
                Score(
                    name=str(name),
                    label=str(variable.attrs.get("long_name", name)),
                    value=float(variable),
                    unit=str(variable.attrs.get("units", "")),
                    floor=float(floor) if floor is not None else float("nan"),
                    ideal=float(variable.attrs.get("ideal", float("nan"))),
                    better=str(variable.attrs.get("better", "")),
                )
            )
        return found
