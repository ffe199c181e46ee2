"""Single neurons, one file each; an import line here registers the systems of a file."""

from .bonhoeffer_van_der_pol import SYSTEM as bonhoeffer_van_der_pol
from .fitzhugh_nagumo import FORM_C as fitzhugh_nagumo_c
from .fitzhugh_nagumo import SYSTEM as fitzhugh_nagumo
from .hh_vn import SYSTEM as hh_vn
from .hindmarsh_rose import SYSTEM as hindmarsh_rose
from .hodgkin_huxley import SYSTEM as hodgkin_huxley
from .morris_lecar import HOMOCLINIC as morris_lecar_homoclinic
from .morris_lecar import SADDLE_NODE as morris_lecar_saddle_node
from .morris_lecar import SYSTEM as morris_lecar
from .sherman import BISTABLE as sherman_bistable
from .sherman import SYSTEM as sherman
from .wang_buzsaki import SYSTEM as wang_buzsaki

__all__ = [
    "bonhoeffer_van_der_pol",
    "fitzhugh_nagumo",
    "fitzhugh_nagumo_c",
    "hh_vn",
    "hindmarsh_rose",
    "hodgkin_huxley",
    "morris_lecar",
    "morris_lecar_homoclinic",
    "morris_lecar_saddle_node",
    "sherman",
    "sherman_bistable",
    "wang_buzsaki",
]
