"""The dataset contract: what every simulation and every rollout looks like.

One :class:`xarray.Dataset` per sweep. A *sample* is one parameter point x initial state x seed.

====================  =================  ==========================================================
variable              dimensions         meaning
====================  =================  ==========================================================
``time``              (time,)            from 0 at the end of the transient, uniform, with units
each parameter        (sample,)          coordinate, role "parameter", units
``initial_<state>``   (sample,)          coordinate, state before the transient, role initial_state
``seed``              (sample,)          coordinate, role "seed"
each state            (sample, time)     role "state", units
``status``            (sample,)          CF flags: ok, diverged, non_finite, interrupted
``spike_time``        (spike,)           all spikes, one sample after another (CF ragged array)
``spike_count``       (sample,)          how many of them belong to each sample
====================  =================  ==========================================================

Attributes hold what is needed to make the data again; :data:`ATTRIBUTES` names them.
"""

from ._dataset import (
    SchemaError,
    build,
    concat,
    content_hash,
    initial_of,
    inputs_of,
    ok,
    pack_spikes,
    parameters_of,
    select,
    spikes_of,
    states_of,
    swept_of,
    unpack_spikes,
    validate,
    violations,
)
from ._rules import ATTRIBUTES, FLAGS, SCHEMA_VERSION, pieces

__all__ = [
    "ATTRIBUTES",
    "FLAGS",
    "SCHEMA_VERSION",
    "SchemaError",
    "build",
    "concat",
    "content_hash",
    "initial_of",
    "inputs_of",
    "ok",
    "pack_spikes",
    "parameters_of",
    "pieces",
    "select",
    "spikes_of",
    "states_of",
    "swept_of",
    "unpack_spikes",
    "validate",
    "violations",
]
