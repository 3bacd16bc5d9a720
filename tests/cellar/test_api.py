"""A cellar from Python: the same answers and the same judgement as the command line."""

from __future__ import annotations

import pytest

import gitcellar
from gitcellar import Cellar, CellarError
from gitcellar.cellar.fetching import fetch_models
from gitcellar.cellar.writing import Options
from gitcellar.policy.judge import RefusedError
from gitcellar.store.git import GitRepository
from tests.support.cellars import Bench
from tests.support.processes import git, run


def test_models_versions_and_stages_are_objects(stocked: Bench) -> None:
    cellar = Cellar.open(stocked.work)
    cellar["vit-l/projectA"].assign("1.0.1", "production")
    assert list(cellar) == ["vit-l/base", "vit-l/projectA"]
    assert [model.latest.number for model in cellar.models.values()] == ["1.0", "1.0.1"]
    version = cellar["vit-l/projectA"].stage("production")
    assert (version.number, version.tag, version.commit) == (
        "1.0.1",
        "vit-l/projectA@1.0.1",
        stocked.git("rev-parse", "HEAD"),
    )
    assert cellar.version("vit-l/projectA#production").state == version.state
    assert [v.number for v in cellar["vit-l/base"].versions] == ["1.0"]
    assert [event.event.kind for event in cellar["vit-l/projectA"].history()] == ["assigned", "registered"]
    assert len(cellar.history()) == 3
    description = version.describe()
    assert description.entry is not None
    assert description.entry.base == "vit-l/base@1.0"
    assert (repr(cellar["vit-l/base"]), repr(version)) == ("Model('vit-l/base')", "Version('vit-l/projectA', '1.0.1')")


def test_the_same_judgement_as_the_command_line(stocked: Bench) -> None:
    cellar = Cellar.open(stocked.work)
    with pytest.raises(RefusedError) as caught:
        cellar.register("vit-l/projectA", version="1.0.3")
    assert caught.value.verdict.violations[0].rule == "V003"
    stocked.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    assert cellar.register("vit-l/projectA", options=Options(dry_run=True)).tags == ("vit-l/projectA@1.0.2",)
    assert cellar.register("vit-l/projectA").created
    model = cellar["vit-l/projectA"]
    model.assign("1.0.1", "production")
    model.assign("1.0.2", "production")
    assert model.rollback("production").tags == ("vit-l/projectA#production#3",)
    assert model.unassign("production").created
    assert model.withdraw("1.0.2").created
    assert model.latest.number == "1.0.1"


def test_a_url_is_read_and_not_written(stocked: Bench) -> None:
    cellar = Cellar.open(stocked.url)
    assert cellar["vit-l/base"].latest.number == "1.0"
    with pytest.raises(CellarError, match="writing needs a clone"):
        cellar.register("vit-l/base")


def test_a_notebook_shows_tables_in_which_nothing_is_obeyed(stocked: Bench) -> None:
    cellar = Cellar.open(stocked.work)
    assert "<td>vit-l/projectA</td><td>1.0.1</td>" in cellar._repr_html_()
    assert "<td>1.0.1</td>" in cellar["vit-l/projectA"]._repr_html_()


def test_the_package_says_what_it_exports() -> None:
    assert gitcellar.__version__
    assert gitcellar.CellarError is CellarError
    with pytest.raises(AttributeError):
        _ = gitcellar.nothing


# A crash at any point leaves what a second run finishes


def test_killed_between_the_push_and_the_clones_own_refs_a_second_run_finishes(stocked: Bench) -> None:
    program = (
        "import os, sys; from gitcellar.store.git import GitRepository;"
        "GitRepository.write_refs = lambda self, updates: os._exit(9);"
        "sys.argv = ['gitcellar', 'assign', 'vit-l/projectA', 'production', '--push'];"
        "from gitcellar.doors.cli.main import main; main()"
    )
    assert run(stocked.work, "python", "-c", program).status == 9
    assert "vit-l/projectA#production#1" in git(stocked.remote, "tag")
    assert "vit-l/projectA#production#1" not in stocked.git("tag")
    again = stocked.gitcellar("assign", "vit-l/projectA", "production", "--push")
    assert (again.status, again.out) == (0, "vit-l/projectA#production#1\n")
    assert again.err == "Nothing to do: vit-l/projectA 1.0.1 is in production already\n"
    tip = "refs/gitcellar/vit-l/projectA@tip"
    assert stocked.git("rev-parse", tip) == git(stocked.remote, "rev-parse", tip)


def test_killed_before_the_push_nothing_has_happened(stocked: Bench) -> None:
    before = stocked.git("for-each-ref")
    program = (
        "import os, sys; from gitcellar.store.git import GitRepository;"
        "GitRepository.push = lambda *args, **options: os._exit(9);"
        "sys.argv = ['gitcellar', 'assign', 'vit-l/projectA', 'production', '--push'];"
        "from gitcellar.doors.cli.main import main; main()"
    )
    assert run(stocked.work, "python", "-c", program).status == 9
    assert stocked.git("for-each-ref") == before
    assert stocked.gitcellar("assign", "vit-l/projectA", "production", "--push").out == "vit-l/projectA#production#1\n"


def test_fetching_twice_changes_nothing(stocked: Bench) -> None:
    clone = stocked.clone("bob")
    fetch_models(clone.repository, "origin", None)
    before = git(clone.work, "for-each-ref")
    fetch_models(GitRepository(clone.work), "origin", None)
    assert git(clone.work, "for-each-ref") == before


def test_without_a_dvc_remote_a_push_is_told_what_to_add(stocked: Bench) -> None:
    (stocked.work / ".dvc/config").write_text("")
    stocked.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    done = stocked.gitcellar("register", "vit-l/projectA", "--push")
    assert (done.status, done.out, done.err) == (
        4,
        "",
        "Error: DVC has no remote for models/vit-l-projectA\n"
        "Hint: dvc remote add -d NAME URL, then commit .dvc/config\n",
    )
    assert "vit-l/projectA@1.0.2" not in stocked.git("tag")
