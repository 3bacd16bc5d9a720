"""Has a model's history been rewritten? Its tags held against the chain that they make, without trusting any server.

Every event names the object of the one before, and the tip names the newest: whoever moves or deletes a tag would have
to write anew everything after it. May import names, versions, tags, events, lineage, chain, trailers and tag_objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from gitcellar.core.chain import walk_back
from gitcellar.core.events import Registered
from gitcellar.core.lineage import find_base
from gitcellar.core.names import ModelName
from gitcellar.core.tag_objects import TagObject
from gitcellar.core.tags import find_tag_name
from gitcellar.core.trailers import FORMAT_KEY, parse_message
from gitcellar.core.versions import Version

Code = Literal[
    "forged",
    "replayed",
    "contradicts",
    "moved",
    "deleted",
    "forked",
    "rewound",
    "base-swapped",
    "unsigned",
    "no-right",
    "unsigned-tail",
    "unchained",
    "no-tip",
]
# What the present policy says of events that are as they were written. All other codes tell of a rewriting.
BY_POLICY: frozenset[Code] = frozenset({"unsigned", "no-right", "unsigned-tail", "unchained"})


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What does not fit. `tag` is where it shows; `code` is stable. What is not `grave` is a warning."""

    code: Code
    tag: str
    message: str
    grave: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything about one model that refs and tag objects say.

    `held` are its registry tags with the objects that they hold, `objects` every tag object that could be read, also of
    events whose tags are gone, and `links` which event each follows; both may hold other models' too. `tip` is where
    the chain begins, `remembered` where a remote's began when it was asked last. `bases` are the registrations of the
    rack's base model.
    """

    model: ModelName
    held: Mapping[str, str]
    objects: Mapping[str, TagObject]
    links: Mapping[str, str | None]
    tip: str | None
    remembered: str | None
    bases: Mapping[Version, str]


def find_suspicions(evidence: Evidence) -> list[Suspicion]:
    """Everything that does not fit, worst first; empty for a model whose history is whole."""
    chain = walk_back(evidence.tip, evidence.links)
    found = [
        *_check_objects(evidence),
        *_check_chain(evidence, chain),
        *_check_remembered(evidence, chain),
        *_check_forks(evidence, chain),
        *_check_bases(evidence),
    ]
    told = {suspicion.tag for suspicion in found}
    return [*found, *(s for s in _check_unchained(evidence, chain) if s.tag not in told)]


def find_registrations(held: Mapping[str, str]) -> dict[Version, str]:
    """The objects of a model's registrations by version, from its tags and what they hold."""
    named = [(find_tag_name(tag), object_id) for tag, object_id in held.items()]
    return {name.fact.version: object_id for name, object_id in named if name and isinstance(name.fact, Registered)}


def _check_objects(evidence: Evidence) -> Iterator[Suspicion]:
    for tag, object_id in evidence.held.items():
        found = evidence.objects.get(object_id)
        if found is None:
            yield Suspicion("forged", tag, "it is no tag object as git writes it")
        elif found.field != tag:
            yield Suspicion("replayed", tag, f"its object was made as {found.field!r}")
        else:
            yield from _check_trailers(tag, found)


def _check_trailers(tag: str, found: TagObject) -> Iterator[Suspicion]:
    named, message = find_tag_name(tag), parse_message(found.message)
    if named is None or message.find(FORMAT_KEY) is None:
        return
    said = {"Model": named.model.text, "Version": getattr(named.fact, "version", None)}
    said["Stage"] = getattr(named.fact, "stage", None)
    for key, meant in said.items():
        written = message.find(key)
        if meant is not None and written is not None and written != str(meant):
            yield Suspicion("contradicts", tag, f"its message says {key}: {written}")


def _check_chain(evidence: Evidence, chain: list[str]) -> Iterator[Suspicion]:
    after = "the tip"
    for object_id in chain:
        name = evidence.objects[object_id].field
        holds = evidence.held.get(name)
        if holds is None:
            yield Suspicion("deleted", name, f"{after} follows it, and the tag is gone")
        elif holds != object_id:
            message = f"it held {object_id[:12]} when {after} followed it, and holds {holds[:12]} now"
            yield Suspicion("moved", name, message)
        after = name
    lost = evidence.links.get(chain[-1]) if chain else evidence.tip
    if lost is not None and lost not in chain:
        yield Suspicion("deleted", after, f"it follows {lost[:12]}, and no tag holds that event any more")


def _check_remembered(evidence: Evidence, chain: list[str]) -> Iterator[Suspicion]:
    remembered = evidence.remembered
    if remembered is None or remembered in chain:
        return
    known = evidence.objects.get(remembered)
    name = known.field if known else remembered[:12]
    yield Suspicion("rewound", name, "it was the newest event when the remote was asked last, and leads nowhere now")


def _check_forks(evidence: Evidence, chain: list[str]) -> Iterator[Suspicion]:
    followers: dict[str, dict[str, str]] = {}
    for tag, object_id in evidence.held.items():
        before = evidence.links.get(object_id)
        if before is not None:
            # One object under two names is a replay, and no fork.
            followers.setdefault(before, {}).setdefault(object_id, tag)
    for tags in followers.values():
        main = next((object_id for object_id in tags if object_id in chain), next(iter(tags)))
        for object_id, tag in tags.items():
            if object_id != main:
                yield Suspicion("forked", tag, f"it and {tags[main]} follow the same event")


def _check_bases(evidence: Evidence) -> Iterator[Suspicion]:
    for tag, object_id in evidence.held.items():
        found = evidence.objects.get(object_id)
        base = find_base(parse_message(found.message)) if found else None
        if base is not None and evidence.bases.get(base.version) != base.object_id:
            now = evidence.bases.get(base.version)
            holds = f"that tag holds {now[:12]} now" if now else "that version is gone"
            message = f"it was tuned from {base.model}@{base.version} {base.object_id[:12]}, and {holds}"
            yield Suspicion("base-swapped", tag, message)


def _check_unchained(evidence: Evidence, chain: list[str]) -> Iterator[Suspicion]:
    known = set(chain)
    loose = [tag for tag, object_id in evidence.held.items() if object_id not in known]
    if evidence.tip is None and loose:
        message = "the model has no tip, so nobody can tell whether events are missing"
        yield Suspicion("no-tip", loose[-1], message, grave=False)
        return
    for tag in loose:
        message = "no later event names it: it could go unnoticed, as what git or GTO wrote"
        yield Suspicion("unchained", tag, message, grave=False)
