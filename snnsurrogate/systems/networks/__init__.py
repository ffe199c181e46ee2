"""Spiking networks, one file each; an import line here registers the systems of a file."""

from .markov_if import SYSTEM as markov_if

__all__ = ["markov_if"]
