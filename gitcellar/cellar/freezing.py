"""How are stages frozen? By an entry in the policy's file, which holds once it is on the protected branch.

May import core, policy, store and cellar.reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gitcellar.cellar.asking import find_matching, require_stages
from gitcellar.cellar.reading import project_root
from gitcellar.core.errors import InvalidError, NotFoundError, did_you_mean
from gitcellar.policy.config import FILE, parse_policy
from gitcellar.store.environment import read_today
from gitcellar.store.git import GitRepository
from gitcellar.store.yaml_files import read_file, replace_items

_KEY = "freezes"


def write_freeze(repository: GitRepository, models: str, stages: Sequence[str], reason: str, until: str) -> Path:
    """Add a freeze to the work tree's policy.

    Raise InvalidError for a day that is over, NotFoundError for models and stages that the cellar does not have, and
    DocumentError where the policy has faults, then or now.
    """
    path = project_root(repository) / FILE
    policy = parse_policy(read_file(path))
    today = read_today()
    if until < today:
        raise InvalidError(f"{until} is over, so nothing would be frozen", hint=f"--until {today} freezes for today")
    require_stages(policy, find_matching(repository, models), stages)
    entry = {"match": models, **({"stages": list(stages)} if stages else {}), "reason": reason, "until": until}
    replace_items(path, _KEY, lambda items: [*items, entry], check=parse_policy)
    return path


def lift_freeze(repository: GitRepository, models: str, stages: Sequence[str]) -> Path:
    """Take freezes of those models out of the work tree's policy, of some stages or of all.

    Raise NotFoundError where none is of these models, or of one of the stages by its name: a freeze of every stage is
    lifted as a whole.
    """
    path = project_root(repository) / FILE
    freezes = parse_policy(read_file(path)).freezes
    frozen = {freeze.match: [each.stages for each in freezes if each.match == freeze.match] for freeze in freezes}
    if models not in frozen:
        hint = f"there are: {', '.join(frozen)}" if frozen else "gitcellar policy prints what applies"
        raise NotFoundError(f"no freeze of {models!r} stands in {FILE}", hint=hint)
    named = [stage for each in frozen[models] for stage in each]
    for stage in stages:
        if stage not in named:
            whole = () in frozen[models] and f"the freeze is of every stage: gitcellar unfreeze '{models}'"
            hint = whole or did_you_mean(stage, named) or f"there are: {', '.join(named)}"
            raise NotFoundError(f"no freeze of {models!r} names the stage {stage!r}", hint=hint)

    def lift(items: list[Any]) -> list[Any]:
        kept = []
        for item in items:
            if item["match"] == models and stages and item.get("stages"):
                item["stages"] = [stage for stage in item["stages"] if stage not in stages]
                kept += [item] if item["stages"] else []
            elif item["match"] != models or stages:
                kept.append(item)
        return kept

    replace_items(path, _KEY, lift, check=parse_policy)
    return path
