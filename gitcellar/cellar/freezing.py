"""How are stages frozen? By an entry in the policy's file, which holds once it is on the protected branch.

May import core, policy, store and cellar.reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gitcellar.cellar.reading import project_root
from gitcellar.core.errors import NotFoundError
from gitcellar.policy.config import FILE, parse_policy
from gitcellar.store.git import GitRepository
from gitcellar.store.yaml_files import read_file, replace_items

_KEY = "freezes"


def write_freeze(repository: GitRepository, models: str, stages: Sequence[str], reason: str, until: str) -> Path:
    """Add a freeze to the work tree's policy. Raise DocumentError where the policy has faults, then or now."""
    path = project_root(repository) / FILE
    parse_policy(read_file(path))
    entry = {"match": models, **({"stages": list(stages)} if stages else {}), "reason": reason, "until": until}
    replace_items(path, _KEY, lambda items: [*items, entry], check=parse_policy)
    return path


def lift_freeze(repository: GitRepository, models: str, stages: Sequence[str]) -> Path:
    """Take freezes of those models out of the work tree's policy, of some stages or of all. Raise NotFoundError."""
    path = project_root(repository) / FILE
    known = [freeze.match for freeze in parse_policy(read_file(path)).freezes]
    if models not in known:
        hint = f"there are: {', '.join(known)}" if known else "gitcellar policy prints what applies"
        raise NotFoundError(f"no freeze of {models!r} stands in {FILE}", hint=hint)

    def lift(items: list[Any]) -> list[Any]:
        kept = []
        for item in items:
            left = [stage for stage in item.get("stages", ()) if stage not in stages] if stages else []
            if item["match"] != models or left:
                if item["match"] == models:
                    item["stages"] = left
                kept.append(item)
        return kept

    replace_items(path, _KEY, lift, check=parse_policy)
    return path
