"""What is simulated: systems as equation text with units, ranges, sources and known values.

Nothing here simulates. The simulator reads the text; right-hand sides and Jacobians are derived
from it.
"""

from . import networks, neurons
from ._base import System as System
from ._convergence import convergence as convergence
from ._convergence import convergence_page as convergence_page
from ._declarations import Benchmark as Benchmark
from ._declarations import Check as Check
from ._declarations import Convergence as Convergence
from ._declarations import Parameter as Parameter
from ._declarations import SpikeRule as SpikeRule
from ._declarations import State as State
from ._model import Model as Model
from ._network import RESOLUTION as RESOLUTION
from ._network import Function as Function
from ._network import Histogram as Histogram
from ._network import Network as Network
from ._network import Population as Population
from ._network import Projection as Projection
from ._network import Series as Series
from ._registry import add as _add
from ._registry import get as get
from ._registry import names as names
from ._registry import register as register
from ._rescaled import rescaled as rescaled

for _room in (neurons, networks):
    for _label in _room.__all__:
        _add(getattr(_room, _label), origin=f"{_room.__name__}.{_label}")
