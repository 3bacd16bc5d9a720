"""What an act writes, and that it writes all of it or nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from gitcellar.cellar import writing
from gitcellar.cellar.fetching import DivergedError
from gitcellar.cellar.moving import fetch_checkpoints, push_models
from gitcellar.cellar.reading import read_cellar, read_state
from gitcellar.cellar.undoing import carry_out, plan_undo
from gitcellar.core.chain import read_links, walk_back
from gitcellar.core.errors import CellarError, InvalidError, NotFoundError
from gitcellar.core.names import ModelName
from gitcellar.core.references import parse_reference
from gitcellar.core.tags import model_patterns, tip_ref
from gitcellar.policy.judge import RefusedError
from gitcellar.store.git import GitRepository
from gitcellar.store.git_errors import GitError
from tests.support.cellars import ANY_WAY, Bench, make_bench, tag
from tests.support.processes import git

A = ModelName("vit-l/projectA")


def refs(bench: Bench) -> str:
    return bench.git("for-each-ref")


def chain(bench: Bench, model: ModelName = A) -> list[str]:
    """The tags of the chain from the tip back, newest first."""
    details = bench.repository.read_details(model_patterns(model))
    names = {object_id: name for name, (object_id, _) in details.items()}
    links = read_links({object_id: found.message for object_id, found in details.values()})
    tip = bench.repository.find_refs([tip_ref(model)])[tip_ref(model)]
    return [names[object_id] for object_id in walk_back(tip, links)]


def test_a_registration_says_everything_in_its_message(stocked: Bench) -> None:
    text = stocked.git("cat-file", "tag", "vit-l/projectA@1.0.1")
    base = stocked.git("rev-parse", "refs/tags/vit-l/base@1.0")
    digest = hashlib.sha256(b"A 1").hexdigest()
    assert text.split("\n\n", 1)[1] == (
        "Register vit-l/projectA 1.0.1\n\n"
        "Cellar-Format: 1\nModel: vit-l/projectA\nVersion: 1.0.1\n"
        f"Base: vit-l/base@1.0 {base}\nCheckpoint: sha256:{digest} 3 bytes"
    )


def test_every_event_names_the_one_before_and_the_tip_names_the_last(stocked: Bench) -> None:
    stocked.assign("vit-l/projectA@1.0.1", "staging", message="Why: it is good.")
    stocked.assign("vit-l/projectA@1.0.1", "production")
    assert chain(stocked) == ["vit-l/projectA#production#2", "vit-l/projectA#staging#1", "vit-l/projectA@1.0.1"]
    text = stocked.git("cat-file", "tag", "vit-l/projectA#staging#1")
    assert text.endswith(f"Stage: staging\nPrevious: {stocked.git('rev-parse', 'refs/tags/vit-l/projectA@1.0.1')}")
    assert "\n\nWhy: it is good.\n\n" in text


def test_tagger_dates_rise_strictly_within_a_model(stocked: Bench) -> None:
    for stage in ("staging", "production", "archived"):
        stocked.assign("vit-l/projectA@1.0.1", stage)
    pattern = "refs/tags/vit-l/projectA*"
    dates = stocked.git("for-each-ref", "--sort=taggerdate", "--format=%(taggerdate:unix) %(refname:short)", pattern)
    seconds = [int(line.split()[0]) for line in dates.splitlines()]
    assert seconds == sorted(set(seconds))
    assert [line.split()[1] for line in dates.splitlines()][::-1] == chain(stocked)


def test_a_date_in_the_future_is_passed_by_a_second(stocked: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "@4000000000 +0000")
    stocked.assign("vit-l/projectA@1.0.1", "staging")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "@1000000000 +0000")
    stocked.assign("vit-l/projectA@1.0.1", "production")
    tagger = stocked.git("cat-file", "tag", "vit-l/projectA#production#2").splitlines()[3]
    assert tagger == "tagger Ann <ann@example.com> 4000000001 +0000"


def test_a_folders_digest_can_be_checked_without_gitcellar(bench: Bench) -> None:
    bench.declare("vit-l/base", {"b.bin": "2", "sub/a.bin": "1"})
    outcome = bench.register("vit-l/base")
    lines = "".join(f"{hashlib.sha256(t.encode()).hexdigest()}  {n}\n" for n, t in (("b.bin", "2"), ("sub/a.bin", "1")))
    assert outcome.checkpoint is not None
    assert (outcome.checkpoint.sha256, outcome.checkpoint.size) == (hashlib.sha256(lines.encode()).hexdigest(), 2)


def test_a_dry_run_writes_nothing(stocked: Bench) -> None:
    before = refs(stocked)
    outcome = stocked.assign("vit-l/projectA@1.0.1", "production", dry_run=True, push=True)
    assert (outcome.tags, outcome.created) == (("vit-l/projectA#production#1",), False)
    assert refs(stocked) == before


def test_what_is_so_already_is_success_and_writes_nothing(stocked: Bench) -> None:
    stocked.assign("vit-l/projectA@1.0.1", "production")
    before = refs(stocked)
    again = stocked.assign("vit-l/projectA@1.0.1", "production")
    assert (again.tags, again.created) == (("vit-l/projectA#production#1",), False)
    assert stocked.register("vit-l/projectA").tags == ("vit-l/projectA@1.0.1",)
    assert refs(stocked) == before


def test_a_refusal_writes_nothing(stocked: Bench) -> None:
    before = refs(stocked)
    with pytest.raises(RefusedError):
        stocked.register("vit-l/projectA", version="1.0.3")
    with pytest.raises(RefusedError):
        stocked.assign("vit-l/projectA@1.0.1", "prodction")
    assert refs(stocked) == before


def test_the_same_weights_are_not_a_new_version(stocked: Bench) -> None:
    stocked.commit("nothing new")
    with pytest.raises(RefusedError, match="1.0.1 has the very same checkpoint"):
        stocked.register("vit-l/projectA")


def test_every_act_has_its_tag(stocked: Bench) -> None:
    repository = stocked.repository
    stocked.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    stocked.register("vit-l/projectA")
    stocked.assign("vit-l/projectA@1.0.1", "production")
    stocked.assign("vit-l/projectA@latest", "production")
    assert writing.rollback(repository, A, "production").tags == ("vit-l/projectA#production#3",)
    assert writing.unassign(repository, A, "production").tags == ("vit-l/projectA#production!#4",)
    assert writing.withdraw(repository, parse_reference("vit-l/projectA@1.0.2")).tags == ("vit-l/projectA@1.0.2!#5",)
    assert writing.deprecate(repository, A).tags == ("vit-l/projectA@deprecated#6",)
    assert len(chain(stocked)) == 8
    assert read_state(repository, A).anomalies == []


# What is registered is what is committed


def test_uncommitted_changes_are_refused_unless_the_commit_is_named(stocked: Bench) -> None:
    commit = stocked.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    (stocked.work / "artifacts.yaml").write_text("# changed\n" + (stocked.work / "artifacts.yaml").read_text())
    with pytest.raises(NotFoundError, match=r"artifacts.yaml differs from what is committed"):
        stocked.register("vit-l/projectA")
    outcome = writing.register(stocked.repository, A, revision=commit)
    assert outcome.tags == ("vit-l/projectA@1.0.2",)


def test_weights_that_dvc_has_not_seen_are_refused(stocked: Bench) -> None:
    stocked.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    (stocked.work / "models/vit-l-projectA").write_text("A 3")
    with pytest.raises(NotFoundError, match="models/vit-l-projectA is not what"):
        stocked.register("vit-l/projectA")


def test_unrelated_changes_do_not_matter(stocked: Bench) -> None:
    stocked.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    (stocked.work / "notes.txt").write_text("notes")
    assert stocked.register("vit-l/projectA").created


def test_a_detached_head_can_be_registered(stocked: Bench) -> None:
    stocked.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    stocked.git("checkout", "-q", "--detach")
    assert stocked.register("vit-l/projectA").tags == ("vit-l/projectA@1.0.2",)


def test_a_damaged_cache_is_not_registered(bench: Bench) -> None:
    commit = bench.declare("vit-l/base", "base 1")
    (cached,) = [path for path in (bench.work / ".dvc/cache/files").rglob("*") if path.is_file()]
    cached.chmod(0o644)
    cached.write_text("changed")
    with pytest.raises(CellarError, match="not what its tracking file says"):
        writing.register(bench.repository, ModelName("vit-l/base"), revision=commit)


def test_a_checkpoint_that_is_nowhere_is_not_registered(bench: Bench) -> None:
    commit = bench.declare("vit-l/base", "base 1")
    (cached,) = [path for path in (bench.work / ".dvc/cache/files").rglob("*") if path.is_file()]
    cached.unlink()
    with pytest.raises(CellarError, match="neither in the DVC cache nor on its remote"):
        writing.register(bench.repository, ModelName("vit-l/base"), revision=commit)


# Names that Git or another machine cannot hold


def test_a_name_that_differs_in_case_alone_is_refused(stocked: Bench) -> None:
    stocked.declare("Vit-L/base", "other")
    with pytest.raises(RefusedError, match="N001"):
        stocked.register("Vit-L/base")


def test_a_model_whose_folder_is_taken_by_a_tag_is_refused(bench: Bench) -> None:
    tag(bench, "vit-l")
    bench.declare("vit-l/base", "base")
    with pytest.raises(RefusedError, match="N002 vit-l/base: the tag 'vit-l' stands where"):
        bench.register("vit-l/base")


def test_a_branch_with_a_tags_name_changes_nothing(stocked: Bench) -> None:
    stocked.git("branch", "vit-l/projectA@1.0.1", "HEAD~1")
    stocked.assign("vit-l/projectA@1.0.1", "production")
    assert stocked.git("rev-parse", "refs/tags/vit-l/projectA#production#1^{commit}") == stocked.git(
        "rev-parse", "HEAD"
    )


# The policy that judges


def test_the_policy_comes_from_the_protected_branch_and_not_from_the_change(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "cellar", policy="stages: [live]\n")
    bench.declare("vit-l/base", "base 1")
    (bench.work / "gitcellar.yaml").write_text("stages: [live, mine]\n")
    bench.commit("loosen the rules")
    bench.register("vit-l/base")
    with pytest.raises(RefusedError, match="'mine' is none of the policy's stages: live"):
        bench.assign("vit-l/base@latest", "mine")
    bench.git("push", "-q", "origin", "main")
    assert bench.assign("vit-l/base@latest", "mine").created


def test_a_policy_that_does_not_parse_judges_nothing(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "cellar", policy="stages: {\n")
    with pytest.raises(InvalidError, match=r"gitcellar.yaml:2:1: not YAML"):
        bench.assign("vit-l/base@1.0", "production")


# Pushing


def remote_tags(bench: Bench) -> list[str]:
    return git(bench.remote, "tag").splitlines()


def test_a_pushed_act_is_on_the_remote_with_its_tip_and_its_weights(stocked: Bench) -> None:
    outcome = stocked.assign("vit-l/projectA@1.0.1", "production", push=True)
    assert outcome.pushed
    assert remote_tags(stocked) == ["vit-l/base@1.0", "vit-l/projectA#production#1", "vit-l/projectA@1.0.1"]
    tip = git(stocked.remote, "rev-parse", tip_ref(A))
    assert tip == git(stocked.remote, "rev-parse", "refs/tags/vit-l/projectA#production#1")
    assert len([path for path in stocked.storage.rglob("*") if path.is_file()]) == 2


def test_pushing_an_act_takes_along_what_its_model_had_unpushed(bench: Bench) -> None:
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base")
    bench.declare("vit-l/projectA", "A 1", base="vit-l/base@0.1")
    for stage in ("staging", "production", "archived"):
        bench.register("vit-l/projectA")
        bench.assign("vit-l/projectA@latest", stage)
    bench.assign("vit-l/projectA@latest", "staging", push=True)
    assert remote_tags(bench) == [
        "vit-l/base@0.1",
        "vit-l/projectA#archived#3",
        "vit-l/projectA#production#2",
        "vit-l/projectA#staging#1",
        "vit-l/projectA#staging#4",
        "vit-l/projectA@0.1.1",
    ]


def install_hook(bench: Bench, script: str) -> None:
    hook = bench.remote / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


def test_a_push_that_is_refused_leaves_no_tag_behind(stocked: Bench) -> None:
    install_hook(stocked, "echo no thanks >&2; exit 1")
    before = refs(stocked)
    with pytest.raises(GitError, match="origin refused the push: .*pre-receive hook declined"):
        stocked.assign("vit-l/projectA@1.0.1", "production", push=True)
    assert refs(stocked) == before
    assert "vit-l/projectA#production#1" not in remote_tags(stocked)


def test_no_push_carries_more_than_three_tags(bench: Bench) -> None:
    install_hook(bench, 'test "$(grep -c refs/tags/)" -le 3')
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base")
    for stage in ("staging", "production", "archived"):
        bench.assign("vit-l/base@0.1", stage)
    moved = push_models(bench.repository, "origin", [])
    assert len(moved.tags) == 4
    assert len(remote_tags(bench)) == 4


def test_a_remote_that_is_gone_is_told_and_nothing_is_written(stocked: Bench) -> None:
    stocked.remote.rename(stocked.folder / "gone")
    before = refs(stocked)
    with pytest.raises(GitError, match="there is no git repository at origin"):
        stocked.assign("vit-l/projectA@1.0.1", "production", push=True)
    assert refs(stocked) == before


def test_the_loser_of_a_race_counts_anew(stocked: Bench) -> None:
    other = stocked.clone("bob")
    stocked.assign("vit-l/projectA@1.0.1", "staging", push=True)
    outcome = other.assign("vit-l/projectA@1.0.1", "production", push=True)
    assert outcome.tags == ("vit-l/projectA#production#2",)
    assert chain(other) == ["vit-l/projectA#production#2", "vit-l/projectA#staging#1", "vit-l/projectA@1.0.1"]


def test_clones_that_act_at_once_all_land_and_no_counter_is_used_twice(stocked: Bench) -> None:
    clones = [stocked.clone(f"clone{number}") for number in range(5)]
    stages = ["staging", "production", "staging", "production", "staging"]
    failures: list[BaseException] = []

    def act(clone: Bench, stage: str) -> None:
        try:
            clone.assign("vit-l/projectA@1.0.1", stage, push=True)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=act, args=pair) for pair in zip(clones, stages, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    fresh = stocked.clone("fresh")
    state = read_state(fresh.repository, A)
    counters = sorted(event.fact.counter for event in state.events if event.fact.counter)
    # Whoever came second to a stage found it so already: two stages, two events.
    assert counters == [1, 2]
    assert set(state.stages) == {"staging", "production"}


def test_a_lost_acknowledgement_is_recognised_as_success(stocked: Bench) -> None:
    hook = stocked.remote / "hooks/post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nkill -9 $PPID\n")
    hook.chmod(0o755)
    outcome = stocked.assign("vit-l/projectA@1.0.1", "production", push=True)
    assert outcome.pushed
    assert stocked.git("rev-parse", "refs/tags/vit-l/projectA#production#1") == git(
        stocked.remote, "rev-parse", "refs/tags/vit-l/projectA#production#1"
    )


def test_tags_that_were_made_in_two_places_are_told_apart(stocked: Bench) -> None:
    other = stocked.clone("bob")
    other.repository.fetch("origin", ["refs/gitcellar/*:refs/gitcellar/*"])
    stocked.assign("vit-l/projectA@1.0.1", "staging", push=True)
    other.assign("vit-l/projectA@1.0.1", "production")
    with pytest.raises(DivergedError) as caught:
        push_models(other.repository, "origin", [])
    assert caught.value.message == "vit-l/projectA#production#1: here and on origin are not the same history"
    assert caught.value.hint is not None
    assert caught.value.hint.endswith(": gitcellar undo vit-l/projectA")
    carry_out(other.repository, plan_undo(other.repository, A))
    assert other.assign("vit-l/projectA@1.0.1", "production", push=True).tags == ("vit-l/projectA#production#2",)


def test_without_coordination_the_chain_alone_remains(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "cellar", policy=f"coordination: off\n{ANY_WAY}")
    install_hook(bench, "! grep -q refs/gitcellar/")
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base", push=True)
    bench.assign("vit-l/base@0.1", "staging", push=True)
    assert remote_tags(bench) == ["vit-l/base#staging#1", "vit-l/base@0.1"]
    assert f"Previous: {bench.git('rev-parse', 'refs/tags/vit-l/base@0.1')}" in bench.git(
        "cat-file", "tag", "vit-l/base#staging#1"
    )


def test_hidden_variables_of_a_hook_do_not_lead_astray(stocked: Bench, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    git(elsewhere, "init", "-q")
    environment = {**os.environ, "GIT_DIR": str(elsewhere / ".git")}
    shown = stocked.gitcellar("show", "--repo", str(stocked.work), "--plain", env=environment)
    assert shown.out.startswith("vit-l/base\t1.0\t")


def test_foreign_tags_are_counted_on_and_named(stocked: Bench) -> None:
    tag(stocked, "vit-l/projectA#staging#7")
    outcome = stocked.assign("vit-l/projectA@1.0.1", "production")
    assert outcome.tags == ("vit-l/projectA#production#8",)
    assert read_cellar(stocked.repository)[A].anomalies == []


def test_a_version_without_its_weights_is_not_pushed(stocked: Bench) -> None:
    stocked.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    stocked.register("vit-l/projectA")
    for path in (stocked.work / ".dvc/cache/files").rglob("*"):
        if path.is_file() and path.read_text() == "A 2":
            path.unlink()
    with pytest.raises(CellarError, match="models/vit-l-projectA is neither in the DVC cache nor on its remote"):
        push_models(stocked.repository, "origin", [])
    assert "vit-l/projectA@1.0.2" not in remote_tags(stocked)


@pytest.mark.parametrize("content", ["B 1", {"a": "1", "b": "2"}], ids=["file", "folder"])
def test_a_fetch_of_weights_that_are_nowhere_is_told(stocked: Bench, content: str | dict[str, str]) -> None:
    commit = stocked.declare("vit-l/projectB", content, base="vit-l/base@1.0")
    stocked.register("vit-l/projectB", push=True)
    shutil.rmtree(stocked.storage)
    shutil.rmtree(stocked.work / ".dvc/cache")
    with pytest.raises(CellarError, match="models/vit-l-projectB is neither"):
        fetch_checkpoints(stocked.repository, [(ModelName("vit-l/projectB"), commit)])


def test_a_dry_run_of_a_push_tells_what_it_would_push(stocked: Bench) -> None:
    stocked.assign("vit-l/projectA@1.0.1", "production")
    done = stocked.gitcellar("push", "--dry-run")
    assert (done.status, done.out, done.err) == (0, "vit-l/projectA#production#1\n", "Would move: 1 tags to origin\n")
    assert "vit-l/projectA#production#1" not in remote_tags(stocked)


def test_tags_that_git_alone_wrote_are_pushed_too(stocked: Bench) -> None:
    stocked.commit("more")
    tag(stocked, "vit-l/base@1.1")
    stocked.assign("vit-l/projectA@1.0.1", "production")
    assert push_models(stocked.repository, "origin", []).tags == (
        "vit-l/base@1.1",
        "vit-l/projectA#production#1",
    )


def test_a_moved_tag_that_is_nobodys_business_stops_no_fetch(stocked: Bench) -> None:
    other = stocked.clone("bob")
    tag(stocked, "nightly")
    stocked.git("push", "-q", "origin", "nightly")
    tag(other, "nightly")
    stocked.assign("vit-l/projectA@1.0.1", "production", push=True)
    done = other.gitcellar("fetch")
    assert (done.status, done.out) == (0, "vit-l/projectA#production#1\n")


def test_a_registry_tag_that_was_moved_on_the_remote_is_told(stocked: Bench) -> None:
    other = stocked.clone("bob")
    tag(other, "vit-l/projectB@1.0.1")
    tag(stocked, "vit-l/projectB@1.0.1", "HEAD~1")
    stocked.git("push", "-q", "origin", "vit-l/projectB@1.0.1")
    done = other.gitcellar("fetch")
    assert done.status == 1
    assert done.err.startswith("Error: vit-l/projectB@1.0.1: here and on origin are not the same history\n")


@pytest.mark.parametrize("push", [False, True], ids=["here", "on the remote"])
def test_who_writes_between_anothers_plan_and_its_tags_is_not_forked_off(
    stocked: Bench, monkeypatch: pytest.MonkeyPatch, push: bool
) -> None:
    write_tag = GitRepository.write_tag

    def interrupted(self: GitRepository, *args: Any, **options: Any) -> str:
        monkeypatch.setattr(GitRepository, "write_tag", write_tag)
        stocked.assign("vit-l/projectA@1.0.1", "staging", push=push)
        return write_tag(self, *args, **options)

    monkeypatch.setattr(GitRepository, "write_tag", interrupted)
    outcome = stocked.assign("vit-l/projectA@1.0.1", "production", push=push)
    assert outcome.tags == ("vit-l/projectA#production#2",)
    assert chain(stocked) == ["vit-l/projectA#production#2", "vit-l/projectA#staging#1", "vit-l/projectA@1.0.1"]
    assert read_state(stocked.repository, A).anomalies == []
