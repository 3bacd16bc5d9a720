"""May this push, or this commit, go through? What git's hooks ask. May import core, policy, store and its own floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gitcellar.cellar.getting import read_tracking
from gitcellar.cellar.policies import (
    BRANCHES,
    ProtectedBranch,
    UnknownBranchError,
    explain_unborn,
    find_head,
    find_protected,
    read_policy_at,
    read_policy_of,
)
from gitcellar.cellar.pushes import Occasion, gather_push, measure_push
from gitcellar.core.documents import DocumentError
from gitcellar.core.errors import InvalidError
from gitcellar.core.pushes import PushedRef
from gitcellar.core.shims import CLIENT, HOOKS, PROGRAM, SERVER
from gitcellar.core.tag_objects import MAX_BYTES, find_tag_object
from gitcellar.core.tags import find_tag_name
from gitcellar.policy.change import Act, Change
from gitcellar.policy.checks.checkpoints import D001
from gitcellar.policy.config import Policy
from gitcellar.policy.judge import Verdict, judge, severity_of
from gitcellar.store.checkpoints import find_lost
from gitcellar.store.environment import find_program, outside_hook, read_now, read_today
from gitcellar.store.git import GitRepository
from gitcellar.store.hook_files import inspect_hook, install_hook, run_chained, uninstall_hook

__all__ = [
    "find_doubt",
    "install_hooks",
    "judge_pre_push",
    "judge_pre_receive",
    "judge_update",
    "run_chained",
    "uninstall_hooks",
]

_REGISTRY = ("refs/tags/", "refs/gitcellar/")


def judge_pre_push(repository: GitRepository, pushed: Sequence[PushedRef], remote: str) -> Verdict:
    """Judge what a clone is about to push, by what it knows of the remote, and look for the checkpoints.

    Every pushed ref is judged, so tags that are pushed alone are too. DVC is asked for registrations alone.
    """
    occasion = _find_occasion(repository, pushed, remote=remote, whole=True)
    if occasion is None:
        return Verdict(())
    return judge(_with_lost(repository, gather_push(repository, pushed, occasion)))


def judge_pre_receive(repository: GitRepository, pushed: Sequence[PushedRef]) -> Verdict:
    """Judge a push on the server before any ref moves, while its objects are in quarantine: nothing is written."""
    return _judge_received(repository, pushed, whole=True)


def judge_update(repository: GitRepository, pushed: PushedRef) -> Verdict:
    """Judge one ref of a push on the server, without those beside it.

    git shows the refs of an atomic push before any of them exists (githooks(5), update), so a tip comes before the tag
    that it names. That tag is judged with it, as if it came along: a tip may be early, but of nothing that is refused.
    """
    named = _find_named_tag(repository, pushed)
    return _judge_received(repository, [*named, pushed], whole=bool(named))


def _judge_received(repository: GitRepository, pushed: Sequence[PushedRef], *, whole: bool) -> Verdict:
    occasion = _find_occasion(repository, pushed, remote=None, whole=whole)
    if occasion is None:
        return Verdict(())
    # First of all: what is too much to be judged is not read either.
    size = judge(measure_push(repository, pushed, occasion))
    return judge(gather_push(repository, pushed, occasion)) if size.ok else size


def _find_named_tag(repository: GitRepository, pushed: PushedRef) -> list[PushedRef]:
    """The tag that a pushed tip names, where it does not exist yet."""
    if pushed.new is None or not pushed.ref.startswith("refs/gitcellar/"):
        return []
    header = repository.check_objects([pushed.new]).get(pushed.new)
    if header is None or header.kind != "tag" or header.size > MAX_BYTES:
        return []
    content = repository.read_objects({pushed.new: pushed.new}, kind="tag")
    found = find_tag_object(content[pushed.new])
    if found is None or find_tag_name(found.field) is None:
        return []
    ref = f"refs/tags/{found.field}"
    return [] if ref in repository.find_refs([ref]) else [PushedRef(ref, None, pushed.new)]


def _find_occasion(
    repository: GitRepository, pushed: Sequence[PushedRef], *, remote: str | None, whole: bool
) -> Occasion | None:
    """The policy from before a push, and when it comes; None where a broken policy is mended, so none can judge."""
    protected = find_head(repository) if remote is None else find_protected(repository, remote)
    policy = _read_policy_before(repository, pushed, protected, remote)
    return Occasion(policy, read_today(), protected, remote, whole, now=read_now()) if policy is not None else None


def _read_policy_before(
    repository: GitRepository, pushed: Sequence[PushedRef], protected: ProtectedBranch, remote: str | None
) -> Policy | None:
    """The policy from before the push. Raise DocumentError where it, or the one that is pushed, has faults."""
    coming = next((p for p in pushed if p.ref == protected.name and p.new), None)
    if coming is not None and coming.new is not None:
        read_policy_at(repository, coming.new)
    if remote is None and protected.commit is None and any(_is_registrys(p.ref) for p in pushed):
        raise explain_unborn(protected, sorted(repository.list_ref_ids(BRANCHES)))
    try:
        return read_policy_of(repository, protected)
    except DocumentError as error:
        if coming is not None and not any(p.ref.startswith(_REGISTRY) for p in pushed):
            return None
        message = f"the policy of {protected.short} cannot be read, so nothing can be judged:\n{error.message}"
        raise InvalidError(
            message, hint=f"push a gitcellar.yaml without that fault to {protected.short}, and nothing else"
        ) from error


def _is_registrys(ref: str) -> bool:
    """Whether a ref states something of the registry."""
    tag = ref.removeprefix("refs/tags/")
    return ref.startswith("refs/gitcellar/") or (tag != ref and find_tag_name(tag) is not None)


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


def find_doubt(repository: GitRepository) -> UnknownBranchError | None:
    """Why a server hook cannot judge what is pushed here; None where HEAD names a branch that exists."""
    try:
        head = find_head(repository)
    except UnknownBranchError as error:
        return error
    return None if head.commit else explain_unborn(head, sorted(repository.list_ref_ids(BRANCHES)))


def uninstall_hooks(repository: GitRepository, names: Sequence[str] = ()) -> list[Path]:
    """Remove the hooks named, or all of ours. Return where one stood."""
    folder = repository.find_hooks_folder()
    removed = [folder / name for name in names or HOOKS if uninstall_hook(folder, name)]
    if all(inspect_hook(folder, name) in ("missing", "somebody else's") for name in HOOKS):
        repository.write_setting(PROGRAM, None)
    return removed
