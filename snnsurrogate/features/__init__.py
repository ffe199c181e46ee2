"""Numbers read off a trajectory: spikes, bursts, regimes. One rule for truth and prediction."""

from . import bursts as bursts
from . import spikes as spikes
from .regimes import BURSTING as BURSTING
from .regimes import MISSING as MISSING
from .regimes import QUIESCENT as QUIESCENT
from .regimes import REGIMES as REGIMES
from .regimes import TONIC as TONIC
from .regimes import classify as classify
from .regimes import irregularity as irregularity
from .regimes import regimes as regimes
from .table import FEATURES as FEATURES
from .table import features_of as features_of
from .table import summary as summary
