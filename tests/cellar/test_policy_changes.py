"""An approval of a policy is for one change, once, whatever is merged, reverted or pushed back afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitcellar.cellar.hooks import judge_pre_receive
from gitcellar.cellar.policy_changes import approve_policy
from gitcellar.cellar.writing import Options
from gitcellar.core.errors import InvalidError
from gitcellar.core.pushes import PushedRef
from gitcellar.store.git import GitRepository
from tests.support.processes import git, run

MAIN = "refs/heads/main"


@dataclass(frozen=True)
class Cellar:
    """A bare repository whose policy asks for one approval, with what is pushed to it judged in place."""

    path: Path
    key: str

    @property
    def repository(self) -> GitRepository:
        return GitRepository(self.path)

    def git(self, *words: str, stdin: str = "") -> str:
        done = run(self.path, "git", *words, stdin=stdin)
        assert done.status == 0, done.err
        return done.out.strip()

    @property
    def tip(self) -> str:
        return self.git("rev-parse", MAIN)

    def commit(self, policy: int, *parents: str, note: str = "") -> str:
        """A commit with policy number `policy`."""
        people = f"people:\n  ada@example.com: {{keys: [{self.key}]}}\n"
        text = f"policy_changes: {{count: 1}}\n{people}# number {policy}\n"
        blobs = [self.git("hash-object", "-w", "--stdin", stdin=content) for content in (text, note)]
        tree = f"100644 blob {blobs[1]}\tREADME.md\n100644 blob {blobs[0]}\tgitcellar.yaml\n"
        words = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", "-m", "x", *words, self.git("mktree", stdin=tree))

    def approve(self, commit: str) -> str:
        return approve_policy(self.repository, commit)

    def push(self, commit: str) -> list[str]:
        """The rules that refuse the commit on main; it is there where none does."""
        verdict = judge_pre_receive(self.repository, [PushedRef(MAIN, self.tip, commit)])
        if verdict.ok:
            self.git("update-ref", MAIN, commit)
        return [violation.rule for violation in verdict.violations]


@pytest.fixture
def cellar(tmp_path: Path) -> Cellar:
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "cellar.git")
    key = tmp_path / "ada"
    assert run(tmp_path, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)).status == 0
    made = Cellar(tmp_path / "cellar.git", " ".join(key.with_suffix(".pub").read_text().split()[:2]))
    made.git("config", "gpg.format", "ssh")
    made.git("config", "user.signingKey", str(key))
    made.git("update-ref", MAIN, made.commit(1))
    return made


def change(cellar: Cellar, policy: int) -> str:
    """Bring another policy to main as its people want it; return the tip from before it."""
    before = cellar.tip
    commit = cellar.commit(policy, before)
    cellar.approve(commit)
    assert cellar.push(commit) == []
    return before


# What honest people do


def test_an_approval_outlives_what_else_happens_on_the_branch(cellar: Cellar) -> None:
    aside = cellar.commit(0, cellar.tip)
    change(cellar, 2)
    proposed = cellar.commit(3, cellar.tip)
    cellar.approve(proposed)
    for number in range(3):
        assert cellar.push(cellar.commit(2, cellar.tip, note=str(number))) == []
    # A branch that began before the policy of now still has the old one in its commits.
    assert cellar.push(cellar.commit(2, cellar.tip, aside)) == []
    assert cellar.push(cellar.commit(3, cellar.tip, proposed)) == []


def test_approvals_that_were_given_on_different_commits_count_together(cellar: Cellar) -> None:
    proposed = cellar.commit(2, cellar.tip)
    first = cellar.approve(proposed)
    assert cellar.approve(proposed) == first
    assert cellar.push(cellar.commit(1, cellar.tip, note="words")) == []
    assert cellar.approve(proposed) != first
    assert cellar.push(cellar.commit(2, cellar.tip, proposed)) == []


def test_the_same_change_is_approved_anew_each_time(cellar: Cellar) -> None:
    for policy in (2, 1, 2, 1):
        assert cellar.push(cellar.commit(policy, cellar.tip)) == ["A006"]
        change(cellar, policy)


# What brings old ballots back


def merge_the_first(cellar: Cellar, first: str, second: str) -> str:
    return cellar.commit(1, cellar.tip, first)


def merge_the_first_first(cellar: Cellar, first: str, second: str) -> str:
    return cellar.commit(1, first, cellar.tip)


def merge_three(cellar: Cellar, first: str, second: str) -> str:
    return cellar.commit(1, first, second, cellar.tip)


def merge_what_is_like_the_first(cellar: Cellar, first: str, second: str) -> str:
    return cellar.commit(1, cellar.commit(1, first, note="again"), cellar.tip)


def merge_what_has_no_past(cellar: Cellar, first: str, second: str) -> str:
    return cellar.commit(1, cellar.tip, cellar.commit(1, note="elsewhere"))


def nothing(cellar: Cellar, first: str, second: str) -> str:
    return cellar.tip


HISTORIES = [nothing, merge_the_first, merge_the_first_first, merge_three, merge_what_is_like_the_first,
             merge_what_has_no_past]  # fmt: skip


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.__name__)
def test_no_history_brings_a_used_approval_back(cellar: Cellar, history: Callable[[Cellar, str, str], str]) -> None:
    first = change(cellar, 2)
    second = change(cellar, 1)
    assert cellar.push(history(cellar, first, second)) == []
    for parents in ([cellar.tip], [cellar.tip, second], [second, cellar.tip], [first, second, cellar.tip]):
        assert cellar.push(cellar.commit(2, *parents)) == ["A006"]


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.__name__)
def test_no_history_brings_an_approval_back_that_another_change_overtook(
    cellar: Cellar, history: Callable[[Cellar, str, str], str]
) -> None:
    cellar.approve(cellar.commit(2, cellar.tip))
    first = change(cellar, 3)
    second = change(cellar, 1)
    assert cellar.push(history(cellar, first, second)) == []
    assert cellar.push(cellar.commit(2, cellar.tip)) == ["A006"]


def test_a_branch_that_is_pushed_back_brings_nothing_back(cellar: Cellar) -> None:
    first = change(cellar, 2)
    second = change(cellar, 1)
    assert cellar.push(first) == ["A008"]
    assert cellar.push(second) == ["A006", "A008"]
    assert cellar.push(cellar.commit(2, first)) == ["A006", "A008"]


def test_a_replaced_commit_brings_nothing_back(cellar: Cellar) -> None:
    first = change(cellar, 2)
    second = change(cellar, 1)
    cellar.git("update-ref", f"refs/replace/{second}", first)
    assert cellar.push(cellar.commit(2, cellar.tip)) == ["A006"]


def test_an_approval_names_a_commit_of_the_branch(cellar: Cellar) -> None:
    """One that stands elsewhere, as in a clone that was led astray, is for another history."""
    tip, elsewhere = cellar.tip, cellar.commit(1, note="elsewhere")
    proposed = cellar.commit(2, tip)
    cellar.git("update-ref", MAIN, elsewhere)
    cellar.approve(proposed)
    cellar.git("update-ref", MAIN, tip)
    assert cellar.push(proposed) == ["A006"]


@pytest.mark.parametrize(
    "said",
    ["--all", "HEAD", "main", "none", "", "A" * 40, "f" * 40, "refs/heads/main"],
    ids=lambda said: said or "empty",
)
def test_what_an_approval_replaces_is_a_commit_that_is_there(cellar: Cellar, said: str) -> None:
    proposed = cellar.commit(2, cellar.tip)
    honest = cellar.approve(proposed)
    content = cellar.git("cat-file", "tag", honest).partition("-----BEGIN")[0].replace(cellar.tip, said)
    cellar.git("update-ref", "-d", f"refs/tags/{honest}")
    name = honest.removesuffix(honest[-1]) + "x"
    message = content.partition("\n\n")[2]
    cellar.git("tag", "-s", "--cleanup=verbatim", "-F", "-", name, proposed, stdin=message)
    assert cellar.push(proposed) == ["A006"]
    # By the same way an honest message counts.
    cellar.git("tag", "-s", "--cleanup=verbatim", "-F", "-", f"{name}y", proposed, stdin=message.replace(
        f"Instead-Of: {said}", f"Instead-Of: {cellar.tip}"))  # fmt: skip
    assert cellar.push(proposed) == []


def test_a_tag_under_an_approvals_name_is_not_taken_for_the_approval(cellar: Cellar) -> None:
    commit = cellar.commit(2, cellar.tip)
    tag = approve_policy(cellar.repository, commit, options=Options(dry_run=True))
    cellar.git("update-ref", f"refs/tags/{tag}", commit)
    with pytest.raises(InvalidError, match="is in the way: it is no approval by ada@example.com") as caught:
        cellar.approve(commit)
    assert caught.value.hint == f"git tag -d {tag} && git push origin :refs/tags/{tag}"
    cellar.git("tag", "-d", tag)
    assert cellar.approve(commit) == cellar.approve(commit) == tag
    assert cellar.push(commit) == []
