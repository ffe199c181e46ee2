"""Spiking networks, one file each; an import line here registers the systems of a file."""

from .brunel import SYSTEM as brunel
from .markov_if import SYSTEM as markov_if
from .ping import SYSTEM as ping

__all__ = ["brunel", "markov_if", "ping"]
