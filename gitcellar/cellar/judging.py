"""What must the judge know of a planned act? Reads everything that bears on it and nothing else.

May import core, policy, store, cellar.reading and cellar.evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitcellar.cellar.evidence import Wanted, commit_place, read_declarations
from gitcellar.cellar.reading import find_alike, read_cellar, read_state
from gitcellar.core.digests import Digest
from gitcellar.core.errors import NotFoundError
from gitcellar.core.events import Assigned, Registered
from gitcellar.core.lineage import Base
from gitcellar.core.manifest import Entry
from gitcellar.core.names import ModelName
from gitcellar.core.state import ModelState
from gitcellar.core.tags import model_patterns
from gitcellar.core.versions import Version
from gitcellar.policy.change import Act, ProposedTag
from gitcellar.policy.plan import Plan
from gitcellar.policy.settings import ModelRules, matches
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
    state: ModelState,
    rules: ModelRules,
    candidate: Candidate | None,
    *,
    remote: str,
) -> Act:
    """The planned act as the judge wants it."""
    model = plan.model
    registers = any(isinstance(proposed.fact, Registered) for proposed in plan.tags)
    is_new = registers and not state.events
    needed = find_needed(plan.tags, state, rules)
    declared = read_declarations(repository, [Wanted(commit_place(commit), model, rules) for commit in needed.values()])
    by_version = {version: declared[Wanted(commit_place(c), model, rules)] for version, c in needed.items()}
    details = repository.read_details(model_patterns(model)) if registers and not is_new else {}
    commits = [proposed.target for proposed in plan.tags]
    return Act(
        model,
        plan.tags,
        state,
        rules,
        base=read_state(repository, model.base) if registers and model.kind == "project" else None,
        declared=by_version.pop(None, None),
        earlier={version: found for version, found in by_version.items() if version is not None},
        checkpoint=candidate.checkpoint if candidate else None,
        alike=tuple(find_alike(state, details, candidate.checkpoint if candidate else None)),
        neighbours=tuple(name.text for name in read_cellar(repository)) if is_new else (),
        blocking=find_blocking(repository, [model])[model] if is_new else (),
        unreachable=bool(registers and find_unreachable(repository, commits, rules, remote=remote)),
    )


def find_needed(tags: tuple[ProposedTag, ...], state: ModelState, rules: ModelRules) -> dict[Version | None, str]:
    """The commits whose declarations bear on some tags: their own under None, and earlier versions under theirs."""
    needed: dict[Version | None, str] = {}
    for proposed in tags:
        fact = proposed.fact
        if isinstance(fact, Assigned) and rules.required_for.get(fact.stage):
            needed[None] = proposed.target
        if isinstance(fact, Registered):
            needed[None] = proposed.target
            for earlier in (state.predecessor(fact.version), state.newest_of((fact.version.triple[0] - 1,))):
                if earlier is not None and earlier != fact.version:
                    needed[earlier] = state.registrations[earlier].commit or ""
    return needed


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
