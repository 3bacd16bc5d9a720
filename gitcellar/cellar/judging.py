"""What must the judge know? Reads the policy, and everything that bears on a planned act and nothing else.

May import core, policy, store and cellar.reading.
"""

from __future__ import annotations

from dataclasses import dataclass

from gitcellar.cellar.reading import read_cellar, read_checkpoints, read_state
from gitcellar.core.digests import Digest
from gitcellar.core.events import Registered
from gitcellar.core.lineage import Base
from gitcellar.core.manifest import Entry
from gitcellar.core.names import ModelName
from gitcellar.core.state import ModelState
from gitcellar.core.versions import Version
from gitcellar.policy.change import Change
from gitcellar.policy.config import FILE, ModelRules, Policy, parse_policy
from gitcellar.policy.plan import Plan
from gitcellar.store.git import GitRepository


@dataclass(frozen=True, slots=True)
class Candidate:
    """A commit whose checkpoint is to be registered: what it declares, and what its weights are."""

    commit: str
    entry: Entry
    checkpoint: Digest


def read_policy(repository: GitRepository, remote: str = "origin") -> Policy:
    """The policy that judges: the remote's default branch's, where this clone knows it, or else HEAD's.

    Never the work tree's, for then whoever breaks a rule could loosen it in the same breath.
    """
    heads = (f"refs/remotes/{remote}/HEAD", f"refs/remotes/{remote}/main", f"refs/remotes/{remote}/master", "HEAD")
    found = repository.find_refs(heads)
    protected = next((found[head] for head in heads if head in found), None)
    content = repository.read_blobs(protected, [FILE]).get(FILE, b"") if protected else b""
    return parse_policy(content)


def gather_change(
    repository: GitRepository, plan: Plan, state: ModelState, rules: ModelRules, candidate: Candidate | None
) -> Change:
    """The planned act as the judge wants it."""
    model = plan.model
    registering = any(isinstance(proposed.fact, Registered) for proposed in plan.tags)
    is_new = registering and not state.events
    return Change(
        model,
        plan.tags,
        state,
        rules,
        base=read_state(repository, model.base) if registering and model.kind == "project" else None,
        entry=candidate.entry if candidate else None,
        checkpoint=candidate.checkpoint if candidate else None,
        checkpoints=read_checkpoints(repository, state) if registering and not is_new else {},
        neighbours=tuple(name.text for name in read_cellar(repository)) if is_new else (),
        blocking=_find_blocking(repository, model) if is_new else (),
    )


def find_change_base(change: Change) -> Base | None:
    """The registration of the base that a judged registration of a project model is bound to."""
    if change.base is None or change.rules.scheme != "cellar":
        return None
    for proposed in change.tags:
        if isinstance(proposed.fact, Registered):
            version = Version(proposed.fact.version.triple[:2])
            event = change.base.registrations.get(version)
            return Base(change.base.name, version, event.object_id) if event else None
    return None


def _find_blocking(repository: GitRepository, model: ModelName) -> tuple[str, ...]:
    """Tags that stand as files where the folders of this model's tags must."""
    parts = model.in_tag.split("/")
    folders = [f"refs/tags/{'/'.join(parts[:end])}" for end in range(1, len(parts))]
    return tuple(ref.removeprefix("refs/tags/") for ref in repository.find_refs(folders))
