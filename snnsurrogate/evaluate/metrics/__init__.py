"""Metrics, one file per family. To add one: a new file, and one line here."""

from . import bursts as bursts
from . import events as events
from . import intervals as intervals
from . import populations as populations
from . import short_horizon as short_horizon
from . import spectra as spectra
from . import state_space as state_space
from ._base import METRICS as METRICS
from ._base import NETWORK_METRICS as NETWORK_METRICS
from ._base import Metric as Metric
from ._base import NetworkRecord as NetworkRecord
from ._base import Record as Record
from ._base import get as get
from ._base import metric as metric
