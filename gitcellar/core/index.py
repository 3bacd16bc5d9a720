"""What should run, as small signed files for any web server: pure.

A file for each slot, so that a million devices read a few hundred bytes each, and never Git. May import core alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from gitcellar.core.deployments import Deployment, Wanted, parse_deployment, parse_number, parse_slot
from gitcellar.core.errors import InvalidError
from gitcellar.core.json_text import parse_json
from gitcellar.core.names import parse_model_name

NAMESPACE = "gitcellar-index"  # of its signatures, so that none is good for anything else
LIST_FILE = "index.json"
_SCHEMA = 2  # since 2 each file names its cellar
_MAX_NAME = 1000
_ENDINGS = (".json", ".sig")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a slot of a cellar should run, with all that is needed to download it; no `deployment` for an empty stage.

    `tracking` are the contents of DVC's files, `until` the second in UTC after which it counts no more.
    """

    cellar: str
    slot: str
    sequence: int
    until: int
    deployment: Deployment | None
    tracking: Mapping[str, str]

    @property
    def wanted(self) -> Wanted:
        """What the slot should hold. Raise InvalidError for a slot that can be none."""
        model, _, stage = self.slot.rpartition("#")
        told = self.deployment
        version, identity, withdrawn = (told.version, told.id, told.withdrawn) if told else (None, "", False)
        return Wanted(parse_model_name(model), stage, version, self.sequence, identity, withdrawn=withdrawn)


@dataclass(frozen=True, slots=True)
class OfferList:
    """The slots that an index of a cellar has, and the second in UTC after which that counts no more."""

    cellar: str
    slots: tuple[str, ...]
    until: int


def offer_file(slot: str) -> str:
    """Where a slot's file stands in an index. A model's folder never has the name of another model's file."""
    model, _, stage = slot.rpartition("#")
    parts = [f"{part}=" if part.endswith(_ENDINGS) else part for part in model.replace(":", "=").split("/")]
    return f"models/{'/'.join(parts)}/{stage}.json"


def format_offer(offer: Offer) -> bytes:
    """A slot's file: the same bytes for the same offer."""
    return _dump(
        {
            "schema": _SCHEMA,
            "cellar": offer.cellar,
            "slot": offer.slot,
            "sequence": offer.sequence,
            "until": offer.until,
            "deployment": asdict(offer.deployment) if offer.deployment else None,
            "tracking": dict(offer.tracking),
        }
    )


def parse_offer(content: bytes, slot: str) -> Offer:
    """Read a slot's file. Raise InvalidError for what is none, or another slot's."""
    try:
        found = parse_json(content, offer_file(slot))
        _require_schema(found["schema"])
        told, sequence = found["deployment"], parse_number(found["sequence"])
        deployment = parse_deployment(told) if told is not None else None
        if found["slot"] != slot or (deployment and (deployment.slot, deployment.sequence) != (slot, sequence)):
            raise InvalidError(f"this is not the file of {slot}")
        tracking = {path: _parse_text(text) for path, text in found["tracking"].items()}
        return Offer(
            parse_cellar_name(found["cellar"]), slot, sequence, parse_number(found["until"]), deployment, tracking
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidError(f"the file of {slot} cannot be read") from error


def format_list(cellar: str, slots: Mapping[str, int], until: int) -> bytes:
    """The list of all slots with their sequences."""
    files = {slot: {"file": offer_file(slot), "sequence": sequence} for slot, sequence in slots.items()}
    return _dump({"schema": _SCHEMA, "cellar": cellar, "until": until, "slots": files})


def parse_list(content: bytes) -> OfferList:
    """The slots of an index. Raise InvalidError for what is none."""
    try:
        found = parse_json(content, LIST_FILE)
        _require_schema(found["schema"])
        slots = tuple(sorted(map(parse_slot, found["slots"])))
        return OfferList(parse_cellar_name(found["cellar"]), slots, parse_number(found["until"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidError(f"{LIST_FILE} cannot be read") from error


def parse_cellar_name(value: object) -> str:
    """What an index calls its cellar. Raise InvalidError for what is no line of text."""
    text = _parse_text(value)
    if not text.isprintable() or not 0 < len(text) <= _MAX_NAME:
        raise InvalidError(
            f"{text[:_MAX_NAME]!r} is no name of a cellar", hint=f"1 to {_MAX_NAME} printable characters"
        )
    return text


def _require_schema(schema: object) -> None:
    if schema != _SCHEMA:
        hint = f"write it anew with a gitcellar that writes schema {_SCHEMA}: gitcellar index --out DIR"
        raise InvalidError(f"an index of schema {schema!r:.20} is not read, only one of schema {_SCHEMA}", hint=hint)


def _parse_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _dump(document: Mapping[str, object]) -> bytes:
    return (json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n").encode()
