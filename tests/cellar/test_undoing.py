"""What was never pushed can be taken back, and nothing is built on an event whose tag is gone."""

from __future__ import annotations

import json

import pytest

from gitcellar.cellar import writing
from gitcellar.cellar.chains import DanglingError
from gitcellar.cellar.fetching import DivergedError
from gitcellar.cellar.moving import push_models
from gitcellar.cellar.proving import verify
from gitcellar.cellar.reading import open_source, read_cellar
from gitcellar.cellar.undoing import UnansweredError, carry_out, plan_undo
from gitcellar.core.errors import InvalidError, NotFoundError
from gitcellar.core.names import ModelName
from gitcellar.core.tags import tip_ref
from tests.support.cellars import Bench, tag
from tests.support.processes import git
from tests.support.terminals import run_here

A, BASE = ModelName("vit-l/projectA"), ModelName("vit-l/base")
ONE = "vit-l/projectA@1.0.1"


def registry(bench: Bench) -> list[str]:
    """The clone's registry refs with their objects."""
    return bench.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/tags/", "refs/gitcellar/").splitlines()


def undo(bench: Bench, model: ModelName | None = A) -> list[str]:
    """The tags that are taken back."""
    undoing = plan_undo(bench.repository, model)
    carry_out(bench.repository, undoing)
    return [name for each in undoing.models for name in each.tags]


def test_what_was_never_pushed_is_taken_back_the_newest_first(stocked: Bench) -> None:
    before = registry(stocked)
    stocked.assign(ONE, "staging")
    stocked.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    stocked.register("vit-l/projectA")
    stocked.assign(ONE, "production")
    expected = ["vit-l/projectA#production#2", "vit-l/projectA@1.0.2", "vit-l/projectA#staging#1"]
    assert undo(stocked) == expected
    assert registry(stocked) == before
    assert undo(stocked) == []


def test_a_model_that_was_never_pushed_leaves_nothing_behind(bench: Bench) -> None:
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base")
    assert undo(bench, BASE) == ["vit-l/base@0.1"]
    assert registry(bench) == []


def test_what_the_remote_has_stays_though_this_clone_never_heard_of_it(stocked: Bench) -> None:
    stocked.assign(ONE, "staging")
    stocked.git("push", "-q", "--no-verify", "origin", "vit-l/projectA#staging#1")
    stocked.assign(ONE, "production")
    assert undo(stocked) == ["vit-l/projectA#production#2"]
    assert stocked.git("rev-parse", tip_ref(A)) == stocked.git("rev-parse", "refs/tags/vit-l/projectA#staging#1")


def test_what_this_clone_remembers_of_the_remote_stays_though_the_remote_lost_it(stocked: Bench) -> None:
    stocked.assign(ONE, "staging", push=True)
    git(stocked.remote, "update-ref", "-d", "refs/tags/vit-l/projectA#staging#1")
    git(stocked.remote, "update-ref", "-d", tip_ref(A))
    stocked.assign(ONE, "production")
    assert undo(stocked) == ["vit-l/projectA#production#2"]


def test_a_remote_that_does_not_answer_is_told_and_its_memory_counts(stocked: Bench) -> None:
    stocked.assign(ONE, "staging")
    stocked.remote.rename(stocked.folder / "gone")
    undoing = plan_undo(stocked.repository, A)
    assert (undoing.asked, undoing.silent, undoing.tags) == ((), ("origin",), ("vit-l/projectA#staging#1",))


def test_every_remote_is_asked_whatever_its_name(stocked: Bench) -> None:
    stocked.assign(ONE, "staging")
    stocked.git("push", "-q", "--no-verify", "origin", "vit-l/projectA#staging#1")
    stocked.git("remote", "rename", "origin", "upstream")
    assert undo(stocked) == []
    git(stocked.folder, "init", "-q", "--bare", "empty.git")
    stocked.git("remote", "add", "origin", str(stocked.folder / "empty.git"))
    undoing = plan_undo(stocked.repository, None)
    assert (undoing.asked, undoing.silent, undoing.tags) == (("origin", "upstream"), (), ())


def test_where_there_is_no_remote_nothing_was_pushed(bench: Bench) -> None:
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base")
    bench.git("remote", "remove", "origin")
    # As ~/.gitconfig may say it of every repository: git lists such a remote, and it has no URL.
    bench.git("config", "remote.origin.prune", "true")
    assert undo(bench, None) == ["vit-l/base@0.1"]


def test_a_remote_that_can_only_be_pushed_to_is_one_that_does_not_answer(bench: Bench) -> None:
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base")
    bench.git("config", "remote.store.pushurl", str(bench.folder / "store.git"))
    with pytest.raises(UnansweredError, match="store does not answer"):
        plan_undo(bench.repository, None)


