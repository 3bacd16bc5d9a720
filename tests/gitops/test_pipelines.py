"""What CI says of a change, and how it answers a tag that no server hook could refuse."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from gitcellar.cellar.guarding import guard
from gitcellar.cellar.reading import read_model
from gitcellar.cellar.writing import Options
from gitcellar.core.errors import InvalidError, NotFoundError
from gitcellar.core.names import ModelName
from gitcellar.gitops.pipelines import PIPELINES, read_pipeline
from gitcellar.store.environment import find_version
from tests.support.cellars import Bench, copy_bench, make_bench, tag
from tests.support.processes import git, run

CONTRACT = {"inputs": {"image": {"dtype": "float32", "shape": ["N", 3]}}, "outputs": {}}


@pytest.mark.parametrize("host", PIPELINES)
def test_a_workflow_is_written_once_and_never_over_somebodys_own(bench: Bench, host: str) -> None:
    written = bench.gitcellar("ci", "init", host)
    assert (written.status, written.out) == (0, f"{PIPELINES[host]}\n")
    assert bench.gitcellar("ci", "init", host).status == 0
    path = bench.work / PIPELINES[host]
    assert bench.gitcellar("ci", "init", host, "--print").out == path.read_text()
    path.write_text("mine\n")
    refused = bench.gitcellar("ci", "init", host)
    assert refused.status == 3
    assert "is there already, and says something else" in refused.err
    assert path.read_text() == "mine\n"


@pytest.mark.parametrize("host", PIPELINES)
def test_a_workflow_installs_the_version_that_wrote_it_and_no_other(bench: Bench, host: str) -> None:
    made = bench.gitcellar("ci", "init", host, "--print").out
    assert f"gitcellar=={find_version('gitcellar')}" in made
    installs = [line for line in made.splitlines() if "pip install" in line]
    assert installs
    assert all('"$GITCELLAR_INSTALL"' in line for line in installs)
    assert "@" not in made.partition("GITCELLAR_INSTALL")[2].partition("\n")[0]


@pytest.mark.parametrize("host", PIPELINES)
@pytest.mark.parametrize(
    ("spec", "warns"),
    [
        ("gitcellar[s3]==0.1.0", False),
        (f"gitcellar[s3] @ git+https://git.example.com/gitcellar.git@{'a' * 40}", False),
        ("gitcellar @ https://files.example.com/gitcellar-0.1.0.whl", True),
        ("gitcellar>=0.1", True),
        ("./gitcellar-0.1.0-py3-none-any.whl", True),
    ],
)
def test_another_source_is_installed_where_somebody_says_so(bench: Bench, host: str, spec: str, warns: bool) -> None:
    done = bench.gitcellar("ci", "init", host, "--install", spec, "--print")
    assert done.status == 0
    assert any(f"{quote}{spec}{quote}" in done.out for quote in "'\"")
    assert ("names no exact version" in done.err) is warns


@pytest.mark.parametrize(
    "spec",
    ["", "-r x", "--index-url=x", "a\nb", 'a"b', "a'b", "$(id)", "`id`", "${{ x }}", "a;b", "a\\b", "é", "x" * 501],
)
def test_a_source_that_a_script_could_obey_is_refused(spec: str) -> None:
    with pytest.raises(InvalidError, match="is nothing that pip installs"):
        read_pipeline("github", spec)


def test_a_pull_request_is_summed_up(bench: Bench) -> None:
    bench.declare("vit-l/base", "base 1", metrics={"accuracy": 0.9}, contract=CONTRACT)
    bench.git("push", "-q", "origin", "main")
    bench.register("vit-l/base", version="1.0", push=True)
    changed = {"inputs": {"image": {"dtype": "float32", "shape": ["N", 4]}}, "outputs": {}}
    bench.declare("vit-l/base", "base 2", metrics={"accuracy": 0.93}, contract=changed)
    (bench.work / "gitcellar.yaml").write_text(
        "stages:\n  production: {approvals: {count: 2, roles: {qa: 1}}}\nrequired: [owner]\npeople: {}\n"
    )
    done = bench.gitcellar("ci", "summary", "origin/main..HEAD")
    assert done.status == 0, done.err
    assert "### vit-l/base 1.0 → 2.0" in done.out
    assert "- X rises, for an application of 1.0 must change" in done.out
    assert "- **breaks** " in done.out
    assert "| accuracy | 0.93 | 0.9 | +0.03 |" in done.out
    (row,) = json.loads(bench.gitcellar("ci", "summary", "origin/main..HEAD", "--json").out)["models"]
    assert (row["latest"], row["following"]) == ("1.0", "2.0")
    assert bench.gitcellar("ci", "summary", "HEAD..HEAD").out.endswith(
        "No manifest entry, and nothing that one names.\n"
    )
    assert bench.gitcellar("ci", "summary", "HEAD").status == 3


def test_approvals_and_missing_fields_are_said_before_anybody_asks(bench: Bench) -> None:
    (bench.work / "gitcellar.yaml").write_text(
        "stages:\n  production: {approvals: {count: 2, roles: {qa: 1}}}\nrequired: [owner]\n"
        f"people:\n  a@x: {{roles: [qa], keys: [{KEYS[0]}]}}\n  b@x: {{keys: [{KEYS[1]}]}}\n"
    )
    bench.commit("a policy")
    bench.git("push", "-q", "origin", "main")
    bench.declare("vit-l/base", "base 1")
    said = bench.gitcellar("ci", "summary", "origin/main..HEAD").out
    assert "### vit-l/base new → 0.1" in said
    assert "- production will ask for 2 approvals (1 qa)" in said
    assert "- **missing** M003: " in said
    assert "**Not allowed as it is:**" in said


def outside_ci() -> dict[str, str]:
    """The environment of a machine that is no CI host's."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "GITLAB_", "CI"))}


