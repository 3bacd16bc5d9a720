"""Is what a target says that runs what Git says? Level-triggered: what was lost on the way is found by the next look.

May import core, store, cellar and its own floor.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from gitcellar.core.deployments import (
    STATE_FILE,
    Deployment,
    Reconciled,
    Step,
    format_reconciled,
    parse_reconciled,
)
from gitcellar.core.errors import InvalidError, LostRaceError
from gitcellar.gitops.desired import advance
from gitcellar.gitops.edits import hold_edited
from gitcellar.gitops.identity import identify
from gitcellar.gitops.rendering import Rendering, name_form, render
from gitcellar.store.deploy_branch import Branch, CommitOptions, Proposal, ReadFiles, opened_branch
from gitcellar.store.deploy_folder import Folder
from gitcellar.store.git_remote import RefSource

Edited = Literal["hold", "keep", "overwrite"]
_ATTEMPTS = 20
_JITTER = random.SystemRandom()
_PLAIN_COMMITS = CommitOptions()


@dataclass(frozen=True, slots=True)
class Goal:
    """What is asked for: where it goes, in which form, of which slots, and what becomes of files edited by hand.

    To a branch it goes as commits, which are made as `commits` says; with `propose` to a branch beside it.
    """

    target: str
    form: str = "json"
    stages: tuple[str, ...] = ()
    models: str = "**"
    edited: Edited = "hold"
    propose: bool = False
    commits: CommitOptions = _PLAIN_COMMITS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done with each slot, and the files that somebody had edited. `commit` is None for a folder.

    With `edits_wait` they are to be decided about. `proposal` says where the change was proposed, if it was.
    """

    steps: tuple[Step, ...]
    changed: bool
    commit: str | None
    edited: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()
    proposal: Proposal | None = None
    edits_wait: bool = False

    @property
    def ok(self) -> bool:
        """Whether every slot and every file is as it should be."""
        return not self.edits_wait and all(step.ok for step in self.steps)


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

    Raise InvalidError where the target is another cellar's or form's; LostRaceError where others kept winning.
    """
    url, sharp, branch = goal.target.rpartition("#")
    if not sharp:
        folder = Folder(Path(goal.target))
        with folder.held():
            return _Reconciling(source, goal).into_folder(folder)
    # Git would take a relative path from the throw-away repository that it is fetched into.
    url = str(Path(url).resolve()) if Path(url).is_dir() else url
    for attempt in range(_ATTEMPTS):
        time.sleep(_JITTER.uniform(0, 0.1 * attempt))
        try:
            with opened_branch(url, branch, goal.commits) as opened:
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
        if self.goal.propose:
            return self.propose(branch, work)
        if work.idle:
            return self.tell(work)
        state = {STATE_FILE: format_reconciled(work.after)}
        commit = branch.commit({**work.writes, **state}, work.removed, _explain(work))
        return replace(self.tell(work), changed=True, commit=commit)

    def propose(self, branch: Branch, work: _Work) -> Outcome:
        """Propose what differs; where nothing does, take back what was proposed before."""
        state = {} if work.idle else {STATE_FILE: format_reconciled(work.after)}
        message = "Take back what was proposed\n" if work.idle else _explain(work)
        find_own_paths = partial(self.find_own_paths, work)
        proposal = branch.propose({**work.writes, **state}, work.removed, message, find_own_paths)
        commit = proposal.commit if proposal else None
        return replace(self.tell(work), changed=commit is not None, commit=commit, proposal=proposal)

    def find_own_paths(self, work: _Work, read: ReadFiles) -> frozenset[str]:
        """The files that a proposal may change: its deployments are rendered, as its list of files may be forged."""
        own = {STATE_FILE, *work.before.files, *work.writes}
        try:
            proposed = parse_reconciled(read([STATE_FILE]).get(STATE_FILE))
            return frozenset((*own, *self.draw(proposed.deployments.values()).files))
        except InvalidError:
            return frozenset(own)

    def into_folder(self, folder: Folder) -> Outcome:
        work = self.compare(folder)
        if work.idle:
            return self.tell(work)
        saved = [folder.save(path) for path in work.edited] if self.goal.edited == "overwrite" else ()
        # What is about to be written is said first: who finds it after a crash knows that nobody edited it.
        folder.write({STATE_FILE: format_reconciled(replace(work.before, coming=work.after.files))})
        folder.write(work.writes)
        folder.remove(work.removed)
        folder.write({STATE_FILE: format_reconciled(work.after)})
        return replace(self.tell(work), changed=True, saved=tuple(saved))

    def tell(self, work: _Work) -> Outcome:
        """The outcome of doing nothing."""
        edits_wait = bool(work.edited) and self.goal.edited == "hold"
        return Outcome(work.steps, changed=False, commit=None, edited=work.edited, edits_wait=edits_wait)

    def compare(self, target: Branch | Folder) -> _Work:
        """What there is to do, and what is left alone because somebody edited it."""
        before = parse_reconciled(target.read([STATE_FILE]).get(STATE_FILE))
        after, steps = self.plan(before)
        drawn = self.draw(after.deployments.values())
        there = target.read({*drawn.files, *before.files})
        edited = _find_edited(before, drawn, there)
        merged: Mapping[str, bytes] = {}
        if edited and self.goal.edited == "hold":
            found = hold_edited(before, after, steps, {path: there[path] for path in edited}, self.draw)
            after, steps, drawn, merged = found.after, found.steps, found.drawn, found.merged
            # By other templates a slot that is held has files which nobody asked about yet.
            unread = target.read([path for path in drawn.files if path not in there])
            there, edited = {**there, **unread}, (*edited, *_find_edited(before, drawn, unread))
        left = () if self.goal.edited == "overwrite" else tuple(path for path in edited if path not in merged)
        wanted = {path: content for path, content in {**drawn.files, **merged}.items() if path not in left}
        digests = {path: _digest(content) for path, content in drawn.files.items()}
        if self.goal.edited == "hold":
            # What was written is what a later look holds the edit against.
            digests = {**digests, **{path: before.files[path] for path in left if path in before.files}}
        return _Work(
            before,
            replace(after, files=digests, coming={}),
            steps,
            {path: content for path, content in wanted.items() if there.get(path) != content},
            tuple(path for path in before.files if path not in drawn.files and path in there and path not in left),
            edited,
        )

    def plan(self, before: Reconciled) -> tuple[Reconciled, tuple[Step, ...]]:
        """What should be so in the target after this look, but for its files; and what that does to each slot."""
        goal = self.goal
        form, scope = name_form(goal.form), f"models {goal.models}, stages {' '.join(sorted(goal.stages)) or 'all'}"
        self.require_same(before, form, scope)
        after, steps = advance(self.source, before, stages=goal.stages, models=goal.models)
        return replace(after, source=self.name, render=form, scope=scope), tuple(steps)

    def draw(self, deployments: Iterable[Deployment]) -> Rendering:
        """The files that say that some deployments should run."""
        return render(self.goal.form, deployments, self.name)

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


def _find_edited(before: Reconciled, drawn: Rendering, there: Mapping[str, bytes]) -> tuple[str, ...]:
    """The files that hold neither what was written nor what will be."""
    return tuple(
        path
        for path, content in sorted(there.items())
        if content != drawn.files.get(path)
        and _digest(content) not in (before.files.get(path), before.coming.get(path))
    )


def _explain(work: _Work) -> str:
    """The commit's message."""
    told = [f"{slot}: {what}" for slot, what in _list_changes(work)]
    subject = told[0] if len(told) == 1 else f"{len(told)} stages changed" if told else "Restore what was written"
    return "\n\n".join([subject, "\n".join(told)] if len(told) > 1 else [subject]) + "\n"


def _list_changes(work: _Work) -> Iterator[tuple[str, str]]:
    for step in work.steps:
        if step.status == "changed":
            yield step.slot, str(step.version)
        elif step.status == "removed":
            yield step.slot, "removed"
        elif step.status == "withdrawn" and not work.before.deployments[step.slot].withdrawn:
            yield step.slot, f"{step.version} is withdrawn"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
