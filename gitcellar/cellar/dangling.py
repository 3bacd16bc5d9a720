"""Which refs lead nowhere, or hide one another? What git itself says nothing of until it is in the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gitcellar.core.chain import read_links
from gitcellar.core.tag_objects import find_tag_object
from gitcellar.core.tags import find_tag_name
from gitcellar.store.git import GitRepository

_TAGS, _TIPS, _HEADS = "refs/tags/", "refs/gitcellar/", "refs/heads/"


class Shadow(NamedTuple):
    """A branch with the name of a tag. `remote` has it; None where it is here."""

    name: str
    remote: str | None


class Dangling(NamedTuple):
    """A ref that names, or follows, an event that is gone. `model` is None for a tag that is not the registry's.

    Where the ref's own object is `lost`, git reads no tag of the model until the ref is gone.
    """

    ref: str
    model: str | None
    message: str
    lost: bool = False


def find_shadows(repository: GitRepository, remote: str) -> Iterator[Shadow]:
    """Branches, here or on a remote as it was fetched, that have the name of a registry tag."""
    tags = {tag.removeprefix(_TAGS) for tag in repository.list_ref_ids(_TAGS)}
    for folder, where in ((_HEADS, None), (f"refs/remotes/{remote}/", remote)):
        for ref in repository.list_ref_ids(folder):
            name = ref.removeprefix(folder)
            if name in tags and find_tag_name(name) is not None:
                yield Shadow(name, where)


def find_dangling(repository: GitRepository) -> Iterator[Dangling]:
    """Tags whose objects are missing, and events and tips that follow one which no tag holds."""
    refs = repository.list_ref_ids(_TAGS, _TIPS)
    tags = {ref.removeprefix(_TAGS): object_id for ref, object_id in refs.items() if ref.startswith(_TAGS)}
    there = repository.check_objects(name for object_id in tags.values() for name in (object_id, f"{object_id}^{{}}"))
    whole = {tag for tag, object_id in tags.items() if object_id in there and f"{object_id}^{{}}" in there}
    for tag in sorted(tags.keys() - whole):
        yield Dangling(tag, _find_model(tag), "its object, or what that points at, is not here", lost=True)
    held = {tags[tag] for tag in whole}
    read = repository.read_objects({tag: tags[tag] for tag in whole if find_tag_name(tag)}, kind="tag")
    objects = {tag: found for tag, content in read.items() if (found := find_tag_object(content)) is not None}
    links = read_links({tag: found.message for tag, found in objects.items()})
    for tag, before in links.items():
        if before is not None and before not in held:
            yield Dangling(tag, _find_model(tag), f"it follows {before[:12]}, and no tag holds that event")
    for ref, tip in refs.items():
        if ref.startswith(_TIPS) and tip not in held:
            model = ref.removeprefix(_TIPS).removesuffix("@tip")
            yield Dangling(ref, model, f"it is the newest event by the tip, {tip[:12]}, and no tag holds it")


def _find_model(tag: str) -> str | None:
    named = find_tag_name(tag)
    return named.model.text if named else None
