"""What should run, put where any web server or object store can hand it out. May import core, store, cellar, gitops."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
from gitcellar.core.index import LIST_FILE, NAMESPACE, Offer, format_list, format_offer, offer_file, parse_offer
from gitcellar.core.names import parse_model_name
from gitcellar.gitops.desired import advance
from gitcellar.store.deploy_folder import Folder
from gitcellar.store.environment import read_now
from gitcellar.store.git_remote import RefSource
from gitcellar.store.signatures import SigningKey, sign


def write_index(
    source: RefSource, out: Path, key: SigningKey, *, stages: Iterable[str] = (), models: str = "**", valid: float
) -> list[Step]:
    """Write a file for each slot and the list of them, each signed, good for `valid` seconds. Return what changed.

    What cannot be verified stays as it was, and is signed again as it was.
    """
    folder = Folder(out)
    with folder.held():
        before = parse_reconciled(folder.read([STATE_FILE]).get(STATE_FILE))
        after, steps = advance(source, before, stages=stages, models=models)
        until = read_now() + int(valid)
        there = folder.read(map(offer_file, after.sequences))
        offers = {slot: _offer(source, after, slot, until, there.get(offer_file(slot))) for slot in after.sequences}
        files = {offer_file(slot): format_offer(offer) for slot, offer in offers.items()}
        files[LIST_FILE] = format_list(after.sequences, until)
        for path, content in files.items():
            # The signature first: who reads between the two finds it not to fit, and asks again.
            folder.write({f"{path}.sig": sign(content, key, NAMESPACE), path: content})
        folder.write({STATE_FILE: format_reconciled(after)})
    return steps


def _offer(source: RefSource, state: Reconciled, slot: str, until: int, old: bytes | None) -> Offer:
    deployment = state.deployments.get(slot)
    tracking: Mapping[str, str] = {}
    if deployment is not None:
        known = parse_offer(old, slot) if old is not None else None
        # The commit of a version that was offered before is not read again.
        same = known is not None and known.deployment == deployment
        tracking = known.tracking if known and same else _read_tracking(source, deployment)
    return Offer(slot, deployment.sequence if deployment else state.sequences[slot], until, deployment, tracking)


def _read_tracking(source: RefSource, deployment: Deployment) -> dict[str, str]:
    tracking = read_tracking_of(source, parse_model_name(deployment.model), deployment.tag, deployment.commit)
    return {path: content.decode("utf-8", "replace") for path, content in tracking.files.items()}
