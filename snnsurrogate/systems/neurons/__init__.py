"""Single neurons, one file each; an import line here registers the systems of a file."""

from .sherman import BISTABLE as sherman_bistable
from .sherman import SYSTEM as sherman

__all__ = ["sherman", "sherman_bistable"]