def test_what_a_plain_clone_has_stays_where_its_remote_does_not_answer(stocked: Bench) -> None:
    clone = stocked.clone("bob")
    clone.git("remote", "set-url", "origin", "/nonexistent/x.git")
    before = registry(clone)
    for model in (A, BASE, None):
        with pytest.raises(UnansweredError) as caught:
            plan_undo(clone.repository, model)
        named = A if model == A else BASE
        assert caught.value.message == (
            f"origin does not answer, and this clone remembers no tip of {named} there, "
            "so it is not known what was never pushed"
        )
        assert caught.value.exit_code == 4
        assert caught.value.hint is not None and caught.value.hint.startswith("git ls-remote origin")
    assert registry(clone) == before


def test_what_plain_git_fetched_stays_where_the_remote_does_not_answer(stocked: Bench) -> None:
    """The tip here does not lead to it, so it was not written here."""
    other = stocked.clone("bob")
    other.repository.fetch("origin", ["refs/gitcellar/*:refs/gitcellar/*"])
    other.assign(ONE, "staging", push=True)
    stocked.git("fetch", "-q", "origin", "--tags")
    before = registry(stocked)
    stocked.remote.rename(stocked.folder / "gone")
    assert undo(stocked) == []
    assert registry(stocked) == before


def test_the_one_remote_that_is_named_is_asked_alone(stocked: Bench) -> None:
    stocked.assign(ONE, "staging")
    stocked.git("remote", "add", "gone", "/nonexistent/x.git")
    with pytest.raises(UnansweredError, match="gone does not answer") as caught:
        plan_undo(stocked.repository, A)
    assert caught.value.hint is not None and caught.value.hint.endswith("git remote remove gone")
    undoing = plan_undo(stocked.repository, A, "origin")
    assert (undoing.asked, undoing.silent, undoing.tags) == (("origin",), (), ("vit-l/projectA#staging#1",))


def test_what_plain_git_wrote_stays(stocked: Bench) -> None:
    tag(stocked, "vit-l/projectA#staging#7")
    assert undo(stocked) == []


def test_a_base_stays_while_a_version_that_names_it_does(stocked: Bench) -> None:
    stocked.declare("vit-l/base", "base 2")
    stocked.register("vit-l/base")
    stocked.declare("vit-l/projectA", "A 2", base="vit-l/base@1.1")
    stocked.register("vit-l/projectA")
    with pytest.raises(InvalidError, match="vit-l/projectA@1.1.1 is bound to vit-l/base@1.1") as caught:
        plan_undo(stocked.repository, BASE)
    assert caught.value.hint == "gitcellar undo vit-l/projectA"
    assert undo(stocked, None) == ["vit-l/base@1.1", "vit-l/projectA@1.1.1"]


def test_a_model_that_is_not_here_is_an_error_with_the_nearest(stocked: Bench) -> None:
    with pytest.raises(NotFoundError, match="there is no model vit-l/projectB"):
        plan_undo(stocked.repository, ModelName("vit-l/projectB"))


def test_a_second_run_ends_what_a_crash_left(stocked: Bench) -> None:
    before = registry(stocked)
    stocked.assign(ONE, "staging")
    stocked.assign(ONE, "production")
    stocked.git("update-ref", "-d", "refs/tags/vit-l/projectA#staging#1")
    assert undo(stocked) == ["vit-l/projectA#production#2"]
    assert registry(stocked) == before
    stocked.assign(ONE, "staging")
    stocked.git("update-ref", "-d", "refs/tags/vit-l/projectA#staging#1")
    assert undo(stocked) == []
    assert registry(stocked) == before


# Dangling events


def test_nothing_follows_a_registration_that_git_took_back(bench: Bench) -> None:
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base")
    bench.git("tag", "-d", "vit-l/base@0.1")
    for push in (False, True):
        with pytest.raises(DanglingError, match="the newest event of vit-l/base has no tag here") as caught:
            bench.register("vit-l/base", push=push)
        assert (caught.value.exit_code, caught.value.hint) == (1, "gitcellar undo vit-l/base")
    undo(bench, BASE)
    assert bench.register("vit-l/base", push=True).tags == ("vit-l/base@0.1",)
    assert verify(open_source(bench.url)).ok


