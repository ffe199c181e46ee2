"""Mathematics on any dynamics, equations and learned maps alike."""

from snnsurrogate.kernels import integrate as integrate

from .branches import continue_fixed_points as continue_fixed_points
from .branches import special_points as special_points
from .checks import CheckResult as CheckResult
from .checks import verify as verify
from .fixed_points import TYPES as TYPES
from .fixed_points import fixed_points as fixed_points
from .hopf import hopf as hopf
from .lyapunov import lyapunov as lyapunov