KEYS = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKB83iRH2E+qguONqxsSQXW7+qoc4iXwMxxJ5mpA+udx",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHCxNZ97OP/XkWrLx1El8M688BazxYL78EfTcCi3Cr+h",
)


def test_what_a_stranger_wrote_is_no_markup_in_a_comment(bench: Bench) -> None:
    bench.declare("vit-l/base", "base 1", metrics={"<img src=x>@somebody|[a](b)": 1.0})
    said = bench.gitcellar("ci", "summary", "origin/main..HEAD").out
    assert "| `<img src=x>@somebody\\|[a](b)` | 1 |" in said


def test_a_version_that_should_not_be_is_withdrawn(stocked: Bench) -> None:
    stocked.git("tag", "-a", "-m", "mine", "vit-l/base@1.7", "HEAD")
    stocked.git("push", "-q", "origin", "vit-l/base@1.7")
    env = {**outside_ci(), "GITLAB_CI": "true", "CI_COMMIT_TAG": "vit-l/base@1.7"}
    done = stocked.gitcellar("ci", "guard", "--push", "--json", env=env)
    assert done.status == 1
    document = json.loads(done.out)
    assert document["answer"] == ["vit-l/base@1.7!#1"]
    assert git(stocked.remote, "tag", "-l", "vit-l/base@1.7!*") == "vit-l/base@1.7!#1"
    assert "breaks the policy: V003" in git(stocked.remote, "tag", "-l", "--format=%(contents)", "vit-l/base@1.7!*")
    again = stocked.gitcellar("ci", "guard", "--push", "--json", env=env)
    assert (again.status, json.loads(again.out)["answer"]) == (1, [])


@pytest.mark.parametrize(
    ("settings", "tagger"),
    [
        ({}, "gitcellar guard <guard@gitcellar.invalid>"),
        ({"GITCELLAR_IDENTITY": "Model guard <guard@example.com>"}, "Model guard <guard@example.com>"),
    ],
    ids=["its own", "as set"],
)
def test_the_guard_needs_no_git_identity(stocked: Bench, settings: dict[str, str], tagger: str) -> None:
    stocked.git("tag", "-a", "-m", "mine", "vit-l/base@1.7", "HEAD")
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(stocked.folder)}
    done = stocked.gitcellar("ci", "guard", "vit-l/base@1.7", "--json", env=outside_ci() | nobody | settings)
    assert (done.status, json.loads(done.out)["answer"]) == (1, ["vit-l/base@1.7!#1"])
    said = stocked.git("tag", "-l", "--format=%(taggername) %(taggeremail)%0a%(contents:body)", "vit-l/base@1.7!#1")
    assert said.startswith(f"{tagger}\nWritten by gitcellar ci guard. vit-l/base@1.7 breaks the policy: V003: ")


@pytest.mark.parametrize("text", ["", "guard", "guard <>", "<a@b>", "a\nb <a@b>", "a <b> <c@d>", "a <b\n@c>"])
def test_what_is_no_identity_is_refused(stocked: Bench, text: str) -> None:
    done = stocked.gitcellar("ci", "guard", "vit-l/base@1.0", "--identity", text, env=outside_ci())
    assert (done.status, "is no identity" in done.err) == (3, True)


