"""How a system is simulated: designs and engines. The only room that imports brian2."""

from snnsurrogate.simulate.brian2_engine import EngineError as EngineError
from snnsurrogate.simulate.designs import Design as Design
from snnsurrogate.simulate.sweep import simulate as simulate
