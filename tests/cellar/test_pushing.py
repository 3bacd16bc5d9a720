"""What is pushed is judged by the policy that the remote has at that moment, in few git processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitcellar.cellar.hooks import install_hooks
from gitcellar.cellar.moving import push_models
from gitcellar.cellar.policies import UnknownBranchError
from gitcellar.policy.judge import RefusedError
from gitcellar.store.git import GitRepository
from gitcellar.store.git_runner import GitRunner
from tests.support.asking import ask
from tests.support.cellars import Bench
from tests.support.people import write_policy
from tests.support.processes import git

ONE = "vit-l/projectA@1.0.1"


@pytest.fixture
def ruled(stocked: Bench) -> Callable[[str], None]:
    """Let somebody else put another policy on the protected branch."""
    other = stocked.clone("bob")
    return lambda policy: write_policy(other, policy)


def test_a_push_is_judged_by_the_policy_that_was_just_fetched(stocked: Bench, ruled: Callable[[str], None]) -> None:
    ruled("stages: [staging]\n")
    with pytest.raises(RefusedError, match="S001 vit-l/projectA#production#1"):
        stocked.assign(ONE, "production", push=True)
    assert "production" not in git(stocked.remote, "tag") + stocked.git("tag")


def test_what_the_fetched_policy_allows_is_pushed(stocked: Bench, ruled: Callable[[str], None]) -> None:
    ruled("stages: [canary]\n")
    assert stocked.assign(ONE, "canary", push=True).pushed


def test_what_is_not_pushed_fetches_nothing(stocked: Bench, ruled: Callable[[str], None]) -> None:
    ruled("stages: [staging]\n")
    assert stocked.assign(ONE, "production").created


def test_push_sends_as_the_fetched_policy_says(stocked: Bench, ruled: Callable[[str], None]) -> None:
    stocked.assign(ONE, "production")
    ruled("coordination: off\n")
    push_models(stocked.repository, "origin", [])
    before = stocked.git("rev-parse", f"refs/tags/{ONE}")
    assert git(stocked.remote, "rev-parse", "refs/gitcellar/vit-l/projectA@tip") == before


def test_a_protected_branch_that_is_gone_judges_nothing(stocked: Bench) -> None:
    git(stocked.remote, "branch", "-m", "main", "trunk")
    with pytest.raises(UnknownBranchError, match="origin has no branch main"):
        stocked.assign(ONE, "production", push=True)
    assert "production" not in stocked.git("tag")


def test_a_clone_that_never_fetched_asks_the_remote_for_its_policy(stocked: Bench) -> None:
    for line in stocked.git("for-each-ref", "--format=%(refname)", "refs/remotes/").splitlines()[::-1]:
        stocked.git("update-ref", "-d", "--no-deref", line)
    stocked.git("checkout", "-q", "--orphan", "mine")
    (stocked.work / "gitcellar.yaml").write_text("stages: [mine]\n")
    stocked.commit("a policy of my own")
    with pytest.raises(RefusedError, match="'mine' is none of the policy's stages: staging, production, archived"):
        stocked.assign(ONE, "mine", push=True)


def test_a_refusal_of_the_hook_of_this_clone_is_told_as_our_own(stocked: Bench) -> None:
    install_hooks(GitRepository(stocked.work), ["pre-push"])
    # A history with a gap, which only the push of it shows.
    stocked.git("tag", "-a", "-m", "x", "vit-l/projectA#staging#7", f"{ONE}^{{}}")
    with pytest.raises(RefusedError) as caught:
        push_models(stocked.repository, "origin", [])
    found = caught.value.verdict.violations[0]
    assert (found.rule, found.subject) == ("S004", "vit-l/projectA#staging#7")
    assert (found.message, found.hint) == (
        "its counter is 7, and the next of vit-l/projectA is 1",
        "gitcellar fetch, then act again",
    )


def count_git(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The git commands that are run from now on."""
    run: list[str] = []
    start = GitRunner._bytes

    def counted(self: GitRunner, *args: str, **options: Any) -> bytes:
        run.append(" ".join(args))
        return start(self, *args, **options)

    monkeypatch.setattr(GitRunner, "_bytes", counted)
    return run


def test_assign_push_runs_few_git_processes(stocked: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = count_git(monkeypatch)
    stocked.assign(ONE, "production", push=True)
    assert len(run) <= 15, "\n".join(run)


def test_a_fetch_into_a_plain_clone_says_that_it_brought_the_tips(stocked: Bench, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(stocked.remote), "clone")
    first, again = (ask(tmp_path / "clone", "fetch") for _ in range(2))
    assert (first.status, first.out, first.err) == (0, "", "Moved: 0 tags and the tips of 2 models from origin\n")
    assert again.err == "Nothing to do: everything is up to date from origin\n"
    git(tmp_path, "clone", "-q", str(stocked.remote), "other")
    found = json.loads(ask(tmp_path / "other", "fetch", "--json").out)
    assert (found["tags"], found["tips"]) == ([], ["vit-l/base", "vit-l/projectA"])
