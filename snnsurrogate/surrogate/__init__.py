"""Learned maps: models, the one training loop, compiled rollouts, artefacts on disk."""

from snnsurrogate.surrogate._warnings import NoRestError as NoRestError
from snnsurrogate.surrogate._warnings import RejectedError as RejectedError
from snnsurrogate.surrogate.artefact import SurrogateError as SurrogateError
from snnsurrogate.surrogate.artefact import load as load
from snnsurrogate.surrogate.ensemble import fit_seeds as fit_seeds
from snnsurrogate.surrogate.equations import torch_rhs as torch_rhs
from snnsurrogate.surrogate.fit import fit as fit
from snnsurrogate.surrogate.perturbed import perturbed_events as perturbed_events
from snnsurrogate.surrogate.surrogate import ExtrapolationWarning as ExtrapolationWarning
from snnsurrogate.surrogate.surrogate import Surrogate as Surrogate
from snnsurrogate.surrogate.torch_dataset import to_torch as to_torch
