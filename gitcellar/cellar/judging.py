"""What must the judge know of a planned act? Reads everything that bears on it and nothing else.

May import core, policy, store, cellar.reading and cellar.evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypedDict

from gitcellar.cellar.evidence import Wanted, commit_place, read_declarations
from gitcellar.cellar.reading import find_alike, read_cellar
from gitcellar.cellar.snapshots import Snapshot
from gitcellar.core.digests import Digest
from gitcellar.core.errors import NotFoundError
from gitcellar.core.events import Assigned, Registered
from gitcellar.core.lineage import Base
from gitcellar.core.manifest import Entry
from gitcellar.core.metrics import Metrics
from gitcellar.core.names import ModelName
from gitcellar.core.state import ModelState
from gitcellar.core.versions import Version
from gitcellar.policy.change import Act, Declaration, ProposedTag
from gitcellar.policy.plan import Plan
from gitcellar.policy.settings import BASE, PREVIOUS, Improvement, ModelRules, matches
from gitcellar.store.environment import read_today
from gitcellar.store.git import GitRepository


@dataclass(frozen=True, slots=True)
class Candidate:
    """A commit whose checkpoint is to be registered: what it declares, and what its weights are."""

    commit: str
    entry: Entry
    checkpoint: Digest


def gather_act(
    repository: GitRepository,
    plan: Plan,
    snapshot: Snapshot,
    rules: ModelRules,
    candidate: Candidate | None,
    *,
    remote: str,
) -> Act:
    """The planned act as the judge wants it."""
    model, state = plan.model, snapshot.state
    registers = any(isinstance(proposed.fact, Registered) for proposed in plan.tags)
    is_new = registers and not state.events
    needed = find_needed(plan.tags, state, rules, snapshot.base)
    declared = read_declarations(repository, list(needed.values()))
    commits = [proposed.target for proposed in plan.tags]
    return Act(
        model,
        plan.tags,
        state,
        rules,
        base=snapshot.base,
        day=read_today(),
        **sort_declared(needed, declared),
        checkpoint=candidate.checkpoint if candidate else None,
        alike=tuple(find_alike(state, snapshot.details, candidate.checkpoint if candidate else None)),
        neighbours=tuple(name.text for name in read_cellar(repository)) if is_new else (),
        blocking=find_blocking(repository, [model])[model] if is_new else (),
        unreachable=bool(registers and find_unreachable(repository, commits, rules, remote=remote)),
        arrival=None,
    )


# Whose declaration bears on an act: its own (None), an earlier version's, or one that a gate compares with.
Bearing = Version | str | None


class Declared(TypedDict):
    """Declarations by what they are to an act, under the names of its fields."""

    declared: Declaration | None
    earlier: dict[Version, Declaration]
    rivals: dict[str, Metrics]


def find_needed(
    tags: tuple[ProposedTag, ...], state: ModelState, rules: ModelRules, base: ModelState | None
) -> dict[Bearing, Wanted]:
    """What must be read to judge some tags, and nothing else."""
    needed: dict[Bearing, Wanted] = {}

    def want(bearing: Bearing, model: ModelName, commit: str | None) -> None:
        if commit is not None:
            needed[bearing] = Wanted(commit_place(commit), model, rules)

    for proposed in tags:
        fact = proposed.fact
        stage = rules.stages.get(fact.stage) if isinstance(fact, Assigned) else None
        if isinstance(fact, Assigned) and (rules.required_for.get(fact.stage) or (stage and stage.gates)):
            want(None, state.name, proposed.target)
        for gate in stage.gates if stage else ():
            if isinstance(gate, Improvement):
                want(
                    gate.improves_on, *_find_rival(gate.improves_on, state.at_commit.get(proposed.target), state, base)
                )
        if isinstance(fact, Registered):
            want(None, state.name, proposed.target)
            for earlier in (state.predecessor(fact.version), state.newest_of((fact.version.triple[0] - 1,))):
                if earlier is not None and earlier != fact.version:
                    want(earlier, state.name, state.registrations[earlier].commit)
    return needed


def sort_declared(needed: Mapping[Bearing, Wanted], found: Mapping[Wanted, Declaration]) -> Declared:
    """What was read for an act, as the act has it."""
    read = {bearing: found[wanted] for bearing, wanted in needed.items()}
    return {
        "declared": read.get(None),
        "earlier": {version: found for version, found in read.items() if isinstance(version, Version)},
        "rivals": {name: found.metrics for name, found in read.items() if isinstance(name, str)},
    }


def _find_rival(
    name: str, version: Version | None, state: ModelState, base: ModelState | None
) -> tuple[ModelName, str | None]:
    """The model and commit that a gate compares a version with; no commit where there is none."""
    if version is None:
        return state.name, None
    if name == BASE:
        event = base.registrations.get(Version(version.triple[:2])) if base else None
        return state.name if base is None else base.name, event.commit if event else None
    if name == PREVIOUS:
        before = [v for v in state.registrations if v < version and not v.prerelease and v not in state.withdrawn]
        return state.name, state.registrations[max(before)].commit if before else None
    held = state.stages.get(name)
    return state.name, held.commit if held and held.version != version else None


def find_unreachable(
    repository: GitRepository,
    commits: list[str],
    rules: ModelRules,
    *,
    remote: str | None,
    pushed: Mapping[str, str] | None = None,
) -> set[str]:
    """Those of `commits` that no protected branch contains: the remote's as this clone knows it, or as it is `pushed`.

    Of no remote, or of one of which nothing is known, the branches here. Raise NotFoundError in a shallow clone, where
    git's answer would be wrong.
    """
    if not rules.protected:
        return set()
    if repository.is_shallow():
        message = "this clone is shallow, so nobody can tell which branch contains a commit"
        raise NotFoundError(message, hint="git fetch --unshallow")
    heads: dict[str, str] = {}
    for place in (f"refs/remotes/{remote}", "refs/heads") if remote else ("refs/heads",):
        heads = heads or repository.list_ref_ids(*(f"{place}/{branch}" for branch in rules.protected))
    for ref, commit in (pushed or {}).items():
        if any(matches(branch, ref.removeprefix("refs/heads/")) for branch in rules.protected):
            heads[ref] = commit
    return repository.list_commits_outside(commits, list(heads.values()))


def find_change_base(act: Act) -> Base | None:
    """The registration of the base that a judged registration of a project model is bound to."""
    if act.base is None or act.rules.scheme != "cellar":
        return None
    for proposed in act.tags:
        if isinstance(proposed.fact, Registered):
            version = Version(proposed.fact.version.triple[:2])
            event = act.base.registrations.get(version)
            return Base(act.base.name, version, event.object_id) if event else None
    return None


def find_blocking(repository: GitRepository, models: Iterable[ModelName]) -> dict[ModelName, tuple[str, ...]]:
    """Tags that stand as files where the folders of each model's tags must."""
    folders: dict[ModelName, list[str]] = {}
    for model in models:
        parts = model.in_tag.split("/")
        folders[model] = ["/".join(parts[:end]) for end in range(1, len(parts))]
    names = list(dict.fromkeys(f"refs/tags/{folder}" for found in folders.values() for folder in found))
    there = repository.find_refs(names) if names else {}
    return {m: tuple(folder for folder in found if f"refs/tags/{folder}" in there) for m, found in folders.items()}
