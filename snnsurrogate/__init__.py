"""Small learned models that behave like a spiking neuron or network across its parameters.

    system --simulate--> dataset --fit--> surrogate --rollout--> dataset
    dataset, surrogate --evaluate--> scores --report--> page

Heavy libraries are imported when a name that needs them is first used.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snnsurrogate import dynamics as dynamics
    from snnsurrogate import features as features
    from snnsurrogate import protocols as protocols
    from snnsurrogate import systems as systems
    from snnsurrogate.dataset import check as check
    from snnsurrogate.dataset import open as open
    from snnsurrogate.dataset import recording as recording
    from snnsurrogate.dataset import save as save
    from snnsurrogate.dataset import splits as splits
    from snnsurrogate.dataset import to_grid as to_grid
    from snnsurrogate.evaluate import BARS as excitability_bars  # noqa: F401
    from snnsurrogate.evaluate import GOALS as excitability_goals  # noqa: F401
    from snnsurrogate.evaluate import Battery as Battery
    from snnsurrogate.evaluate import compare_excitability as compare_excitability
    from snnsurrogate.evaluate import current_ramps as current_ramps
    from snnsurrogate.evaluate import evaluate as evaluate  # type: ignore[no-redef]
    from snnsurrogate.evaluate import excitability as excitability  # type: ignore[no-redef]
    from snnsurrogate.evaluate import families as families
    from snnsurrogate.evaluate import generalisation as generalisation
    from snnsurrogate.evaluate import open_scores as open_scores
    from snnsurrogate.evaluate import project_states as project_states
    from snnsurrogate.evaluate import save_scores as save_scores
    from snnsurrogate.evaluate import to_json as to_json
    from snnsurrogate.features import regimes as regimes  # type: ignore[no-redef]
    from snnsurrogate.report import plots as plots
    from snnsurrogate.report import report as report
    from snnsurrogate.schema import select as select
    from snnsurrogate.simulate import Design as Design
    from snnsurrogate.simulate import simulate as simulate
    from snnsurrogate.surrogate import Surrogate as Surrogate
    from snnsurrogate.surrogate import baselines as baselines
    from snnsurrogate.surrogate import embedding as embedding
    from snnsurrogate.surrogate import fit as fit  # type: ignore[no-redef]
    from snnsurrogate.surrogate import fit_seeds as fit_seeds
    from snnsurrogate.surrogate import load as load
    from snnsurrogate.surrogate import models as models
    from snnsurrogate.surrogate import perturbed_events as perturbed_events
    from snnsurrogate.surrogate import to_torch as to_torch

try:
    __version__ = importlib.metadata.version("snnsurrogate")
except importlib.metadata.PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

# public name -> (module, attribute); None stands for the module itself
_PUBLIC: dict[str, tuple[str, str | None]] = {
    "systems": ("systems", None),
    "features": ("features", None),
    "dynamics": ("dynamics", None),
    "protocols": ("protocols", None),
    "models": ("surrogate.models", None),
    "baselines": ("surrogate.baselines", None),
    "embedding": ("surrogate.embedding", None),
    "Design": ("simulate", "Design"),
    "simulate": ("simulate", "simulate"),
    "recording": ("dataset", "recording"),
    "save": ("dataset", "save"),
    "open": ("dataset", "open"),
    "check": ("dataset", "check"),
    "select": ("schema", "select"),
    "to_grid": ("dataset", "to_grid"),
    "splits": ("dataset.splits", None),
    "to_torch": ("surrogate", "to_torch"),
    "fit": ("surrogate", "fit"),
    "fit_seeds": ("surrogate", "fit_seeds"),
    "perturbed_events": ("surrogate", "perturbed_events"),
    "load": ("surrogate", "load"),
    "Surrogate": ("surrogate", "Surrogate"),
    "regimes": ("features", "regimes"),
    "evaluate": ("evaluate", "evaluate"),
    "excitability": ("evaluate", "excitability"),
    "compare_excitability": ("evaluate", "compare_excitability"),
    "Battery": ("evaluate", "Battery"),
    "excitability_bars": ("evaluate", "BARS"),
    "excitability_goals": ("evaluate", "GOALS"),
    "current_ramps": ("evaluate", "current_ramps"),
    "project_states": ("evaluate", "project_states"),
    "families": ("evaluate.families", None),
    "generalisation": ("evaluate.generalisation", None),
    "save_scores": ("evaluate", "save_scores"),
    "open_scores": ("evaluate", "open_scores"),
    "to_json": ("evaluate", "to_json"),
    "report": ("report", "report"),
    "plots": ("report.plots", None),
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        msg = (
            f"module 'snnsurrogate' has no attribute {name!r}; it has {', '.join(sorted(_PUBLIC))}"
        )
        raise AttributeError(msg)
    path, attribute = _PUBLIC[name]
    module = importlib.import_module(f"snnsurrogate.{path}")
    value = module if attribute is None else getattr(module, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])


class _Package(ModuleType):
    """Importing a room sets it as an attribute here; it must not hide the function of its name."""

    def __setattr__(self, name: str, value: Any) -> None:
        function = _PUBLIC.get(name, ("", None))[1]
        if function is None or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
