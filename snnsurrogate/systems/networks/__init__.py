"""Spiking networks, one file each; an import line here registers the systems of a file."""

__all__: list[str] = []
