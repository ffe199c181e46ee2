"""Numbers read off a trajectory: spikes, bursts, synchrony, rhythms, events, regimes.

One rule for truth and prediction. `summary` and `regimes` serve cells and networks alike; what is
read from a network's populations is here by name, and as functions of plain arrays in the modules
`synchrony`, `variability` and `rhythm`.
"""

from . import bursts as bursts
from . import rhythm as rhythm
from . import spikes as spikes
from . import synchrony as synchrony
from . import variability as variability
from ._feature import Feature as Feature
from ._feature import NotRecordedError as NotRecordedError
from .correlation import cross_correlation as cross_correlation
from .detectors import DETECTORS as DETECTORS
from .multiple_firing import event_sensitivity as event_sensitivity
from .multiple_firing import event_summary as event_summary
from .multiple_firing import events as events
from .populations import Activity as Activity
from .populations import counts as counts
from .populations import rates as rates
from .regimes import BURSTING as BURSTING
from .regimes import MISSING as MISSING
from .regimes import QUIESCENT as QUIESCENT
from .regimes import REGIMES as REGIMES
from .regimes import RULES as RULES
from .regimes import TONIC as TONIC
from .regimes import classify as classify
from .regimes import irregularity as irregularity
from .regimes import regime_names as regime_names
from .regimes import regimes as regimes
from .regimes.synchrony import synchrony_class as synchrony_class
from .rhythm import coherence as coherence
from .rhythm import spectrogram as spectrogram
from .rhythm import spectrum as spectrum
from .table import FEATURES as FEATURES
from .table import features_of as features_of
from .table import summary as summary
