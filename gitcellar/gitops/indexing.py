"""What should run, put where any web server or object store can hand it out. May import core, store, cellar, gitops."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from gitcellar.cellar.getting import read_tracking_of
from gitcellar.core.deployments import (
    STATE_FILE,
    Deployment,
    Reconciled,
    Step,
    format_reconciled,
    parse_reconciled,
)
from gitcellar.core.errors import InvalidError
from gitcellar.core.index import (
    LIST_FILE,
    NAMESPACE,
    Offer,
    format_list,
    format_offer,
    offer_file,
    parse_offer,
)
from gitcellar.core.names import parse_model_name
from gitcellar.gitops.desired import advance
from gitcellar.gitops.identity import identify
from gitcellar.store.deploy_folder import Folder
from gitcellar.store.environment import read_now
from gitcellar.store.git_remote import RefSource
from gitcellar.store.signatures import SigningKey, sign


def write_index(
    source: RefSource, out: Path, key: SigningKey, *, stages: Iterable[str] = (), models: str = "**", valid: float
) -> list[Step]:
    """Write a file for each slot and the list of them, each signed, good for `valid` seconds. Return what changed.

    What cannot be verified stays as it was, and is signed again as it was. Raise InvalidError where the folder holds
    the index of another cellar.
    """
    identity = identify(source)
    cellar = identity.name
    folder = Folder(out)
    with folder.held():
        before = parse_reconciled(folder.read([STATE_FILE]).get(STATE_FILE))
        identity.require_kept(before.source, str(out))
        after, steps = advance(source, before, stages=stages, models=models)
        after = replace(after, source=cellar)
        until = read_now() + int(valid)
        there = folder.read(map(offer_file, after.sequences))
        offers = {
            slot: _offer(source, cellar, after, slot, until, there.get(offer_file(slot))) for slot in after.sequences
        }
        files = {offer_file(slot): format_offer(offer) for slot, offer in offers.items()}
        files[LIST_FILE] = format_list(cellar, after.sequences, until)
        for path, content in files.items():
            # The signature first: who reads between the two finds it not to fit, and asks again.
            folder.write({f"{path}.sig": sign(content, key, NAMESPACE), path: content})
        folder.write({STATE_FILE: format_reconciled(after)})
    return steps


def require_cellar(cellar: str, wanted: str | None, what: str) -> None:
    """Raise InvalidError where something is kept for another cellar; None is kept for none yet."""
    if wanted is not None and cellar != wanted:
        message = f"{what} is kept for the cellar {wanted!r}, and this is {cellar!r}"
        raise InvalidError(message, hint="give each cellar a folder of its own")


def _offer(source: RefSource, cellar: str, state: Reconciled, slot: str, until: int, old: bytes | None) -> Offer:
    deployment = state.deployments.get(slot)
    sequence = deployment.sequence if deployment else state.sequences[slot]
    tracking: Mapping[str, str] = {}
    if deployment is not None:
        known = _find_offer(old, slot)
        # The commit of a version that was offered before is not read again.
        same = known is not None and known.deployment == deployment
        tracking = known.tracking if known and same else _read_tracking(source, deployment)
    return Offer(cellar, slot, sequence, until, deployment, tracking)


def _find_offer(content: bytes | None, slot: str) -> Offer | None:
    """What was offered before; None where that cannot be read, as of an earlier schema."""
    try:
        return parse_offer(content, slot) if content is not None else None
    except InvalidError:
        return None


def _read_tracking(source: RefSource, deployment: Deployment) -> dict[str, str]:
    tracking = read_tracking_of(source, parse_model_name(deployment.model), deployment.tag, deployment.commit)
    return {path: content.decode("utf-8", "replace") for path, content in tracking.files.items()}
