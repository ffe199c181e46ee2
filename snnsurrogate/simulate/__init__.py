"""How a system is simulated: designs and engines. The only room that imports brian2."""
