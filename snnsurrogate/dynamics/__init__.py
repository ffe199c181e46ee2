"""Mathematics on any dynamics, equations and learned maps alike."""

from snnsurrogate.kernels import integrate as integrate

from .basins import basin_slice as basin_slice
from .basins import basins as basins
from .basins import coexistence as coexistence
from .branches import continue_fixed_points as continue_fixed_points
from .branches import special_points as special_points
from .checks import CheckResult as CheckResult
from .checks import verify as verify
from .comparison import compare_branches as compare_branches
from .coordinates import change_coordinates as change_coordinates
from .coordinates import observed_coordinates as observed_coordinates
from .curves import continue_special as continue_special
from .cycle_branches import continue_cycles as continue_cycles
from .cycles import cycles as cycles
from .firing import RestAndFiring as RestAndFiring
from .firing import cycles_at as cycles_at
from .firing import rest_and_firing as rest_and_firing
from .fixed_points import TYPES as TYPES
from .fixed_points import fixed_points as fixed_points
from .hopf import hopf as hopf
from .lyapunov import lyapunov as lyapunov
from .orbit import hysteresis as hysteresis
from .orbit import orbit_diagram as orbit_diagram
from .phase_plane import nullclines as nullclines
from .phase_plane import vector_field as vector_field
from .spectrum import kaplan_yorke as kaplan_yorke
from .spectrum import zero_one_test as zero_one_test
