"""Whose policy judges: never one that the pusher chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitcellar.cellar.checking import check_tag
from gitcellar.cellar.hooks import find_doubt, judge_pre_receive, judge_update
from gitcellar.cellar.policies import UnknownBranchError, ask_protected, fetch_policy, find_protected, read_policy
from gitcellar.cellar.proving import verify
from gitcellar.core.errors import WorldError
from gitcellar.core.names import ModelName
from gitcellar.core.pushes import PushedRef
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RemoteRepository, cloned
from tests.support.processes import git, run

STRICT, LOOSE = "rules: {V003: error}\n", "rules: {V003: off}\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
QUORUM = f"policy_changes: {{count: 1}}\npeople:\n  ada@example.com: {{keys: [{KEY}]}}\n"


@dataclass(frozen=True)
class Server:
    """A bare repository whose commits are made in place, so that a push is judged without one."""

    path: Path

    @property
    def repository(self) -> GitRepository:
        return GitRepository(self.path)

    def git(self, *words: str, stdin: str = "") -> str:
        done = run(self.path, "git", *words, stdin=stdin)
        assert done.status == 0, done.err
        return done.out.strip()

    def commit(self, policy: str, *parents: str) -> str:
        blob = self.git("hash-object", "-w", "--stdin", stdin=policy)
        tree = self.git("mktree", stdin=f"100644 blob {blob}\tgitcellar.yaml\n")
        return self.git("commit-tree", "-m", "x", *(word for parent in parents for word in ("-p", parent)), tree)

    def judge(self, *pushed: PushedRef) -> list[str]:
        return [f"{v.rule} {v.subject}" for v in judge_pre_receive(self.repository, pushed).violations]


@pytest.fixture
def server(tmp_path: Path) -> Server:
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "server.git")
    return Server(tmp_path / "server.git")


def clone_of(server: Server, *words: str) -> GitRepository:
    """A clone without origin/HEAD, as actions/checkout leaves it, with what `words` fetch."""
    folder = server.path.parent / "clone"
    git(server.path.parent, "init", "-q", "-b", "work", str(folder))
    git(folder, "remote", "add", "origin", str(server.path))
    if words:
        git(folder, "fetch", "-q", "origin", *words)
    return GitRepository(folder)


REGISTRY = ["refs/tags/vit-l/base@1.0", "refs/tags/vit-l/base#live#1", "refs/gitcellar/vit-l/base@tip"]


# An unborn HEAD


@pytest.mark.parametrize("ref", REGISTRY)
@pytest.mark.parametrize("others", [(), ("refs/heads/trunk",)], ids=["nothing", "another branch"])
def test_while_heads_branch_does_not_exist_nothing_of_the_registry_gets_in(
    server: Server, ref: str, others: Sequence[str]
) -> None:
    commit = server.commit(STRICT)
    for other in others:
        server.git("update-ref", other, commit)
    with pytest.raises(UnknownBranchError, match="HEAD names main, which does not exist") as refused:
        server.judge(PushedRef(ref, None, commit))
    told = "on the server: git symbolic-ref HEAD refs/heads/trunk" if others else "push main first, without tags"
    assert refused.value.hint == told
    # Nor together with the branch, whose policy judges nothing yet.
    with pytest.raises(UnknownBranchError):
        server.judge(PushedRef("refs/heads/main", None, commit), PushedRef(ref, None, commit))


def test_the_first_push_brings_heads_branch(server: Server) -> None:
    commit = server.commit(STRICT)
    main, work = PushedRef("refs/heads/main", None, commit), PushedRef("refs/heads/work", None, commit)
    assert server.judge(work) == ["A008 refs/heads/work"]
    assert server.judge(main) == []
    assert server.judge(work, main, PushedRef("refs/tags/november", None, commit)) == []


def test_no_push_creates_heads_branch_beside_others(server: Server) -> None:
    server.git("update-ref", "refs/heads/main", server.commit(STRICT))
    server.git("symbolic-ref", "HEAD", "refs/heads/master")
    loose = server.commit(LOOSE)
    assert server.judge(PushedRef("refs/heads/master", None, loose)) == ["A008 refs/heads/master"]
    assert server.judge(PushedRef("refs/heads/work", None, loose)) == []
    doubt = find_doubt(server.repository)
    assert doubt is not None
    assert doubt.hint == "on the server: git symbolic-ref HEAD refs/heads/main"
    for read in (read_policy, find_protected):
        with pytest.raises(UnknownBranchError):
            read(server.repository)


@pytest.mark.parametrize("head", ["detached", "refs/tags/main", "refs/remotes/origin/main"])
def test_a_head_on_no_branch_judges_nothing(server: Server, head: str) -> None:
    commit = server.commit(LOOSE)
    server.git("update-ref", "refs/heads/main", commit)
    if head == "detached":
        server.git("update-ref", "--no-deref", "HEAD", commit)
    else:
        server.git("update-ref", head, commit)
        server.git("symbolic-ref", "HEAD", head)
    with pytest.raises(UnknownBranchError, match="HEAD is on no branch"):
        server.judge(PushedRef("refs/tags/vit-l/base@1.7", None, commit))


@pytest.mark.parametrize(
    "ref",
    ["refs/remotes/origin/main", "refs/gitcellar-remotes/origin/vit-l/base@tip", "refs/replace/x", "refs/heads/HEAD"],
)
def test_refs_of_clones_are_not_pushed_to_a_server(server: Server, ref: str) -> None:
    commit = server.commit(STRICT)
    server.git("update-ref", "refs/heads/main", commit)
    assert server.judge(PushedRef(ref, None, commit)) == [f"N007 {ref}"]
    assert server.judge(PushedRef(ref, commit, None)) == []


def test_a_server_does_not_believe_the_refs_of_clones(server: Server) -> None:
    strict, loose = server.commit(STRICT), server.commit(LOOSE)
    server.git("config", "remote.origin.url", "elsewhere")
    server.git("update-ref", "refs/heads/main", strict)
    for ref in ("refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/gitcellar-remotes/origin/vit-l/base@tip"):
        server.git("update-ref", ref, loose)
    assert find_protected(server.repository).commit == strict
    server.git("tag", "-a", "-m", "x", "vit-l/base@1.0", strict)
    assert verify(server.repository, ModelName("vit-l/base")).ok


def test_the_branch_with_the_policy_is_not_deleted(server: Server) -> None:
    commit = server.commit(STRICT)
    server.git("update-ref", "refs/heads/main", commit)
    assert server.judge(PushedRef("refs/heads/main", commit, None)) == ["A008 refs/heads/main"]
    assert server.judge(PushedRef("refs/heads/work", commit, None)) == []


def test_the_branch_goes_back_only_where_changes_of_the_policy_need_nobody(server: Server) -> None:
    for policy, refused in ((STRICT, []), (QUORUM, ["A008 refs/heads/main"])):
        first = server.commit(policy)
        aside, second = server.commit(policy + "# x\n", first), server.commit(policy, first)
        server.git("update-ref", "refs/heads/main", second)
        back = PushedRef("refs/heads/main", second, first)
        assert server.judge(back) == refused
        assert server.judge(PushedRef("refs/heads/main", second, server.commit(policy, aside))) == refused
        assert server.judge(PushedRef("refs/heads/main", second, server.commit(policy, aside, second))) == []
        # Another branch goes wherever it likes.
        assert server.judge(PushedRef("refs/heads/work", second, first)) == []


# A clone


def test_a_clone_asks_the_remote_once_and_remembers(server: Server) -> None:
    strict, loose = server.commit(STRICT), server.commit(LOOSE)
    server.git("update-ref", "refs/heads/trunk", strict)
    server.git("update-ref", "refs/heads/main", loose)  # a branch called main decides nothing
    server.git("symbolic-ref", "HEAD", "refs/heads/trunk")
    clone = clone_of(server, "+refs/heads/*:refs/remotes/origin/*")
    found = find_protected(clone)
    assert (found.name, found.ref, found.commit) == ("refs/heads/trunk", "refs/remotes/origin/trunk", strict)
    git(clone.path, "remote", "set-url", "origin", "/nowhere")
    assert find_protected(clone) == ask_protected(clone, "origin") == found
    assert str(found) == f"origin/trunk at {strict[:7]}"


def test_what_ci_has_checked_out_does_not_judge(server: Server) -> None:
    strict, loose = server.commit(STRICT), server.commit(LOOSE)
    server.git("update-ref", "refs/heads/main", strict)
    server.git("tag", "-a", "-m", "x", "vit-l/base@1.7", loose)
    # As actions/checkout does for a tag: that tag alone, and HEAD detached at its commit.
    clone = clone_of(server, "--depth=1", "+refs/tags/vit-l/base@1.7:refs/tags/vit-l/base@1.7")
    git(clone.path, "checkout", "-q", "vit-l/base@1.7")
    assert find_protected(clone).commit == strict
    git(clone.path, "update-ref", "-d", "refs/remotes/origin/main")
    git(clone.path, "remote", "set-url", "origin", "/nowhere")
    with pytest.raises(WorldError, match="it is not known which branch of origin has the policy"):
        find_protected(clone)


def test_a_tag_that_is_there_is_not_judged_by_its_own_commit(server: Server) -> None:
    strict, loose = server.commit(STRICT), server.commit("rules: {V003: off, M001: off}\n")
    server.git("update-ref", "refs/heads/main", strict)
    server.git("tag", "-a", "-m", "x", "vit-l/base@1.7", loose)
    clone = clone_of(server, "+refs/tags/vit-l/base@1.7:refs/tags/vit-l/base@1.7")
    git(clone.path, "checkout", "-q", "-b", "mine", "vit-l/base@1.7")
    assert "V003" in [violation.rule for violation in check_tag(clone, "vit-l/base@1.7").violations]
    assert find_protected(clone).commit == strict


def test_a_branch_called_head_is_not_taken_for_the_default_branch(server: Server) -> None:
    strict, loose = server.commit(STRICT), server.commit(LOOSE)
    server.git("update-ref", "refs/heads/main", strict)
    server.git("update-ref", "refs/heads/HEAD", loose)
    clone = clone_of(server, "+refs/heads/*:refs/remotes/origin/*")
    assert git(clone.path, "rev-parse", "refs/remotes/origin/HEAD") == loose
    assert find_protected(clone).commit == strict


@pytest.mark.parametrize("head", ["refs/heads/gone", "detached"])
def test_a_remote_that_names_no_branch_leaves_a_clone_without_a_judge(server: Server, head: str) -> None:
    commit = server.commit(LOOSE)
    server.git("update-ref", "refs/heads/main", commit)
    clone = clone_of(server, "+refs/heads/*:refs/remotes/origin/*")
    if head == "detached":
        server.git("update-ref", "--no-deref", "HEAD", commit)
    else:
        server.git("symbolic-ref", "HEAD", head)
    with pytest.raises(UnknownBranchError) as refused:
        find_protected(clone)
    assert refused.value.hint == "on the server: git symbolic-ref HEAD refs/heads/main"
    server.git("tag", "november", commit)
    with cloned(str(server.path), ["refs/tags/*"]) as throw_away, pytest.raises(UnknownBranchError):
        fetch_policy(throw_away)


def test_before_the_first_push_the_branch_that_is_checked_out_judges(server: Server) -> None:
    clone = clone_of(server)
    assert (find_protected(clone).name, find_protected(clone).commit) == ("refs/heads/work", None)
    assert not read_policy(clone).is_written
    (clone.path / "gitcellar.yaml").write_text(STRICT)
    git(clone.path, "add", "-A")
    git(clone.path, "commit", "-q", "-m", "x")
    assert read_policy(clone).is_written
    assert ask_protected(clone, "origin") == find_protected(clone)
    # And without a remote at all.
    git(clone.path, "remote", "remove", "origin")
    assert ask_protected(clone, "origin").ref == "refs/heads/work"


def test_a_url_is_judged_by_its_head(server: Server) -> None:
    server.git("update-ref", "refs/heads/main", server.commit(LOOSE))
    server.git("update-ref", "refs/heads/trunk", server.commit(STRICT))
    server.git("symbolic-ref", "HEAD", "refs/heads/trunk")
    server.git("tag", "november", "main")
    with cloned(str(server.path), ["refs/tags/*"]) as repository:
        assert fetch_policy(repository).rules_of(None).severities == {"V003": "error"}


def test_tags_without_any_branch_have_no_policy(server: Server) -> None:
    server.git("tag", "-a", "-m", "x", "vit-l/base@1.0", server.commit(STRICT))
    with pytest.raises(UnknownBranchError):
        verify(RemoteRepository(str(server.path)))


# One ref at a time


def test_the_update_hook_judges_the_tag_that_a_tip_names(server: Server) -> None:
    commit = server.commit("chained: required\n")
    server.git("update-ref", "refs/heads/main", commit)
    server.git("tag", "-a", "-m", "x", "vit-l/base@1.7", commit)
    tag = server.git("rev-parse", "refs/tags/vit-l/base@1.7")
    server.git("update-ref", "-d", "refs/tags/vit-l/base@1.7")
    verdict = judge_update(server.repository, PushedRef("refs/gitcellar/vit-l/base@tip", None, tag))
    assert [f"{v.rule} {v.subject}" for v in verdict.violations][:1] == ["V003 vit-l/base@1.7"]
    for nothing in (commit, "a" * 40):
        verdict = judge_update(server.repository, PushedRef("refs/gitcellar/vit-l/base@tip", None, nothing))
        assert [v.rule for v in verdict.violations] == ["V011"]


# Approvals of a policy


@pytest.mark.parametrize("policy", [STRICT, QUORUM], ids=["without a quorum", "with a quorum"])
@pytest.mark.parametrize("name", ["gitcellar", "gitcellar/policy", f"gitcellar/policy/{'0a' * 8}"])
def test_a_plain_tag_where_approvals_must_stand_is_not_taken(server: Server, name: str, policy: str) -> None:
    commit = server.commit(policy)
    server.git("update-ref", "refs/heads/main", commit)
    pushed = PushedRef(f"refs/tags/{name}", None, commit)
    assert server.judge(pushed) == [f"N006 {name}"]
    assert [f"{v.rule} {v.subject}" for v in judge_update(server.repository, pushed).violations] == [f"N006 {name}"]
