"""The dataset contract: what every simulation and every rollout looks like.

One :class:`xarray.Dataset` per sweep. A *sample* is one parameter point x initial state x seed.

====================  =================  ==========================================================
variable              dimensions         meaning
====================  =================  ==========================================================
``time``              (time,)            from 0 at the end of the transient, uniform, with units
each parameter        (sample,)          coordinate, role "parameter", units
``initial_<state>``   (sample,)          coordinate, state before the transient, role initial_state
``seed``              (sample,)          coordinate, role "seed"
``split``             (sample,)          optional coordinate, CF flags: part of a split by point
each state            (sample, time)     role "state", units
``status``            (sample,)          CF flags: ok, diverged, non_finite, interrupted, runaway
``spike_time``        (spike,)           all spikes, one sample after another (CF ragged array)
``spike_count``       (sample,)          how many of them belong to each sample
====================  =================  ==========================================================

A driven neuron has its input as a variable instead of a parameter:

====================  =================  ==========================================================
the input             (sample, time)     role "input", units; ``rule`` says how it runs between
                                         records: "hold" or "linear"
columns of the        (sample,)          coordinates, role "stimulus": values of the protocol that
protocol                                 differ between samples
====================  =================  ==========================================================

A network has no state of its own in the dataset, but numbers of its populations:

====================  ===================  ========================================================
variable              dimensions           meaning
====================  ===================  ========================================================
``rate_<population>`` (sample, time)       role "series": spikes per cell in the step before, Hz
other series          (sample, time)       role "series": at that time
histograms            (sample, time, bin)  role "histogram": cells per bin; the coordinate of the
                                           third dimension holds the bin centres
``spike_neuron`` ...  (spike,)             role "spike_label": index in its population, population,
                                           cause
====================  ===================  ========================================================

Attributes hold what is needed to make the data again; :data:`ATTRIBUTES` names them.
"""

from ._dataset import (
    build,
    concat,
    content_hash,
    histograms_of,
    initial_of,
    inputs_of,
    ok,
    parameters_of,
    populations_of,
    select,
    series_of,
    states_of,
    stimuli_of,
    swept_of,
    validate,
    violations,
)
from ._ragged import SchemaError, Spikes, pack_spikes, spike_table, spikes_of, unpack_spikes
from ._rules import ATTRIBUTES, FLAGS, SCHEMA_VERSION, pieces

__all__ = [
    "ATTRIBUTES",
    "FLAGS",
    "SCHEMA_VERSION",
    "SchemaError",
    "Spikes",
    "build",
    "concat",
    "content_hash",
    "histograms_of",
    "initial_of",
    "inputs_of",
    "ok",
    "pack_spikes",
    "parameters_of",
    "pieces",
    "populations_of",
    "select",
    "series_of",
    "spike_table",
    "spikes_of",
    "states_of",
    "stimuli_of",
    "swept_of",
    "unpack_spikes",
    "validate",
    "violations",
]
