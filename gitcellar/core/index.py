"""What should run, as small signed files for any web server: pure.

A file for each slot, so that a million devices read a few hundred bytes each, and never Git. May import core alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from gitcellar.core.deployments import Deployment, Wanted, parse_deployment
from gitcellar.core.errors import InvalidError
from gitcellar.core.json_text import parse_json
from gitcellar.core.names import parse_model_name

NAMESPACE = "gitcellar-index"  # of its signatures, so that none is good for anything else
LIST_FILE = "index.json"
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Offer:
    """What a slot should run, with all that is needed to download it. `deployment` is None for an empty stage.

    `tracking` are the contents of DVC's files, `until` the second in UTC after which it counts no more.
    """

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
        version, identity = (told.version, told.id) if told else (None, "")
        return Wanted(parse_model_name(model), stage, version, self.sequence, identity)


def offer_file(slot: str) -> str:
    """Where a slot's file stands in an index."""
    model, _, stage = slot.rpartition("#")
    return f"models/{model.replace(':', '=')}/{stage}.json"


def format_offer(offer: Offer) -> bytes:
    """A slot's file: the same bytes for the same offer."""
    return _dump(
        {
            "schema": _SCHEMA,
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
        if found["schema"] != _SCHEMA or found["slot"] != slot:
            raise InvalidError(f"this is not the file of {slot}")
        told = found["deployment"]
        deployment = parse_deployment(told) if told is not None else None
        tracking = {str(path): str(text) for path, text in found["tracking"].items()}
        if deployment is not None and (deployment.slot != slot or deployment.sequence != int(found["sequence"])):
            raise InvalidError(f"this is not the file of {slot}")
        return Offer(slot, int(found["sequence"]), int(found["until"]), deployment, tracking)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidError(f"the file of {slot} cannot be read") from error


def format_list(slots: Mapping[str, int], until: int) -> bytes:
    """The list of all slots with their sequences."""
    files = {slot: {"file": offer_file(slot), "sequence": sequence} for slot, sequence in slots.items()}
    return _dump({"schema": _SCHEMA, "until": until, "slots": files})


def parse_list(content: bytes) -> tuple[list[str], int]:
    """The slots of an index, and until when it counts. Raise InvalidError for what is none."""
    try:
        found = parse_json(content, LIST_FILE)
        if found["schema"] != _SCHEMA:
            raise InvalidError(f"{LIST_FILE} has a schema that this version does not know")
        return sorted(map(str, found["slots"])), int(found["until"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidError(f"{LIST_FILE} cannot be read") from error


def _dump(document: Mapping[str, object]) -> bytes:
    return (json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n").encode()
