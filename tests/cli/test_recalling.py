"""A base is recalled: what came from it, where that is live, and that it goes nowhere any more."""

from __future__ import annotations

import json

import pytest

from tests.support.cellars import Bench, tag
from tests.support.processes import git, run


@pytest.fixture
def tuned(stocked: Bench) -> Bench:
    """Two models tuned from base 1.0, one of them live, and one from base 1.1."""
    stocked.assign("vit-l/projectA@1.0.1", "production", push=True)
    stocked.declare("vit-l/b", "b 1", base="vit-l/base@1.0")
    stocked.register("vit-l/b", push=True)
    stocked.declare("vit-l/base", "base 2")
    stocked.register("vit-l/base", push=True)
    stocked.declare("vit-l/b", "b 2", base="vit-l/base@1.1")
    stocked.register("vit-l/b", push=True)
    return stocked


def test_a_recall_lists_what_came_from_the_base_and_where_it_is_live(tuned: Bench) -> None:
    tried = tuned.gitcellar("recall", "vit-l/base@1.0", "--why", "Poisoned.", "--dry-run", "--json")
    assert [row["model"] for row in json.loads(tried.out)["affected"]] == ["vit-l/b", "vit-l/projectA"]
    assert "vit-l/base@1.0!#1" not in tuned.git("tag")
    done = tuned.gitcellar("recall", "vit-l/base@1.0", "--why", "Poisoned.", "--push")
    assert (done.status, done.out) == (0, "vit-l/base@1.0!#1\n")
    assert done.err.splitlines()[-2:] == [
        "Affected: vit-l/b@1.0.1, in no stage",
        "Affected: vit-l/projectA@1.0.1, live in production",
    ]
    assert "Poisoned." in git(tuned.remote, "cat-file", "tag", "vit-l/base@1.0!#1")


def test_nothing_of_a_recalled_base_enters_a_stage_at_any_door(tuned: Bench) -> None:
    assert tuned.gitcellar("recall", "vit-l/base@1.0", "--why", "Poisoned.", "--push").status == 0
    refused = tuned.gitcellar("assign", "vit-l/b@1.0.1", "staging")
    said = "S007 vit-l/b#staging#1: 1.0.1 came from vit-l/base@1.0, which was withdrawn"
    assert refused.err.splitlines()[0] == f"Refused: {said}"
    assert tuned.gitcellar("hook", "install", "--server", "-C", str(tuned.remote)).status == 0
    tag(tuned, "vit-l/b#staging#1", "vit-l/b@1.0.1^{}")
    assert said in run(tuned.work, "git", "push", "origin", "vit-l/b#staging#1").err
    tuned.git("tag", "-d", "vit-l/b#staging#1")
    assert tuned.gitcellar("assign", "vit-l/b@1.1.1", "staging", "--push").status == 0


def test_a_cascade_withdraws_all_that_came_from_it(tuned: Bench) -> None:
    done = tuned.gitcellar("recall", "vit-l/base@1.0", "--why", "Poisoned.", "--cascade", "--push")
    assert done.out.splitlines() == ["vit-l/base@1.0!#1", "vit-l/b@1.0.1!#1", "vit-l/projectA@1.0.1!#2"]
    again = tuned.gitcellar("recall", "vit-l/base@1.0", "--why", "Poisoned.", "--cascade", "--push", "--json")
    assert (again.status, json.loads(again.out)["cascaded"]) == (0, [])
    assert sorted(git(tuned.remote, "tag", "-l", "*!*").splitlines()) == sorted(done.out.splitlines())


def test_only_a_base_is_recalled_and_never_without_a_reason(tuned: Bench) -> None:
    assert tuned.gitcellar("recall", "vit-l/base@1.0").status == 2
    for wrong in ("vit-l/b@1.0.1", "vit-l/base@latest"):
        assert tuned.gitcellar("recall", wrong, "--why", "x").status == 3
    assert tuned.gitcellar("recall", "vit-l/base@7.0", "--why", "x").status == 3


def test_what_this_clone_has_not_seen_is_recalled_too(stocked: Bench) -> None:
    other = stocked.clone("other")
    assert other.gitcellar("fetch").status == 0
    stocked.declare("vit-l/projectB", "B 1", base="vit-l/base@1.0")
    stocked.git("push", "-q", "origin", "main")
    stocked.register("vit-l/projectB", push=True)
    stocked.assign("vit-l/projectB@1.0.1", "production", push=True)
    looked = other.gitcellar("recall", "vit-l/base@1.0", "--why", "Poisoned.", "--dry-run")
    assert "this is what this clone knows" in looked.err
    done = other.gitcellar("recall", "vit-l/base@1.0", "--why", "Poisoned.", "--cascade", "--push")
    assert done.status == 0, done.err
    assert "Affected: vit-l/projectB@1.0.1, live in production" in done.err
    assert "vit-l/projectB@1.0.1!#2" in git(stocked.remote, "tag").splitlines()
