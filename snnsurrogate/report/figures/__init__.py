"""The figures of the page, in the order in which they stand on it. One file and one line each."""

from snnsurrogate.report.figures import (
    correlation,
    cost,
    distance,
    events,
    features,
    fixed_points,
    isi_diagram,
    phase_portrait,
    plane,
    portrait,
    raster,
    regimes,
    rest_basin,
    rest_branches,
    rest_traces,
    spectra,
    spectrogram,
    synchrony,
    traces,
)

PANELS = (
    rest_branches.PANEL,
    rest_traces.PANEL,
    rest_basin.PANEL,
    regimes.PANEL,
    traces.PANEL,
    isi_diagram.PANEL,
    features.PANEL,
    phase_portrait.PANEL,
    fixed_points.PANEL,
)

NETWORK_PANELS = (
    regimes.PANEL,
    plane.PANEL,
    raster.PANEL,
    portrait.PANEL,
    synchrony.PANEL,
    spectra.PANEL,
    spectrogram.PANEL,
    correlation.PANEL,
    events.PANEL,
    distance.PANEL,
    cost.PANEL,
)
