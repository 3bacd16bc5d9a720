"""Archived is a state: a promotion writes one tag, and nothing is archived and live at once."""

from __future__ import annotations

import json

import pytest

from gitcellar.cellar import writing
from gitcellar.cellar.reading import read_state
from gitcellar.core.deployments import find_wanted
from gitcellar.core.names import ModelName
from gitcellar.store.git import GitRepository
from tests.support.cellars import Bench, tag
from tests.support.terminals import run_here

A = ModelName("vit-l/projectA")
ONE, TWO = "vit-l/projectA@1.0.1", "vit-l/projectA@1.0.2"


@pytest.fixture
def two(stocked: Bench) -> Bench:
    """A cellar with two versions of a model, the older one in production."""
    stocked.assign(ONE, "production")
    stocked.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    stocked.register("vit-l/projectA")
    return stocked


def standing(repository: GitRepository) -> dict[str, tuple[tuple[str, ...], str | None]]:
    return {str(held.version): (held.stages, held.stage) for held in read_state(repository, A).versions}


def test_a_promotion_writes_one_tag_and_archives_what_it_displaces(two: Bench) -> None:
    assert two.assign(TWO, "production").tags == ("vit-l/projectA#production#2",)
    assert standing(two.repository) == {"1.0.1": ((), "archived"), "1.0.2": (("production",), "production")}


def test_after_a_rollback_nothing_is_archived_and_live(two: Bench) -> None:
    two.assign(TWO, "production")
    assert writing.rollback(two.repository, A, "production").tags == ("vit-l/projectA#production#3",)
    assert standing(two.repository) == {"1.0.1": (("production",), "production"), "1.0.2": ((), "archived")}


def test_a_cellar_that_archived_by_tags_reads_on(two: Bench) -> None:
    tag(two, "vit-l/projectA#production#2", f"{TWO}^{{}}")
    tag(two, "vit-l/projectA#archived#3", f"{ONE}^{{}}")
    assert standing(two.repository) == {"1.0.1": ((), "archived"), "1.0.2": (("production",), "production")}
    assert writing.rollback(two.repository, A, "production").tags == ("vit-l/projectA#production#4",)
    assert standing(two.repository)["1.0.1"] == (("production",), "production")


def test_archive_takes_a_version_out_of_every_stage(two: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    two.assign(ONE, "staging")
    done = run_here(capfd, two.work, "archive", ONE)
    assert (done.status, done.out) == (0, "vit-l/projectA#archived#3\n")
    assert standing(two.repository)["1.0.1"] == ((), "archived")
    again = run_here(capfd, two.work, "assign", ONE, "archived")
    assert (again.status, again.err) == (0, "Nothing to do: vit-l/projectA 1.0.1 is archived already\n")
    shown = json.loads(run_here(capfd, two.work, "show", "vit-l/projectA", "--json").out)
    assert shown["models"][0]["stages"] == {}
    assert [(row["stages"], row["state"]) for row in shown["models"][0]["versions"]] == [([], "archived"), ([], None)]


def test_nothing_is_deployed_from_archived_and_what_was_archived_is_no_longer(two: Bench) -> None:
    live = find_wanted([read_state(two.repository, A)])
    assert live["vit-l/projectA#production"].version == "1.0.1"
    two.assign(ONE, "archived")
    wanted = find_wanted([read_state(two.repository, A)], ["production", "archived"])
    assert [(slot, each.version, each.sequence, each.fault) for slot, each in wanted.items()] == [
        ("vit-l/projectA#production", None, 2, None)
    ]


def test_archived_names_no_version(two: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    two.assign(ONE, "archived")
    for words in (("resolve", "vit-l/projectA#archived"), ("get", "vit-l/projectA#archived")):
        told = run_here(capfd, two.work, *words)
        assert (told.status, told.err) == (
            3,
            "Error: archived is a state and no stage: it names no one version of vit-l/projectA\nHint: archived: 1.0.1\n",
        )
    for verb in ("unassign", "rollback"):
        told = run_here(capfd, two.work, verb, "vit-l/projectA", "archived")
        assert told.status == 3
        assert told.err.startswith("Error: archived is a state and no stage: 1.0.1 of vit-l/projectA is archived\n")