def test_a_chain_that_follows_a_tag_which_nobody_has_is_not_pushed(stocked: Bench) -> None:
    stocked.assign(ONE, "staging")
    stocked.assign(ONE, "production")
    stocked.git("update-ref", "-d", "refs/tags/vit-l/projectA#staging#1")
    with pytest.raises(DanglingError, match="vit-l/projectA#production#2 follows an event that has no tag here"):
        push_models(stocked.repository, "origin", [])
    with pytest.raises(DanglingError):
        stocked.assign(ONE, "archived", push=True)
    assert "#" not in git(stocked.remote, "tag")
    assert undo(stocked) == ["vit-l/projectA#production#2"]
    assert stocked.assign(ONE, "production", push=True).tags == ("vit-l/projectA#production#1",)
    assert verify(open_source(stocked.url)).ok


def test_the_newest_tag_that_git_took_back_leaves_no_older_one_outside_the_chain(stocked: Bench) -> None:
    stocked.assign(ONE, "staging")
    stocked.assign(ONE, "production")
    stocked.git("update-ref", "-d", "refs/tags/vit-l/projectA#production#2")
    with pytest.raises(DanglingError, match="the newest event of vit-l/projectA has no tag here"):
        stocked.assign(ONE, "production", push=True)
    assert undo(stocked) == ["vit-l/projectA#staging#1"]


def test_an_old_event_that_is_gone_everywhere_stops_nobody(stocked: Bench) -> None:
    stocked.assign(ONE, "staging", push=True)
    for folder in (stocked.work, stocked.remote):
        git(folder, "update-ref", "-d", f"refs/tags/{ONE}")
    assert writing.deprecate(stocked.repository, BASE).created
    done = writing.unassign(stocked.repository, A, "staging")
    assert not done.created


def test_a_stray_event_that_was_made_beside_the_remotes_is_taken_back(stocked: Bench) -> None:
    other = stocked.clone("bob")
    other.repository.fetch("origin", ["refs/gitcellar/*:refs/gitcellar/*"])
    stocked.assign(ONE, "staging", push=True)
    other.assign(ONE, "production")
    with pytest.raises(DivergedError) as caught:
        push_models(other.repository, "origin", [])
    assert caught.value.hint == "if they were never pushed, take them back and act again: gitcellar undo vit-l/projectA"
    assert undo(other) == ["vit-l/projectA#production#1"]
    assert other.assign(ONE, "production", push=True).tags == ("vit-l/projectA#production#2",)


# The command


def test_the_command_says_what_it_would_do_and_does_it_with_yes(
    stocked: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    stocked.assign(ONE, "staging")
    before = registry(stocked)
    tried = run_here(capfd, stocked.work, "undo", "--dry-run")
    assert (tried.status, tried.out) == (0, "vit-l/projectA#staging#1\n")
    assert tried.err == (
        "Asked: origin has none of these\nDry run: 1 tag would be taken back, and nothing was changed\n"
    )
    assert run_here(capfd, stocked.work, "undo").status == 2
    assert registry(stocked) == before
    done = run_here(capfd, stocked.work, "undo", "vit-l/projectA", "--yes", "--json")
    assert (done.status, json.loads(done.out)) == (
        0,
        {
            "schema": 1,
            "tags": ["vit-l/projectA#staging#1"],
            "models": ["vit-l/projectA"],
            "asked": ["origin"],
            "silent": [],
            "dry_run": False,
        },
    )
    assert read_cellar(stocked.repository)[A].stages == {}
    again = run_here(capfd, stocked.work, "undo", "--yes")
    assert (again.status, again.err) == (0, "Nothing to do: no tag that gitcellar wrote here is unpushed\n")


def test_the_command_says_where_the_remote_does_not_answer(stocked: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    stocked.assign(ONE, "staging")
    stocked.remote.rename(stocked.folder / "gone")
    tried = run_here(capfd, stocked.work, "undo", "--dry-run")
    assert tried.err.startswith(
        "Warning: origin does not answer, so this is what was never pushed as far as this clone"
    )


def test_the_command_says_which_remotes_there_are(stocked: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    stocked.git("remote", "add", "mirror", stocked.url)
    tried = run_here(capfd, stocked.work, "undo", "--dry-run", "--remote", "nowhere")
    assert (tried.status, tried.err) == (
        3,
        "Error: there is no remote 'nowhere'\nHint: there are: mirror, origin\n",
    )


def test_the_command_names_every_remote_that_it_asked(stocked: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    stocked.git("remote", "add", "mirror", stocked.url)
    stocked.assign(ONE, "staging")
    tried = run_here(capfd, stocked.work, "undo", "--dry-run")
    assert tried.err.startswith("Asked: mirror and origin have none of these\n")


def test_the_command_refuses_where_nothing_is_known_of_the_remote(
    stocked: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    clone = stocked.clone("bob")
    clone.git("remote", "set-url", "origin", "/nonexistent/x.git")
    tried = run_here(capfd, clone.work, "undo", "--yes")
    assert (tried.status, tried.out) == (4, "")
    assert "Hint: git ls-remote origin" in tried.err
