"""A change of the policy needs the people of the policy that stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cellars import Bench
from tests.support.people import STAGES, make_peopled, people, sign_as, write_policy
from tests.support.processes import Result, git, run

QUORUM = "policy_changes: {count: 2, roles: {qa: 1}}\n"


@pytest.fixture
def guarded_policy(tmp_path: Path) -> Bench:
    """A cellar whose policy asks for two people, one of them qa, before it changes."""
    return make_peopled(tmp_path / "cellar", policy=STAGES + QUORUM)


def push(bench: Bench) -> Result:
    return run(bench.work, "git", "push", "origin", "main")


def approve(bench: Bench, name: str) -> Result:
    sign_as(bench, name)
    return bench.gitcellar("approve", "--policy", "HEAD", "--push")


def change(bench: Bench, policy: str) -> None:
    (bench.work / "gitcellar.yaml").write_text(policy)
    bench.commit("another policy")


def test_the_quorum_of_the_old_policy_lets_a_new_one_in(guarded_policy: Bench) -> None:
    bench = guarded_policy
    loose = "stages: [staging, production]\n"
    change(bench, loose)
    said = "A006 refs/heads/main: the policy that it brings needs"
    refused = push(bench).err
    assert f"{said} 1 more approval in the role qa" in refused and refused.count(said) == 2
    assert approve(bench, "cy").status == 0
    again = approve(bench, "cy")
    assert again.status == 0 and len(git(bench.remote, "tag", "-l", "gitcellar/policy/*").splitlines()) == 1
    assert f"{said} 1 more approval in the role qa" in push(bench).err
    assert "a key of nobody" in approve(bench, "mallory").err
    assert approve(bench, "ada").status == 0
    assert push(bench).status == 0
    assert git(bench.remote, "show", "main:gitcellar.yaml") == loose.rstrip()


def test_an_approval_is_for_these_files_and_this_moment(guarded_policy: Bench) -> None:
    bench = guarded_policy
    first = (bench.work / "gitcellar.yaml").read_text()
    change(bench, first + "required: [owner]\n")
    for name in ("ada", "ben"):
        assert approve(bench, name).status == 0
    change(bench, first + "required: [owner, data]\n")
    assert "A006" in push(bench).err
    bench.git("reset", "-q", "--hard", "HEAD~1")
    assert push(bench).status == 0
    change(bench, first)
    for name in ("ada", "ben"):
        assert approve(bench, name).status == 0
    assert push(bench).status == 0
    # The same files were approved once, in place of the same ones, and not now.
    change(bench, first + "required: [owner]\n")
    assert "A006" in push(bench).err


def test_the_signers_file_is_part_of_the_policy_and_other_files_are_not(guarded_policy: Bench) -> None:
    bench = guarded_policy
    (bench.work / "README.md").write_text("ours")
    bench.commit("words")
    assert push(bench).status == 0
    (bench.work / ".gitcellar").mkdir()
    key = people(bench).partition("keys: [")[2].partition("]")[0]
    (bench.work / ".gitcellar/allowed_signers").write_text(f"eve@example.com {key[:-4]}AAAA\n")
    bench.commit("another signer")
    assert "A006" in push(bench).err
    assert "is the one that stands" in (bench.git("reset", "-q", "--hard", "HEAD~1"), approve(bench, "ada").err)[1]


def test_without_a_quorum_the_policy_is_the_branchs_to_protect(tmp_path: Path) -> None:
    bench = make_peopled(tmp_path / "cellar")
    write_policy(bench, "stages: [staging, production]\n")
    assert git(bench.remote, "show", "main:gitcellar.yaml") == "stages: [staging, production]"
