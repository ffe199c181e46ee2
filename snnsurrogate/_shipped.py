"""Where shipped studies and data lie: inside an installed wheel, or beside a checkout's package."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the folder of shipped files called ``name`` ("studies" or "data").

    In a wheel it is packed into the package, in a checkout it is the package's neighbour.

    Raises:
        FileNotFoundError: neither place has it (a broken installation).
    """
    candidates = (_PACKAGE / name, _PACKAGE.parent / name)
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    msg = (
        f"the shipped folder {name!r} is missing; looked in "
        f"{' and '.join(map(str, candidates))}. Reinstall snnsurrogate."
    )
    raise FileNotFoundError(msg)
