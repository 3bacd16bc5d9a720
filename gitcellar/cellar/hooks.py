"""May this push, or this commit, go through? What git's hooks ask. May import core, policy, store and its own floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gitcellar.cellar.getting import read_tracking
from gitcellar.cellar.policies import find_protected_branch, read_policy, read_policy_at
from gitcellar.cellar.pushes import Occasion, gather_push, measure_push
from gitcellar.core.documents import DocumentError
from gitcellar.core.errors import InvalidError
from gitcellar.core.pushes import PushedRef
from gitcellar.core.shims import CLIENT, HOOKS, PROGRAM, SERVER
from gitcellar.policy.change import Act, Change
from gitcellar.policy.checks.checkpoints import D001
from gitcellar.policy.config import Policy
from gitcellar.policy.judge import Verdict, judge, severity_of
from gitcellar.store.checkpoints import find_lost
from gitcellar.store.environment import find_program, outside_hook, read_now, read_today
from gitcellar.store.git import GitRepository
from gitcellar.store.hook_files import inspect_hook, install_hook, run_chained, uninstall_hook

__all__ = ["install_hooks", "judge_pre_push", "judge_pre_receive", "run_chained", "uninstall_hooks"]

_REGISTRY = ("refs/tags/", "refs/gitcellar/")


def judge_pre_push(repository: GitRepository, pushed: Sequence[PushedRef], remote: str) -> Verdict:
    """Judge what a clone is about to push, by what it knows of the remote, and look for the checkpoints.

    Every pushed ref is judged, so tags that are pushed alone are too. DVC is asked for registrations alone.
    """
    occasion = _find_occasion(repository, pushed, remote=remote, whole=True)
    if occasion is None:
        return Verdict(())
    return judge(_with_lost(repository, gather_push(repository, pushed, occasion)))


def judge_pre_receive(repository: GitRepository, pushed: Sequence[PushedRef], *, whole: bool = True) -> Verdict:
    """Judge a push on the server before any ref moves, while its objects are in quarantine: nothing is written."""
    occasion = _find_occasion(repository, pushed, remote=None, whole=whole)
    if occasion is None:
        return Verdict(())
    # First of all: what is too much to be judged is not read either.
    size = judge(measure_push(repository, pushed, occasion))
    return judge(gather_push(repository, pushed, occasion)) if size.ok else size


def _find_occasion(
    repository: GitRepository, pushed: Sequence[PushedRef], *, remote: str | None, whole: bool
) -> Occasion | None:
    """The policy from before a push, and when it comes; None where a broken policy is mended, so none can judge."""
    policy = _read_policy_before(repository, pushed, remote)
    return Occasion(policy, read_today(), remote, whole, now=read_now()) if policy is not None else None


def _read_policy_before(repository: GitRepository, pushed: Sequence[PushedRef], remote: str | None) -> Policy | None:
    """The policy from before the push. Raise DocumentError where it, or the one that is pushed, has faults."""
    branch = find_protected_branch(repository, remote)
    coming = next((p for p in pushed if p.ref == branch and p.new), None)
    if coming is not None and coming.new is not None:
        read_policy_at(repository, coming.new)
    try:
        return read_policy(repository, remote)
    except DocumentError as error:
        if coming is not None and not any(p.ref.startswith(_REGISTRY) for p in pushed):
            return None
        name = (branch or "").removeprefix("refs/heads/")
        message = f"the policy of {name} cannot be read, so nothing can be judged:\n{error.message}"
        raise InvalidError(
            message, hint=f"push a gitcellar.yaml without that fault to {name}, and nothing else"
        ) from error


def _with_lost(repository: GitRepository, change: Change) -> Change:
    """The change with what the DVC remote has not of the checkpoints that would be registered."""

    def ask(act: Act) -> Act:
        if not act.registers or act.entry is None or severity_of(D001, act.rules) == "off":
            return act
        if act.declared is not None and act.declared.faults:
            return act  # of a tracking file that cannot be read enough is said
        tracking = read_tracking(repository, act.tags[0].target, act.entry)
        if tracking.out is None:
            return act
        # DVC is asked in a folder of its own, where git must not heed the variables of the hook.
        with outside_hook():
            return replace(act, lost=tuple(find_lost(tracking)))

    return replace(change, acts=map(ask, change.acts))


def install_hooks(
    repository: GitRepository, names: Sequence[str] = (), *, server: bool = False
) -> list[tuple[Path, bool]]:
    """Write the hooks named, or those of a clone or of a server. Return each place, and whether it changed.

    The repository's own configuration records this program, for where git is started without it on PATH.
    """
    folder = repository.find_hooks_folder()
    wanted = names or (SERVER[:1] if server else CLIENT)
    program = find_program()
    if program is not None:
        repository.write_setting(PROGRAM, str(program))
    return [(folder / name, install_hook(folder, name)) for name in wanted]


def uninstall_hooks(repository: GitRepository, names: Sequence[str] = ()) -> list[Path]:
    """Remove the hooks named, or all of ours. Return where one stood."""
    folder = repository.find_hooks_folder()
    removed = [folder / name for name in names or HOOKS if uninstall_hook(folder, name)]
    if all(inspect_hook(folder, name) in ("missing", "somebody else's") for name in HOOKS):
        repository.write_setting(PROGRAM, None)
    return removed