def test_a_stage_gets_back_what_it_held(stocked: Bench) -> None:
    stocked.declare("vit-l/base", "base 2")
    stocked.git("push", "-q", "origin", "main")
    stocked.register("vit-l/base", push=True)
    stocked.assign("vit-l/base@1.0", "production", push=True)
    for number, answer in ((9, "vit-l/base#production#10"), (19, "vit-l/base#production#20")):
        name = f"vit-l/base#production#{number}"
        stocked.git("tag", "-a", "-m", "mine", name, "vit-l/base@1.1^{}")
        stocked.git("push", "-q", "origin", name)
        done = stocked.gitcellar("ci", "guard", f"refs/tags/{name}", "--push", "--json", env=outside_ci())
        assert (done.status, json.loads(done.out)["answer"]) == (1, [answer])
    assert stocked.gitcellar("resolve", "vit-l/base#production").out.startswith("vit-l/base@1.0\t")


def test_a_stage_that_held_nothing_is_emptied(stocked: Bench) -> None:
    stocked.git("tag", "-a", "-m", "mine", "vit-l/base#production#9", "vit-l/base@1.0^{}")
    done = stocked.gitcellar("ci", "guard", "vit-l/base#production#9", "--json", env=outside_ci())
    assert (done.status, json.loads(done.out)["answer"]) == (1, ["vit-l/base#production!#10"])


def test_what_is_allowed_or_no_tag_of_the_registry_is_left_alone(stocked: Bench) -> None:
    allowed = stocked.gitcellar("ci", "guard", "vit-l/base@1.0", env=outside_ci())
    assert (allowed.status, allowed.err) == (0, "Allowed: the policy has nothing against vit-l/base@1.0\n")
    assert stocked.gitcellar("ci", "guard", "v1.0", "--push", env=outside_ci()).status == 0
    assert stocked.gitcellar("ci", "guard", env=outside_ci()).status == 3


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """vit-l/base@1.0, in staging and then in production, @1.1, which nobody uses, and a new commit without a version."""
    bench = make_bench(tmp_path_factory.mktemp("living") / "cellar")
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base", version="1.0")
    bench.assign("vit-l/base@1.0", "staging")
    bench.declare("vit-l/base", "base 2")
    bench.register("vit-l/base")
    bench.assign("vit-l/base@1.0", "production")
    bench.commit("no version")
    bench.git("push", "-q", "--all", "origin")
    return bench


# The tag, where it stands, and why nothing answers it.
LEFT = {
    "a live version in another spelling": (
        "vit-l/base@1.0.0",
        "HEAD",
        "its version is registered without it, by vit-l/base@1.0",
    ),
    "a live version with a counter": (
        "vit-l/base@1.0#9",
        "HEAD",
        "its version is registered without it, by vit-l/base@1.0",
    ),
    "a version at the commit of one that is live": (
        "vit-l/base@1.7",
        "vit-l/base@1.0^{}",
        "1.0 is registered at the same commit, and would go with it",
    ),
    "the same version in the same stage": (
        "vit-l/base#production#9",
        "vit-l/base@1.0^{}",
        "production holds the same with and without it",
    ),
    "one of two with the same counter": (
        "vit-l/base#staging#2",
        "vit-l/base@1.1^{}",
        "vit-l/base#production#2 has the counter 2 too, and nothing says which of them came first",
    ),
    "an event before the one that counts": (
        "vit-l/base#production",
        "vit-l/base@1.1^{}",
        "production holds the same with and without it",
    ),
    "an assignment of nothing": (
        "vit-l/base#canary#9",
        "HEAD",
        "canary holds the same with and without it",
    ),
    "a withdrawal": ("vit-l/base@1.0!#9", "vit-l/base@1.0^{}", "no tag takes back that 1.0 was withdrawn"),
    "a deprecation": ("vit-l/base@deprecated#9", "HEAD", "no tag takes back that vit-l/base was deprecated"),
    "a claim": (
        "vit-l/base@1.0=approved.production#9",
        "vit-l/base@1.0^{}",
        "a claim that breaks the policy counts for nothing",
    ),
}


@pytest.mark.parametrize(("name", "target", "why"), LEFT.values(), ids=LEFT)
def test_what_was_there_before_a_bad_tag_is_never_taken_back(living: Bench, name: str, target: str, why: str) -> None:
    before = living.git("tag", "-l")
    tag(living, name, target)
    try:
        found = guard(living.repository, name, Options())
        assert not found.verdict.ok
        assert (found.answer, found.left) == (None, why)
        assert {*living.git("tag", "-l").split()} == {*before.split(), name}
    finally:
        living.git("tag", "-d", name)


