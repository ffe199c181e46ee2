"""Spiking networks, one file each; an import line here registers the systems of a file."""

from .brunel import SYSTEM as brunel
from .markov_if import SYSTEM as markov_if

__all__ = ["brunel", "markov_if"]
