"""Is this clone, and what stands around it, in order? What `doctor` asks.

May import core, policy, store and its own floor.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gitcellar.cellar.asking import find_unnamed_stages
from gitcellar.cellar.dangling import find_dangling, find_shadows
from gitcellar.cellar.policies import (
    BRANCHES,
    ProtectedBranch,
    ask_protected,
    find_other_policies,
    read_policy_of,
)
from gitcellar.cellar.reading import read_cellar
from gitcellar.core.errors import CellarError
from gitcellar.core.names import ModelName
from gitcellar.core.shims import CLIENT
from gitcellar.core.state import ModelState
from gitcellar.core.tags import parse_listing
from gitcellar.policy.config import FILE as POLICY_FILE
from gitcellar.store.checkpoints import inspect_remote
from gitcellar.store.environment import find_version
from gitcellar.store.git import GitRepository
from gitcellar.store.git_errors import GitError
from gitcellar.store.git_health import GitHealth
from gitcellar.store.hook_files import inspect_hook

Level = Literal["ok", "warning", "error"]

# Of a stranger's ref with a hundred thousand parts no more are looked at; a registry tag has 200 characters at most.
_DEEPEST = 100
# update-ref's prepare, mktag's checks and push --porcelain with --atomic were tried with this one on.
_OLDEST_GIT = (2, 34)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    level: Level
    message: str
    hint: str | None = None


def examine(repository: GitRepository, remote: str) -> list[Finding]:
    """Look at everything that has gone wrong for somebody before. What cannot be told is a finding too."""
    states = read_cellar(repository)
    registered = any(state.registrations for state in states.values())
    return [
        *_examine_versions(repository),
        *told("policy", _examine_policy(repository, remote)),
        *_examine_clone(repository),
        *told("stages", _examine_stages(repository, remote, states)),
        *told("remote", _examine_remote(repository, remote, states)),
        *_examine_names(repository, states),
        *_examine_shadows(repository, remote),
        *_examine_chain(repository),
        *_examine_hooks(repository),
        *told("dvc remote", _examine_dvc(repository, registered=registered)),
    ]


def told(subject: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings, of which one says why there are no more where something failed."""
    try:
        yield from findings
    except CellarError as error:
        yield Finding(subject, "error", " ".join(error.message.split("\n")), error.hint)


def _examine_versions(repository: GitRepository) -> Iterator[Finding]:
    version = GitHealth(repository.path).read_version()
    number = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    old = number < _OLDEST_GIT
    hint = f"install git {'.'.join(map(str, _OLDEST_GIT))} or newer" if old else None
    yield Finding("git", "error" if old else "ok", version, hint)
    yield Finding("dvc", "ok", find_version("dvc"))


def _examine_policy(repository: GitRepository, remote: str) -> Iterator[Finding]:
    protected = ask_protected(repository, remote)
    elsewhere = _find_elsewhere(repository, remote, protected)
    if elsewhere is not None:
        yield elsewhere
    elif read_policy_of(repository, protected).is_written:
        yield Finding("policy", "ok", f"{POLICY_FILE} of {protected}")
    else:
        hint = f"gitcellar init writes {POLICY_FILE}; commit it to {protected.short}"
        yield Finding("policy", "warning", f"there is no {POLICY_FILE} on {protected}, so the defaults hold", hint)
    for other in find_other_policies(repository, protected):
        hint = f"it holds once it is on {protected.short}, or bring that one here: git pull"
        yield Finding("policy", "warning", f"{other} has another policy, which judges nothing", hint)


