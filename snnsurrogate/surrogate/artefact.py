"""A surrogate on disk: a folder with weights and a card; nothing is pickled."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from snnsurrogate import _shipped
from snnsurrogate._names import suggestion
from snnsurrogate.dataset.store import atomic
from snnsurrogate.surrogate import models
from snnsurrogate.surrogate._layout import layout
from snnsurrogate.surrogate.scaling import Scaling
from snnsurrogate.surrogate.surrogate import Surrogate

FORMAT = "snnsurrogate surrogate"
FORMAT_VERSION = "1"
WEIGHTS, CARD = "weights.safetensors", "card.json"


class SurrogateError(ValueError):
    """A surrogate folder that is missing, incomplete, altered or foreign."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that its final name never holds a part of it."""
    with atomic(path) as private:
        private.write_bytes(data)


def make_folder(folder: Path) -> None:
    """Make a folder for a surrogate, so that a bad path is said before hours of training.

    Raises:
        OSError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        msg = f"{folder} is a file; a surrogate needs a folder of its own"
        raise FileExistsError(msg) from error
    if not os.access(folder, os.W_OK):
        msg = f"the folder {folder} cannot be written to"
        raise PermissionError(msg)


def checksum(card: dict[str, Any]) -> str:
    """SHA-256 of a card without its own checksum."""
    body = {k: v for k, v in card.items() if k != "checksum"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def weights_bytes(surrogate: Surrogate) -> bytes:
    """The module's tensors in safetensors form."""
    from safetensors.torch import save as to_bytes

    state = {k: v.detach().contiguous() for k, v in surrogate.module.state_dict().items()}
    return to_bytes(state)


def save(surrogate: Surrogate, folder: str | Path) -> Path:
    """Write a surrogate into a folder, which is made if need be.

    Both files are on disk before either takes its name, so that a full disk leaves an older
    surrogate as it was. The card is named last: a folder without a card is an unfinished one.

    Raises:
        OSError: the disk is full or the folder cannot be written to.
    """
    folder = Path(folder)
    make_folder(folder)
    weights = weights_bytes(surrogate)
    card = {**surrogate.card, "weights_sha256": hashlib.sha256(weights).hexdigest()}
    card["checksum"] = checksum(card)
    surrogate.card = card
    with atomic(folder / CARD) as private:
        private.write_bytes((json.dumps(card, indent=1) + "\n").encode())
        with atomic(folder / WEIGHTS) as private_weights:
            private_weights.write_bytes(weights)
            (folder / CARD).unlink(missing_ok=True)
    return folder


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a surrogate folder, checked.

    Raises:
        SurrogateError: the card is missing, unreadable, altered, or of another format.
    """
    path = folder / CARD
    if not path.is_file():
        msg = f"{folder} has no {CARD}; expected a folder written by surrogate.save(...)"
        raise SurrogateError(msg)
    try:
        card = json.loads(path.read_text())
    except ValueError as error:
        msg = f"{path} is not readable JSON ({error}); restore it or train again"
        raise SurrogateError(msg) from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        msg = f"{path} is not the card of a surrogate"
        raise SurrogateError(msg)
    if card.get("format_version") != FORMAT_VERSION:
        version = card.get("format_version")
        msg = f"{path} has format version {version!r}; this package reads {FORMAT_VERSION!r}"
        raise SurrogateError(msg)
    if card.get("checksum") != checksum(card):
        msg = f"{path} was altered after it was written; restore it or train again"
        raise SurrogateError(msg)
    return card


def load(folder_or_name: str | Path) -> Surrogate:
    """A surrogate from a folder, or a shipped one by name (``"bursting-map"``).

    Raises:
        SurrogateError: no such folder or name, or a file that is missing, altered or foreign.
    """
    from safetensors.torch import load as from_bytes

    folder = Path(folder_or_name)
    if not folder.is_dir():
        shipped = _shipped.folder("data") / str(folder_or_name)
        if len(folder.parts) != 1 or not (shipped / CARD).is_file():
            names = sorted(p.parent.name for p in _shipped.folder("data").glob(f"*/{CARD}"))
            hint = suggestion(str(folder_or_name), names)
            msg = (
                f"{folder} is neither a folder nor a shipped surrogate; shipped are {names}.{hint}"
            )
            raise SurrogateError(msg)
        folder = shipped
    card = read_card(folder)
    path = folder / WEIGHTS
    if not path.is_file():
        msg = f"{folder} has no {WEIGHTS}; restore it or train again"
        raise SurrogateError(msg)
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != card["weights_sha256"]:
        msg = f"{path} does not match its card (SHA-256 differs): it was altered or cut short"
        raise SurrogateError(msg)
    model = models.get(card["model"]["name"], **card["model"]["settings"])
    scaling = Scaling.from_dict(card["scaling"])
    module = model.build(layout(card, scaling), generator_seed=0)
    module.load_state_dict(from_bytes(data))
    return Surrogate(model, module.eval(), scaling, card)
