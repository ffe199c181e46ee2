"""Figures of dynamics: branches, cycles and curves of special points. Public: ``sns.plots``."""

from snnsurrogate.report.plots._bifurcation import bifurcation_diagram as bifurcation_diagram
from snnsurrogate.report.plots._two_parameter import two_parameter_diagram as two_parameter_diagram