def _find_elsewhere(repository: GitRepository, remote: str, taken: ProtectedBranch) -> Finding | None:
    """Why the policy that is read here may be another branch's than the protected one's."""
    if repository.is_bare():
        return None
    if repository.find_remote_url(remote) is not None:
        try:
            head, _ = repository.read_remote_head(remote)
        except GitError:
            return None  # that the remote does not answer is told once
        if head is None or head == taken.name:
            return None
        message = f"the default branch of {remote} is {head}, and this clone takes the policy of {taken.short}"
        return Finding("policy", "error", message, f"git remote set-head {remote} --auto")
    others = repository.list_remotes()
    if others:
        message = f"there is no remote {remote}, so the policy is that of {taken.short}, which is checked out"
        return Finding("policy", "warning", message, f"gitcellar doctor --remote {others[0]}")
    heads = repository.list_ref_ids(BRANCHES)
    found = repository.check_objects([f"{ref}:{POLICY_FILE}" for ref in heads])
    said = {ref: found.get(f"{ref}:{POLICY_FILE}") for ref in heads}
    differing = [ref for ref, file in said.items() if file != said.get(taken.name)]
    if not differing:
        return None
    other = differing[0].removeprefix(BRANCHES)
    message = f"the policy is that of {taken.short}, which is checked out, and {other} has another one"
    return Finding("policy", "warning", message, f"a remote says which branch counts: git remote add {remote} URL")


def _examine_stages(repository: GitRepository, remote: str, states: dict[ModelName, ModelState]) -> Iterator[Finding]:
    """What stays live under a stage's old name: whoever deploys by the new name of the policy does not see it."""
    policy = read_policy_of(repository, ask_protected(repository, remote))
    for message in find_unnamed_stages(policy, states.values()):
        hint = f"name the stage in {POLICY_FILE}, or take the version out of it: gitcellar unassign MODEL STAGE"
        yield Finding("stages", "warning", message, hint)


def _examine_clone(repository: GitRepository) -> Iterator[Finding]:
    health = GitHealth(repository.path)
    if repository.is_shallow():
        yield Finding("clone", "error", "it is shallow: tags and ancestry are missing", "git fetch --unshallow --tags")
    for key, harm in (
        ("push.followtags", "git push brings back tags that were deleted on purpose"),
        ("fetch.prunetags", "git fetch deletes registry tags that were not pushed yet"),
    ):
        if health.read_config(key) == "true":
            yield Finding("config", "warning", f"{key} is set: {harm}", f"git config {key} false")
    locks = health.list_locks()
    for lock in locks[:5]:
        yield Finding("lock", "warning", f"{lock} blocks that ref", "delete it if no git is running")
    if not locks:
        yield Finding("locks", "ok", "none")


def _examine_remote(repository: GitRepository, remote: str, states: dict[ModelName, ModelState]) -> Iterator[Finding]:
    if repository.find_remote_url(remote) is None:
        yield Finding("remote", "warning", f"there is no remote {remote}", f"git remote add {remote} URL")
        return
    listing = repository.list_remote_tags(remote)
    listed = parse_listing(listing)
    there = {event.tag: event.object_id for events in listed.values() for event in events}
    yield from _examine_folders(listing, repository.list_tags())
    here = {e.tag: e.object_id for state in states.values() for e in state.events}
    missing, own = sorted(there.keys() - here.keys()), sorted(here.keys() - there.keys())
    moved = sorted(tag for tag in here.keys() & there.keys() if here[tag] != there[tag])
    if missing:
        yield Finding("tags", "warning", _count(missing, f"on {remote} and not here"), "gitcellar fetch")
    if own:
        yield Finding("tags", "warning", _count(own, f"here and not on {remote}"), "gitcellar push")
    if moved:
        hint = "one of them was moved: ask who did, and keep the object that others have"
        yield Finding("tags", "error", _count(moved, f"another object here than on {remote}"), hint)
    if not missing and not own and not moved:
        yield Finding("tags", "ok", f"the {len(here)} registry tags here are those of {remote}")


def _examine_folders(*listings: str) -> Iterator[Finding]:
    """Tags, here or there, of which one is a file where another's folder must be: every fetch of the two fails."""
    lines = (line for listing in listings for line in listing.split("\n") if not line.endswith("^{}"))
    refs = {ref for line in lines if (ref := line[line.find("refs/") :])}
    for ref in sorted(refs):
        parts = ref.split("/")
        for folder in ("/".join(parts[:end]) for end in range(3, min(len(parts), _DEEPEST))):
            if folder in refs:
                name = folder.removeprefix("refs/tags/")
                message = f"{name} stands where the folder of {ref.removeprefix('refs/tags/')} must"
                yield Finding("names", "error", message, f"rename it: git tag NEW-NAME {name} && git tag -d {name}")
                return


