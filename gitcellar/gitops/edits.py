"""What of a change goes on in spite of files that somebody edited? The edited slots are held, the others move."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gitcellar.core.deployments import Deployment, Reconciled, Step, hold
from gitcellar.gitops.rendering import Rendering
from gitcellar.store.deploy_merge import merge_edit

# What changes a slot's files, and what is told for another reason already.
_MOVING, _TOLD = ("changed", "removed", "withdrawn"), ("held", "withdrawn")
Draw = Callable[[Iterable[Deployment]], Rendering]


@dataclass(frozen=True, slots=True)
class HeldChange:
    """A change without the slots whose files were edited: the state after it, the steps, and its files.

    `merged` are edited files of several slots, with the changes of those that move.
    """

    after: Reconciled
    steps: tuple[Step, ...]
    drawn: Rendering
    merged: Mapping[str, bytes]


def hold_edited(
    before: Reconciled, after: Reconciled, steps: Sequence[Step], edited: Mapping[str, bytes], draw: Draw
) -> HeldChange:
    """Hold each slot that has an edited file of its own, and each whose change collides with an edit of a shared file.

    `edited` are the contents of the edited files; `draw` makes the files of some deployments.
    """
    old, new = draw(before.deployments.values()), draw(after.deployments.values())
    owners = {**_guess_owners(before, edited), **old.owners, **new.owners}
    reasons = {owners[path]: f"{path} was edited by hand" for path in edited if path in owners}
    shared = _SharedEdits(before, old, {path: content for path, content in edited.items() if path not in owners})
    moving = [step.slot for step in steps if step.status in _MOVING and step.slot not in reasons]
    moved = _move(before, after, moving)
    drawn = draw(moved.deployments.values())
    # One by one only where an edit is in the way: then it is told of which slots.
    if shared.find_collision(drawn):
        accepted: list[str] = []
        for slot in moving:
            collision = shared.find_collision(draw(_move(before, after, [*accepted, slot]).deployments.values()))
            if collision is None:
                accepted.append(slot)
            else:
                reasons[slot] = f"{collision} was edited by hand, where {slot} changes it"
        moved = _move(before, after, accepted)
        drawn = draw(moved.deployments.values())
    told = tuple(
        hold(step.slot, before, reasons[step.slot]) if step.slot in reasons and step.status not in _TOLD else step
        for step in steps
    )
    return HeldChange(moved, told, drawn, shared.merge(drawn))


def _guess_owners(before: Reconciled, paths: Iterable[str]) -> dict[str, str]:
    """The slots that files are of by their names, for files of templates that are gone."""
    slots = {deployment.slug: deployment.slot for deployment in before.deployments.values()}
    named = {path: max((slug for slug in slots if slug in path), key=len, default=None) for path in paths}
    return {path: slots[slug] for path, slug in named.items() if slug is not None}


@dataclass(frozen=True, slots=True)
class _SharedEdits:
    """Files of several slots that somebody edited, and what they were before that."""

    before: Reconciled
    old: Rendering
    edited: Mapping[str, bytes]

    def find_collision(self, drawn: Rendering) -> str | None:
        """A file in which the edit and the change cannot both stand."""
        return next((path for path in self.edited if self._merge(path, drawn) is None), None)

    def merge(self, drawn: Rendering) -> dict[str, bytes]:
        """The files in which both stand."""
        found = {path: self._merge(path, drawn) for path in self.edited if path in drawn.files}
        return {path: content for path, content in found.items() if content is not None}

    def _merge(self, path: str, drawn: Rendering) -> bytes | None:
        was, will, edited = self.old.files.get(path), drawn.files.get(path), self.edited[path]
        if was == will:
            return edited
        # By other templates than those of today something else was edited.
        if was is None or will is None or hashlib.sha256(was).hexdigest() != self.before.files.get(path):
            return None
        return merge_edit(was, edited, will)


def _move(before: Reconciled, after: Reconciled, slots: Iterable[str]) -> Reconciled:
    """The state in which these slots alone are as they will be."""
    moving = set(slots)
    deployments = {s: d for s, d in before.deployments.items() if s not in moving}
    deployments |= {s: d for s, d in after.deployments.items() if s in moving}
    sequences = {**before.sequences, **{s: n for s, n in after.sequences.items() if s in moving}}
    return replace(after, deployments=deployments, sequences=sequences)