def test_a_tag_that_this_clone_does_not_have_is_not_allowed(living: Bench) -> None:
    with pytest.raises(NotFoundError, match="there is no tag 'vit-l/base@1.7' here"):
        guard(living.repository, "vit-l/base@1.7", Options())


def test_only_the_stage_that_a_bad_tag_changed_changes_back(living: Bench, tmp_path: Path) -> None:
    living = copy_bench(living, tmp_path / "copy")
    before = read_model(living.repository, ModelName("vit-l/base"))
    tag(living, "vit-l/base#production#9", "vit-l/base@1.1^{}")
    answer = guard(living.repository, "vit-l/base#production#9", Options()).answer
    assert answer is not None
    after = read_model(living.repository, ModelName("vit-l/base"))
    assert {name: held.version for name, held in after.stages.items()} == {
        name: held.version for name, held in before.stages.items()
    }
    assert after.withdrawn == before.withdrawn


def test_a_stage_that_a_bad_tag_emptied_holds_again_what_it_held(living: Bench, tmp_path: Path) -> None:
    living = copy_bench(living, tmp_path / "copy")
    tag(living, "vit-l/base#production!#9", "vit-l/base@1.0^{}")
    answer = guard(living.repository, "vit-l/base#production!#9", Options()).answer
    assert answer is not None
    assert answer.tags == ("vit-l/base#production#10",)


def test_a_bad_tag_that_is_another_one_on_the_remote_is_not_answered(stocked: Bench) -> None:
    tag(stocked, "vit-l/base@1.7")
    stocked.git("push", "-q", "origin", "vit-l/base@1.7")
    git(stocked.remote, "tag", "-d", "vit-l/base@1.7")
    git(stocked.remote, "-c", "user.name=x", "-c", "user.email=x", "tag", "-a", "-m", "y", "vit-l/base@1.7", "main")
    refused = stocked.gitcellar("ci", "guard", "vit-l/base@1.7", "--push", env=outside_ci())
    assert (refused.status, "are not the same history" in refused.err) == (1, True)
    assert git(stocked.remote, "tag", "-l", "vit-l/base@1.7!*") == ""


def test_what_nothing_takes_back_is_told_and_refused(stocked: Bench) -> None:
    tag(stocked, "vit-l/base@1.0.0")
    told = stocked.gitcellar("ci", "guard", "vit-l/base@1.0.0", "--push", env=outside_ci())
    assert told.status == 1
    assert (
        "Warning: vit-l/base@1.0.0 is not taken back: its version is registered without it, by vit-l/base@1.0\n"
        in told.err
    )
    document = json.loads(stocked.gitcellar("ci", "guard", "vit-l/base@1.0.0", "--json", env=outside_ci()).out)
    assert (document["answer"], document["left"]) == ([], "its version is registered without it, by vit-l/base@1.0")


LOCAL = shutil.which("gitlab-ci-local")


@pytest.mark.skipif(LOCAL is None or shutil.which("rsync") is None, reason="npm install -g gitlab-ci-local; rsync")
@pytest.mark.parametrize("tag", ["vit-l/base@1.0", "vit-l/base#production#1", "vit-l/base@1.0=evaluated.x#2"])
def test_the_gitlab_file_runs(stocked: Bench, tag: str) -> None:
    assert stocked.gitcellar("ci", "init", "gitlab").status == 0
    stocked.commit("ci")
    stocked.git("push", "-q", "origin", "main")
    stocked.assign("vit-l/base@1.0", "production", push=True)
    stocked.gitcellar("claim", "vit-l/base@1.0", "evaluated.x", "--metric", "a=1", "--push")
    words = ["--force-shell-executor", "--variable", f"CI_COMMIT_TAG={tag}", "--variable", "GITLAB_CI=true"]
    done = run(stocked.work, str(LOCAL), *words, env={**outside_ci(), "HOME": str(stocked.folder)})
    assert done.status == 0, done.out + done.err
    assert "PASS" in done.out


def test_the_server_hooks_and_ci_say_the_same(stocked: Bench) -> None:
    """One judge: what pre-receive refuses is what the guard takes back."""
    stocked.git("tag", "-a", "-m", "mine", "vit-l/base@1.7", "HEAD")
    assert stocked.gitcellar("hook", "install", "--server", "-C", str(stocked.remote)).status == 0
    pushed = run(stocked.work, "git", "push", "origin", "vit-l/base@1.7")
    judged = stocked.gitcellar("ci", "guard", "vit-l/base@1.7", "--dry-run", "--json", env=outside_ci())
    for violation in json.loads(judged.out)["violations"]:
        assert violation.split(":")[0] in pushed.err