def _examine_names(repository: GitRepository, states: dict[ModelName, ModelState]) -> Iterator[Finding]:
    spelled: dict[str, str] = {}
    for tag in repository.list_ref_ids("refs/tags/"):
        parts = tag.removeprefix("refs/tags/").split("/")
        for end in range(1, min(len(parts), _DEEPEST) + 1):
            beginning = "/".join(parts[:end])
            other = spelled.setdefault(beginning.casefold(), beginning)
            if other != beginning:
                hint = "a clone on macOS or Windows loses one of them: gitcellar rule N001"
                yield Finding("names", "error", f"{beginning} and {other} differ only in case", hint)
                return
    for state in states.values():
        for anomaly in state.anomalies:
            yield Finding("tags", "warning", f"{anomaly.tag}: {anomaly.message}", f"gitcellar show {state.name}")


def _examine_shadows(repository: GitRepository, remote: str) -> Iterator[Finding]:
    for name, where in find_shadows(repository, remote):
        quoted = shlex.quote(name)
        hint = f"rename it: git branch -m {quoted} NEW-NAME"
        if where is not None:
            kept = shlex.quote(f"refs/remotes/{where}/{name}:refs/heads/NEW-NAME")
            hint = f"rename it: git push {where} {kept} {shlex.quote(f':refs/heads/{name}')}"
        message = f"the branch {name}{f' on {where}' if where else ''} shadows the tag of that name"
        yield Finding("names", "error", message, hint)


def _examine_chain(repository: GitRepository) -> Iterator[Finding]:
    for found in find_dangling(repository):
        fetch = f"gitcellar fetch {found.model}" if found.model else "git fetch --tags"
        hint = f"{fetch} brings back what was pushed"
        if found.lost:
            hint = f"git update-ref -d 'refs/tags/{found.ref}' && {fetch} brings back what was pushed"
        elif found.model is not None:
            hint = f"{hint}; gitcellar undo {found.model} drops what never was"
        yield Finding("chain", "error", f"{found.ref}: {found.message}", hint)


def _examine_hooks(repository: GitRepository) -> Iterator[Finding]:
    folder = repository.find_hooks_folder()
    for name in CLIENT:
        found = inspect_hook(folder, name)
        level: Level = "ok" if found == "current" else "warning"
        yield Finding(f"{name} hook", level, found, None if level == "ok" else f"gitcellar hook install {name}")


def _examine_dvc(repository: GitRepository, *, registered: bool) -> Iterator[Finding]:
    root = repository.find_root()
    if root is None or not (root / ".dvc").is_dir():
        yield Finding("dvc remote", "warning", "there is no .dvc here", "gitcellar init")
        return
    remote = inspect_remote(root)
    if remote.missing is None:
        yield Finding("dvc remote", "ok", f"{remote.name} answers")
    elif registered:
        message = f"{remote.name} is at {remote.missing}, which does not exist, and versions are registered"
        hint = "bring it back, or name where the checkpoints are: dvc remote modify"
        yield Finding("dvc remote", "error", message, f"{hint} {remote.name} url URL")
    else:
        message = f"{remote.name} is at {remote.missing}, which does not exist yet"
        yield Finding("dvc remote", "warning", message, "make it, if the first push does not: a bucket is never made")
    if remote.ignored:
        message = f"ignored in the committed .dvc/config: {', '.join(remote.ignored)}"
        yield Finding("dvc config", "warning", message, "put what you trust in .dvc/config.local")
    if not remote.verifies:
        hint = f"dvc remote modify {remote.name} verify true"
        message = f"{remote.name} does not verify what it delivers; gitcellar get does, dvc pull does not"
        yield Finding("dvc remote", "warning", message, hint)


def _count(tags: list[str], where: str) -> str:
    more = f" and {len(tags) - 1} more" if len(tags) > 1 else ""
    return f"{tags[0]}{more}: {where}"
