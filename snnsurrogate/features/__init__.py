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
from .excitability import RateCurve as RateCurve
from .excitability import StrengthDuration as StrengthDuration
from .excitability import rate_curve as rate_curve
from .excitability import strength_duration as strength_duration
from .field import synaptic_drive as synaptic_drive
from .multiple_firing import event_sensitivity as event_sensitivity
from .multiple_firing import event_summary as event_summary
from .multiple_firing import events as events
from .populations import Activity as Activity
from .populations import counts as counts
from .populations import rates as rates
from .pulse_response import RESPONSES as RESPONSES
from .pulse_response import pulse_response as pulse_response
from .pulse_response import responses as responses
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
from .trains import coincidence_factor as coincidence_factor
from .trains import coincidences as coincidences
from .trains import van_rossum as van_rossum
from .trains import victor_purpura as victor_purpura
from .waveform import Shapes as Shapes
from .waveform import spike_shapes as spike_shapes
from .waveform import width_at as width_at
