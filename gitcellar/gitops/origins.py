"""From where does an agent learn what it should run? From Git itself, or from an index that somebody signed.

May import core, store, cellar and its own floor.
"""

from __future__ import annotations

import posixpath
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from gitcellar.cellar.getting import read_tracking_of
from gitcellar.core.deployments import Deployment, Reconciled, Step, carry_out, leave_alone, settle
from gitcellar.core.errors import CellarError, InvalidError, NotFoundError
from gitcellar.core.index import (
    LIST_FILE,
    NAMESPACE,
    Offer,
    offer_file,
    parse_cellar_name,
    parse_list,
    parse_offer,
)
from gitcellar.core.names import parse_model_name
from gitcellar.gitops.desired import advance
from gitcellar.gitops.index_times import IndexTimes, read_times, write_times
from gitcellar.gitops.indexing import require_cellar
from gitcellar.policy.settings import matches
from gitcellar.store.deploy_folder import Folder
from gitcellar.store.environment import read_now
from gitcellar.store.git_remote import RefSource
from gitcellar.store.http import get, is_url
from gitcellar.store.signatures import find_signer
from gitcellar.store.tracking import Tracking, tracking_files


class Origin(Protocol):
    """What an agent asks."""

    def advance(
        self, before: Reconciled, stage: str, models: str, passed_over: Container[str]
    ) -> tuple[Reconciled, list[Step]]:
        """What should be so after `before`, verified, and what that does to each slot."""

    def find_tracking(self, deployment: Deployment) -> Tracking:
        """How DVC tracks what a deployment needs."""


@dataclass(frozen=True, slots=True)
class GitOrigin:
    """A repository: refs are listed, and of a URL no more is fetched than what changed."""

    source: RefSource

    def advance(
        self, before: Reconciled, stage: str, models: str, passed_over: Container[str]
    ) -> tuple[Reconciled, list[Step]]:
        """As Git says. Whether the storage has the weights is found out by downloading them."""
        return advance(self.source, before, stages=[stage], models=models, passed_over=passed_over, ask_storage=False)

    def find_tracking(self, deployment: Deployment) -> Tracking:
        """Read from the version's commit alone."""
        return read_tracking_of(self.source, parse_model_name(deployment.model), deployment.tag, deployment.commit)


class IndexOrigin:
    """An index on a web server or in a folder, believed for the signature of one of `signers` and until its time.

    One key may sign the indexes of many cellars: every file must name `cellar`, or where that is None the cellar that
    the target is kept for, or else that of the first file. The folder `into` remembers what has expired.
    """

    def __init__(self, where: str, signers: Path, into: Path, cellar: str | None = None) -> None:
        if not signers.is_file():
            raise NotFoundError(f"there is no file of signers {str(signers)!r}", hint="as ssh-keygen reads it")
        self._where = where
        self._signers = signers
        self._asked = parse_cellar_name(cellar) if cellar is not None else None
        self._cellar = self._asked
        self._offers: dict[str, Offer] = {}
        self._folder = Folder(into)
        self._times = IndexTimes()

    def advance(
        self, before: Reconciled, stage: str, models: str, passed_over: Container[str]
    ) -> tuple[Reconciled, list[Step]]:
        """As the files of the slots say. One model's file is read alone, without the list.

        Raise InvalidError where the target is kept for another cellar than the one that is asked for.
        """
        if self._asked is not None:
            require_cellar(self._asked, before.source, "this folder")
        self._cellar = self._asked or before.source
        remembered = read_times(self._folder)
        self._times = remembered.at(read_now())
        try:
            return self._advance(before, stage, models, passed_over)
        finally:
            if self._times != remembered:
                write_times(self._folder, self._times)

    def _advance(
        self, before: Reconciled, stage: str, models: str, passed_over: Container[str]
    ) -> tuple[Reconciled, list[Step]]:
        offers: dict[str, Offer] = {}
        faults: dict[str, str] = {}
        for slot in self._find_slots(stage, models):
            try:
                offers[slot] = self._read_offer(slot)
            except CellarError as error:
                faults[slot] = str(error)
        self._offers = offers
        wanted = {slot: offer.wanted for slot, offer in offers.items()}
        steps = leave_alone(settle(before, wanted, faults), wanted, passed_over)
        new = {slot: offer.deployment for slot, offer in offers.items() if offer.deployment}
        # A name that no file bore is not remembered: it may be misspelled.
        source = self._cellar if offers else before.source
        return replace(carry_out(before, steps, wanted, new), source=source), steps

    def find_tracking(self, deployment: Deployment) -> Tracking:
        """As the slot's file says, of the files that may say it."""
        offer = self._offers[deployment.slot]
        path = posixpath.normpath(deployment.path or "")
        files = {name: offer.tracking[name].encode() for name in tracking_files(path) if name in offer.tracking}
        return Tracking(path, files, None)

    def _find_slots(self, stage: str, models: str) -> list[str]:
        if not set(models) & set("*?"):
            return [f"{parse_model_name(models)}#{stage}"]
        found = parse_list(self._read(LIST_FILE))
        self._require_mine(found.cellar, found.until, LIST_FILE)
        split = [slot.rpartition("#") for slot in found.slots]
        return [f"{model}#{held}" for model, _, held in split if held == stage and matches(models, model)]

    def _read_offer(self, slot: str) -> Offer:
        offer = parse_offer(self._read(offer_file(slot)), slot)
        self._require_mine(offer.cellar, offer.until, slot)
        return offer

    def _require_mine(self, cellar: str, until: int, what: str) -> None:
        """Hold a file against the time and the cellar; the first that counts says which cellar that is."""
        if self._cellar in (None, cellar):
            self._times = self._times.meet(until, read_now())
        if until <= self._times.expired:
            raise InvalidError(f"{what} counted until {until}, in seconds UTC", hint="gitcellar index writes it anew")
        if self._cellar is not None and cellar != self._cellar:
            message = f"{what} is of the cellar {cellar!r}, and this folder is kept for {self._cellar!r}"
            raise InvalidError(message, hint="--index names another place, or --into another folder")
        self._cellar = cellar

    def _read(self, path: str) -> bytes:
        """A file of the index whose signature fits. Raise InvalidError for one that nobody signed who may."""
        content, armor = self._fetch(path), self._fetch(f"{path}.sig")
        if find_signer(content, armor, self._signers, NAMESPACE) is None:
            raise InvalidError(f"{path} is not signed by one of {self._signers}")
        return content

    def _fetch(self, path: str) -> bytes:
        if is_url(self._where):
            return get(f"{self._where.rstrip('/')}/{path}")
        place = Path(self._where, path)
        if not place.is_file():
            raise NotFoundError(f"there is no {place}")
        return place.read_bytes()
