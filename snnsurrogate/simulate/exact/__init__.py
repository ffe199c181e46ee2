"""Event-exact simulation of Markov networks: nothing is discretised in time.

A law is one file; the line in :data:`LAWS` gives it the name that a network's ``exact`` names.
Results agree with the network in law; there is no step, hence no bias.
"""

from __future__ import annotations

from collections.abc import Mapping

from snnsurrogate._names import suggestion
from snnsurrogate.systems import Network

from . import markov_if
from ._law import ExactEngine

__all__ = ["LAWS", "REVISION", "ExactEngine", "prepare"]

REVISION = 1  # raised by a change after which the same seed gives other numbers

LAWS = {"markov-if": markov_if.LAW}


def prepare(model: Network, sizes: Mapping[str, int], record: tuple[str, ...]) -> ExactEngine:
    """The exact engine of a network.

    Args:
        model: a network with a law (``model.exact``).
        sizes: population -> number of cells.
        record: of "spikes" and "histograms" what is wanted besides the series.

    Raises:
        ValueError: the network has no exact law, or not what the law reads and records.
    """
    if model.exact not in LAWS:
        known = ", ".join(LAWS)
        named = f"names the law {model.exact!r}" if model.exact else "has no exact law"
        msg = (
            f"{model.name!r} {named}; engine='exact' knows {known}.{suggestion(model.exact, LAWS)}"
            " Use engine='brian2'."
        )
        raise ValueError(msg)
    law = LAWS[model.exact]
    gives = {
        "populations": law.populations,
        "series": (*(f"rate_{name}" for name in law.populations), *law.series),
        "histograms": law.histograms,
    }
    asked = {
        "populations": model.population_names,
        "series": model.series_names,
        "histograms": tuple(histogram.name for histogram in model.histograms),
    }
    wrong = [f"no {part} {name!r}" for part, names in asked.items() for name in names
             if name not in gives[part]]  # fmt: skip
    wrong += [f"parameter {name!r} is missing" for name in law.parameters
              if name not in model.parameter_names]  # fmt: skip
    if wrong or model.population_names != law.populations:
        msg = (
            f"{model.name!r} does not fit its exact law {model.exact!r}: "
            f"{'; '.join(wrong) or 'the populations are in another order'}. The law has "
            f"populations {', '.join(law.populations)}, series {', '.join(gives['series'])}, "
            f"histograms {', '.join(law.histograms)}. Declare those, or leave `exact` empty."
        )
        raise ValueError(msg)
    return ExactEngine(model=model, law=law, sizes=dict(sizes), record=record)
