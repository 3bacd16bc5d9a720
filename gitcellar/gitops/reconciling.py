"""Is what a target says that runs what Git says? Level-triggered: what was lost on the way is found by the next look.

May import core, store, cellar and its own floor.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from gitcellar.core.deployments import (
    STATE_FILE,
    Reconciled,
    Step,
    format_reconciled,
    parse_reconciled,
)
from gitcellar.core.errors import InvalidError, LostRaceError
from gitcellar.gitops.desired import advance
from gitcellar.gitops.identity import identify
from gitcellar.gitops.rendering import name_form, render
from gitcellar.store.deploy_branch import Branch, opened_branch
from gitcellar.store.deploy_folder import Folder
from gitcellar.store.git_remote import RefSource

Edited = Literal["refuse", "keep", "overwrite"]
_ATTEMPTS = 20
_JITTER = random.SystemRandom()
_IDENTITY = ("gitcellar", "gitcellar@localhost")


@dataclass(frozen=True, slots=True)
class Goal:
    """What is asked for: where it goes, in which form, of which slots, and what becomes of files edited by hand."""

    target: str
    form: str = "json"
    stages: tuple[str, ...] = ()
    models: str = "**"
    edited: Edited = "refuse"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done with each slot, and with files that somebody had edited. `commit` is None for a folder."""

    steps: tuple[Step, ...]
    changed: bool
    commit: str | None
    edited: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every slot is as it should be."""
        return all(step.status != "held" for step in self.steps)


@dataclass(frozen=True, slots=True)
class _Work:
    """What a target holds, what it should, and the files that differ."""

    before: Reconciled
    after: Reconciled
    steps: tuple[Step, ...]
    writes: Mapping[str, bytes]
    removed: tuple[str, ...]
    edited: tuple[str, ...]

    @property
    def idle(self) -> bool:
        return not self.writes and not self.removed and self.before == self.after


def reconcile(source: RefSource, goal: Goal) -> Outcome:
    """Bring a target to what the registry says, once. Twice gives nothing new, and of many at once one wins.

    Raise InvalidError where the target is another cellar's or form's, or holds files that somebody edited;
    LostRaceError where others kept winning.
    """
    url, sharp, branch = goal.target.rpartition("#")
    if not sharp:
        folder = Folder(Path(goal.target))
        with folder.held():
            return _Reconciling(source, goal).into_folder(folder)
    for attempt in range(_ATTEMPTS):
        time.sleep(_JITTER.uniform(0, 0.1 * attempt))
        try:
            with opened_branch(url, branch, _IDENTITY) as opened:
                return _Reconciling(source, goal).into_branch(opened)
        except LostRaceError:
            continue
    raise LostRaceError(f"others kept committing to {branch} while this was tried {_ATTEMPTS} times", hint="try again")


class _Reconciling:
    """One attempt. The target is read before the registry, so that the registry is never the older of the two."""

    def __init__(self, source: RefSource, goal: Goal) -> None:
        self.source = source
        self.goal = goal
        self.cellar = identify(source)
        self.name = self.cellar.name

    def into_branch(self, branch: Branch) -> Outcome:
        work = self.compare(branch)
        if work.idle:
            return Outcome(work.steps, False, None, work.edited)
        state = {STATE_FILE: format_reconciled(work.after)}
        commit = branch.commit({**work.writes, **state}, work.removed, _explain(work.steps))
        return Outcome(work.steps, True, commit, work.edited)

    def into_folder(self, folder: Folder) -> Outcome:
        work = self.compare(folder)
        if work.idle:
            return Outcome(work.steps, False, None, work.edited)
        saved = [folder.save(path) for path in work.edited] if self.goal.edited == "overwrite" else ()
        # What is about to be written is said first: who finds it after a crash knows that nobody edited it.
        folder.write({STATE_FILE: format_reconciled(replace(work.before, coming=work.after.files))})
        folder.write(work.writes)
        folder.remove(work.removed)
        folder.write({STATE_FILE: format_reconciled(work.after)})
        return Outcome(work.steps, True, None, work.edited, tuple(saved))

    def compare(self, target: Branch | Folder) -> _Work:
        """What there is to do. Raise InvalidError where files were edited and nobody said what becomes of them."""
        before = parse_reconciled(target.read([STATE_FILE]).get(STATE_FILE))
        after, steps, files = self.plan(before)
        there = target.read({*files, *before.files})
        edited = self.find_edited(before, files, there)
        kept = edited if self.goal.edited == "keep" else ()
        writes = {path: content for path, content in files.items() if there.get(path) != content and path not in kept}
        removed = [path for path in before.files if path not in files and path in there and path not in kept]
        return _Work(before, after, steps, writes, tuple(removed), edited)

    def plan(self, before: Reconciled) -> tuple[Reconciled, tuple[Step, ...], dict[str, bytes]]:
        """What the target should hold, what that does to each slot, and the files that say so."""
        goal = self.goal
        form, scope = name_form(goal.form), f"models {goal.models}, stages {' '.join(sorted(goal.stages)) or 'all'}"
        self.require_same(before, form, scope)
        after, steps = advance(self.source, before, stages=goal.stages, models=goal.models)
        files = render(goal.form, after.deployments.values(), self.name)
        digests = {path: _digest(content) for path, content in files.items()}
        after = replace(after, source=self.name, render=form, scope=scope, files=digests, coming={})
        return after, tuple(steps), files

    def require_same(self, before: Reconciled, form: str, scope: str) -> None:
        """A target belongs to one cellar, one form and one choice of slots: two would undo each other for ever."""
        self.cellar.require_kept(before.source, self.goal.target)
        for word, was, now in (
            ("form", before.render, form),
            ("choice", before.scope, scope),
        ):
            if was is not None and was != now:
                message = f"{self.goal.target} is kept for the {word} {was!r}, and this asks for {now!r}"
                raise InvalidError(message, hint="give each its own target")

    def find_edited(
        self, before: Reconciled, files: Mapping[str, bytes], there: Mapping[str, bytes]
    ) -> tuple[str, ...]:
        """The files that hold neither what was written nor what will be. Raise InvalidError where that is refused."""
        edited = tuple(
            path
            for path, content in sorted(there.items())
            if content != files.get(path) and _digest(content) not in (before.files.get(path), before.coming.get(path))
        )
        if edited and self.goal.edited == "refuse":
            hint = "--edited keep leaves them, --edited overwrite replaces them and loses nothing"
            raise InvalidError(f"edited by hand: {', '.join(edited)}", hint=hint)
        return edited


def _explain(steps: Iterable[Step]) -> str:
    """The commit's message."""
    told = [step for step in steps if step.status in ("changed", "removed")]
    lines = [f"{step.slot}: {step.version if step.status == 'changed' else 'removed'}" for step in told]
    subject = lines[0] if len(lines) == 1 else f"{len(lines)} stages changed" if lines else "Restore what was written"
    return "\n\n".join([subject, "\n".join(lines)] if len(lines) > 1 else [subject]) + "\n"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
