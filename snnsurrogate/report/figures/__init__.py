"""The figures of the page, in the order in which they stand on it. One file and one line each."""

from snnsurrogate.report.figures import (
    features,
    fixed_points,
    isi_diagram,
    phase_portrait,
    regimes,
    traces,
)

PANELS = (
    regimes.PANEL,
    traces.PANEL,
    isi_diagram.PANEL,
    features.PANEL,
    phase_portrait.PANEL,
    fixed_points.PANEL,
)
