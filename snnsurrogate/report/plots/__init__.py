"""Figures of dynamics: branches, cycles and curves of special points. Public: ``sns.plots``."""

from snnsurrogate.report._drawn import Drawn as Drawn
from snnsurrogate.report.plots._bifurcation import bifurcation_diagram as bifurcation_diagram
from snnsurrogate.report.plots._driven import excitability_curves as excitability_curves
from snnsurrogate.report.plots._driven import ramp_rates as ramp_rates
from snnsurrogate.report.plots._driven import rate_surfaces as rate_surfaces
from snnsurrogate.report.plots._driven import response_traces as response_traces
from snnsurrogate.report.plots._families import family_diagram as family_diagram
from snnsurrogate.report.plots._families import regime_strips as regime_strips
from snnsurrogate.report.plots._phase_plane import PhasePlane as PhasePlane
from snnsurrogate.report.plots._phase_plane import phase_planes as phase_planes
from snnsurrogate.report.plots._reconstruction import dimension_curves as dimension_curves
from snnsurrogate.report.plots._reconstruction import every_seed as every_seed
from snnsurrogate.report.plots._reconstruction import free_run as free_run
from snnsurrogate.report.plots._reconstruction import portraits as portraits
from snnsurrogate.report.plots._two_parameter import two_parameter_diagram as two_parameter_diagram
