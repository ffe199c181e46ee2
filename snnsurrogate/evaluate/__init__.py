"""Truth against prediction: coverage, fidelity metrics, noise floors."""

from . import coverage as coverage
from . import metrics as metrics
from ._inputs import ComparisonError as ComparisonError
from .boundaries import Boundary as Boundary
from .boundaries import locate_boundary as locate_boundary
from .evaluate import evaluate as evaluate
from .evaluate import to_json as to_json
from .excitability import BARS as BARS
from .excitability import GOALS as GOALS
from .excitability import Battery as Battery
from .excitability import compare_excitability as compare_excitability
from .excitability import excitability as excitability
from .files import open_scores as open_scores
from .files import save_scores as save_scores
from .projection import project_states as project_states
from .ramps import current_ramps as current_ramps
