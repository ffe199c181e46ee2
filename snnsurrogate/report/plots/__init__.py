"""Figures of dynamics: branches, cycles and curves of special points. Public: ``sns.plots``."""

from snnsurrogate.report._drawn import Drawn as Drawn
from snnsurrogate.report.plots._bifurcation import bifurcation_diagram as bifurcation_diagram
from snnsurrogate.report.plots._phase_plane import PhasePlane as PhasePlane
from snnsurrogate.report.plots._phase_plane import phase_planes as phase_planes
from snnsurrogate.report.plots._two_parameter import two_parameter_diagram as two_parameter_diagram
