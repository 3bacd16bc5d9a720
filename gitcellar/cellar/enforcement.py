"""Which doors are shut? Each is offered what it must refuse, and answers for itself. What `doctor --enforcement` asks.

May import core, policy, store and its own floor.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gitcellar.cellar.health import Finding, told
from gitcellar.cellar.policies import ask_protected, read_policy_of
from gitcellar.core.tags import parse_listing
from gitcellar.store.git import GitRepository
from gitcellar.store.git_health import Answer, GitHealth

_INSTALL = "gitcellar hook install"
_INSTALL_SERVER = "on the server: gitcellar hook install --server; on GitHub: gitcellar rulesets github"


@dataclass(frozen=True, slots=True)
class _Probe:
    """Something that must be refused: what it is, how it is pushed, and what a refusal of gitcellar names."""

    what: str
    refspec: str
    refusal: str


def prove_enforcement(repository: GitRepository, remote: str) -> list[Finding]:
    """Offer each layer what it must refuse, and see. What gets in is taken back.

    To the server one version is really pushed, of a model that nobody declared. Whatever would harm the registry goes
    in a push that git itself cannot carry out, after the hooks have judged it.
    """
    version = _make_version(repository)
    others = list(_find_probes(repository, remote))
    return [
        *told("pre-commit hook", _prove_pre_commit(repository)),
        *told("pre-push hook", _prove_pre_push(repository, remote, [version, *others])),
        *told("server", _prove_server(repository, remote, version, others)),
        Finding("CI", "warning", "cannot be proved from here", "see that gitcellar check --range is a required check"),
    ]


def _make_version(repository: GitRepository) -> _Probe:
    name = f"gitcellar-probe-{secrets.token_hex(4)}/base@9.9"
    made = repository.write_tag(
        name,
        repository.resolve_commit("HEAD"),
        kind="commit",
        by=repository.read_identity(),
        message="A probe: is this refused?\n",
    )
    return _Probe("a version that nobody declared", f"{made}:refs/tags/{name}", f" {name}:")


def _find_probes(repository: GitRepository, remote: str) -> Iterator[_Probe]:
    """What would harm a registry, as far as there is one."""
    head = repository.resolve_commit("HEAD")
    tip = f"refs/gitcellar/gitcellar-probe-{secrets.token_hex(4)}/base@tip"
    yield _Probe("a tip that names no event", f"{head}:{tip}", f"V011 {tip}:")
    for events in parse_listing(repository.list_remote_tags(remote)).values():
        tag = events[0].tag
        yield _Probe("the deletion of a tag", f":refs/tags/{tag}", f"V009 {tag}:")
        yield _Probe("a tag that moves", f"+{head}:refs/tags/{tag}", f"V009 {tag}:")
        break
    protected = ask_protected(repository, remote)
    before = f"{protected.commit}^"
    if read_policy_of(repository, protected).rules_of(None).policy_changes and repository.find_refs([before]):
        refspec = f"+{repository.resolve_commit(before)}:{protected.name}"
        yield _Probe("a branch with the policy that goes back", refspec, f"A008 {protected.name}:")


def _prove_pre_commit(repository: GitRepository) -> Iterator[Finding]:
    what, hint = "a manifest that cannot be read", f"{_INSTALL} pre-commit"
    if GitHealth(repository.path).try_commit("artifacts.yaml", b"gitcellar-probe: [\n").accepted:
        yield Finding("pre-commit hook", "error", f"lets in {what}", hint)
    else:
        yield Finding("pre-commit hook", "ok", f"refuses {what}")


def _prove_pre_push(repository: GitRepository, remote: str, probes: Sequence[_Probe]) -> Iterator[Finding]:
    # A dry run runs the pre-push hook, and nothing on the server.
    repository.list_remote_refs(remote, ["HEAD"])  # so that a remote which does not answer is told apart
    git = GitHealth(repository.path)
    for probe in probes:
        answer = git.try_push(remote, probe.refspec, dry_run=True)
        yield _find(f"{_INSTALL} pre-push", "pre-push hook", probe, answer, accepted=answer.accepted)


def _prove_server(
    repository: GitRepository, remote: str, version: _Probe, others: Sequence[_Probe]
) -> Iterator[Finding]:
    git = GitHealth(repository.path)
    answer = git.try_push(remote, version.refspec, dry_run=False)
    yield _find(_INSTALL_SERVER, "server", version, answer, accepted=answer.accepted)
    if answer.accepted:
        yield from _take_back(git, remote, version)
    elif version.refusal not in answer.output:
        return  # a server that refuses for reasons of its own says nothing about the rest
    commit = repository.resolve_commit("HEAD")
    # The reason for which nothing lands, whatever is pushed with it.
    in_vain = git.try_push_in_vain(remote, commit).reasons[:1]
    for probe in others:
        answer = git.try_push_in_vain(remote, commit, probe.refspec)
        yield _find(_INSTALL_SERVER, "server", probe, answer, accepted=answer.reasons[:1] == in_vain)


def _take_back(git: GitHealth, remote: str, version: _Probe) -> Iterator[Finding]:
    ref = version.refspec.partition(":")[2]
    if not git.try_push(remote, f":{ref}", dry_run=False).accepted:
        message = f"the probe {ref} could not be taken back"
        yield Finding("server", "error", message, f"git push --no-verify {remote} :{ref}")


def _find(hint: str, subject: str, probe: _Probe, answer: Answer, *, accepted: bool) -> Finding:
    """What an answer to a probe says. One that names a rule of ours is ours, whatever else came with it."""
    if probe.refusal in answer.output:
        return Finding(subject, "ok", f"refuses {probe.what}")
    if accepted:
        return Finding(subject, "error", f"lets in {probe.what}", hint)
    lines = [line for line in answer.output.splitlines() if "rejected" in line or line.startswith("remote:")]
    return Finding(subject, "warning", f"refuses {probe.what}, and not as gitcellar does: {''.join(lines[:1])}")
