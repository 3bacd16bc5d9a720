"""Pushes and commits through git itself, with our hooks in the way: what plain git, GTO and attackers try."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitcellar.core.shims import HOOKS, format_shim
from gitcellar.store.git import GitRepository
from tests.support.cellars import Bench, make_bench, tag
from tests.support.processes import Result, git, run

ROOT = Path(__file__).parents[2]
HERE = "refs/tags/vit-l/base@1.1"


def push(bench: Bench, *refs: str, options: tuple[str, ...] = ()) -> Result:
    return run(bench.work, "git", "push", *options, "origin", *refs)


def reasons(result: Result) -> list[str]:
    """The rules that a refusal names, whoever said it."""
    lines = [line.removeprefix("remote: ").strip() for line in result.err.splitlines()]
    return [line.removeprefix("Refused: ").split(":")[0] for line in lines if line.startswith("Refused: ")]


def train(bench: Bench, content: str = "base 2") -> str:
    """A next version of the base model, committed, pushed, and its weights with it."""
    commit = bench.declare("vit-l/base", content)
    bench.git("push", "-q", "--no-verify", "origin", "main")
    assert run(bench.work, "dvc", "push", "-q").status == 0
    return commit


def raw_tag(bench: Bench, content: str) -> str:
    """Store a tag object that git tag would not write."""
    words = ["git", "hash-object", "-t", "tag", "-w", "--literally", "--stdin"]
    return (
        subprocess.run(words, cwd=bench.work, input=content.encode(), capture_output=True, check=True)
        .stdout.decode()
        .strip()
    )


# What is allowed passes, and says nothing


def test_gitcellars_own_acts_pass_every_door(guarded: Bench) -> None:
    guarded.declare("vit-l/projectA", "A 1", base="vit-l/base@1.0")
    for words in (
        ("register", "vit-l/projectA"),
        ("assign", "vit-l/projectA@1.0.1", "staging"),
        ("assign", "vit-l/projectA@1.0.1", "production"),
        ("unassign", "vit-l/projectA", "production"),
        ("withdraw", "vit-l/projectA@1.0.1"),
        ("deprecate", "vit-l/projectA"),
    ):
        done = guarded.gitcellar(*words, "--push")
        assert (done.status, reasons(done)) == (0, []), done.err


def test_an_allowed_push_by_git_alone_is_silent(guarded: Bench) -> None:
    train(guarded)
    tag(guarded, "vit-l/base@1.1")
    pushed = push(guarded, "vit-l/base@1.1", options=("-q",))
    assert (pushed.status, pushed.out, pushed.err) == (0, "", "")
    tag(guarded, "vit-l/base#staging#1", "vit-l/base@1.1^{}")
    pushed = push(guarded, "vit-l/base#staging#1", options=("-q",))
    assert (pushed.status, pushed.err) == (0, "")


def test_what_gto_writes_is_judged_as_ours_is(guarded: Bench) -> None:
    (guarded.work / "gitcellar.yaml").write_text("dialect: gto\n")
    guarded.commit("speak gto")
    guarded.git("push", "-q", "origin", "main")
    train(guarded)
    env = os.environ | {f"GIT_{who}_{what}": "ann" for who in ("COMMITTER", "AUTHOR") for what in ("NAME", "EMAIL")}
    assert run(guarded.work, "gto", "register", "vit-l/base", "--version", "v1.1.0", env=env).status == 0
    assert push(guarded, "vit-l/base@v1.1.0").status == 0
    assert (
        run(guarded.work, "gto", "assign", "vit-l/base", "--version", "v1.1.0", "--stage", "staging", env=env).status
        == 0
    )
    assert push(guarded, "vit-l/base#staging#1").status == 0
    train(guarded, "base 3")
    assert run(guarded.work, "gto", "register", "vit-l/base", "--version", "v1.3.0", env=env).status == 0
    assert reasons(push(guarded, "vit-l/base@v1.3.0", options=("--no-verify",))) == ["V003 vit-l/base@v1.3.0"]


def test_tags_that_are_none_of_ours_pass(guarded: Bench) -> None:
    tag(guarded, "november")
    guarded.git("tag", "light")
    guarded.git("branch", "vit-l/base")
    assert push(guarded, "november", "light", "refs/heads/vit-l/base").status == 0
    assert push(guarded, ":november").status == 0


# What breaks the policy is refused, here and there


def gap(bench: Bench) -> list[str]:
    tag(bench, "vit-l/base@1.3")
    return ["vit-l/base@1.3"]


def lightweight(bench: Bench) -> list[str]:
    bench.git("tag", "vit-l/base@1.1")
    return ["vit-l/base@1.1"]


def of_a_tree(bench: Bench) -> list[str]:
    tag(bench, "vit-l/base@1.1", "HEAD^{tree}")
    return ["vit-l/base@1.1"]


def of_a_tag(bench: Bench) -> list[str]:
    tag(bench, "other")
    tag(bench, "vit-l/base@1.1", "other")
    return ["vit-l/base@1.1"]


def replayed(bench: Bench) -> list[str]:
    tag(bench, "vit-l/base@1.2")
    return [f"{bench.git('rev-parse', 'refs/tags/vit-l/base@1.2')}:{HERE}"]


def with_other_headers(bench: Bench) -> list[str]:
    commit = bench.git("rev-parse", "HEAD")
    by = "tagger Ann <ann@example.com> 1700000000 +0000"
    content = f"object {commit}\ntype commit\ntag vit-l/base@1.1\n{by}\nextra header\n\nx\n"
    return [f"{raw_tag(bench, content)}:{HERE}"]


def without_tagger(bench: Bench) -> list[str]:
    content = f"object {bench.git('rev-parse', 'HEAD')}\ntype commit\ntag vit-l/base@1.1\n\nx\n"
    return [f"{raw_tag(bench, content)}:{HERE}"]


def moved(bench: Bench) -> list[str]:
    bench.git("tag", "-f", "-a", "-m", "x", "vit-l/base@1.0")
    return ["+vit-l/base@1.0"]


def deleted(bench: Bench) -> list[str]:
    return [":vit-l/base@1.0"]


def misspelled(bench: Bench) -> list[str]:
    tag(bench, "vit-l/base@1,1")
    return ["vit-l/base@1,1"]


def cyrillic(bench: Bench) -> list[str]:
    tag(bench, "vit-l/b\u0430se@1.1")
    return ["vit-l/b\u0430se@1.1"]


def arabic_digits(bench: Bench) -> list[str]:
    tag(bench, "vit-l/base@\u0661.\u0662")
    return ["vit-l/base@\u0661.\u0662"]


def in_another_case(bench: Bench) -> list[str]:
    tag(bench, "Vit-L/base@0.1")
    return ["Vit-L/base@0.1"]


def branch_like_a_version(bench: Bench) -> list[str]:
    bench.git("branch", "vit-l/base@1.0")
    return ["refs/heads/vit-l/base@1.0"]


def rack_in_the_way(bench: Bench) -> list[str]:
    return ["HEAD:refs/tags/vit-l"]


def undeclared(bench: Bench) -> list[str]:
    tag(bench, "vit-l/projectA@1.0.1")
    return ["vit-l/projectA@1.0.1"]


def skipping_staging(bench: Bench) -> list[str]:
    tag(bench, "vit-l/base#production#1", "vit-l/base@1.0^{}")
    return ["vit-l/base#production#1"]


def counter_ahead(bench: Bench) -> list[str]:
    tag(bench, "vit-l/base#staging#2", "vit-l/base@1.0^{}")
    return ["vit-l/base#staging#2"]


def uncounted(bench: Bench) -> list[str]:
    tag(bench, "vit-l/base#staging", "vit-l/base@1.0^{}")
    return ["vit-l/base#staging"]


def with_plain_tags(bench: Bench) -> list[str]:
    names = ["vit-l/base#staging#1", "v1", "nightly", "paper"]
    for name in names:
        tag(bench, name, "vit-l/base@1.0^{}")
    return names


def four_at_once(bench: Bench) -> list[str]:
    train(bench)
    names = ["vit-l/base@1.1", "vit-l/base#staging#1", "vit-l/base#staging!#2", "vit-l/base#staging#3"]
    for name in names:
        tag(bench, name)
    return names


def tip_to_nothing(bench: Bench) -> list[str]:
    return ["+HEAD:refs/gitcellar/vit-l/base@tip"]


def tip_deleted(bench: Bench) -> list[str]:
    return [":refs/gitcellar/vit-l/base@tip"]


def tip_rewound(bench: Bench) -> list[str]:
    first = bench.git("rev-parse", "refs/tags/vit-l/base@1.0")
    assert bench.gitcellar("assign", "vit-l/base@1.0", "staging", "--push").status == 0
    return [f"+{first}:refs/gitcellar/vit-l/base@tip"]


def tip_without_its_tag(bench: Bench) -> list[str]:
    assert bench.gitcellar("assign", "vit-l/base@1.0", "staging").status == 0
    return ["refs/gitcellar/vit-l/base@tip"]


def something_else_below_ours(bench: Bench) -> list[str]:
    return ["HEAD:refs/gitcellar/notes"]


ATTACKS: dict[Callable[[Bench], list[str]], list[str]] = {
    gap: ["V003 vit-l/base@1.3", "V005 vit-l/base@1.3", "L003 vit-l/base@1.3"],
    lightweight: ["V005 vit-l/base@1.1", "V006 vit-l/base@1.1", "L003 vit-l/base@1.1"],
    of_a_tree: ["V008 vit-l/base@1.1", "L003 vit-l/base@1.1"],
    of_a_tag: ["V005 vit-l/base@1.1", "V008 vit-l/base@1.1", "L003 vit-l/base@1.1"],
    replayed: ["V005 vit-l/base@1.1", "V007 vit-l/base@1.1", "L003 vit-l/base@1.1"],
    with_other_headers: ["V006 vit-l/base@1.1", "L003 vit-l/base@1.1"],
    without_tagger: ["V006 vit-l/base@1.1", "L003 vit-l/base@1.1"],
    moved: ["V009 vit-l/base@1.0"],
    deleted: ["V009 vit-l/base@1.0"],
    misspelled: ["N005 vit-l/base@1,1"],
    cyrillic: ["N005 vit-l/b\u0430se@1.1"],
    arabic_digits: ["N005 vit-l/base@\u0661.\u0662"],
    in_another_case: ["N001 Vit-L/base", "M001 Vit-L/base@0.1"],
    branch_like_a_version: ["N006 vit-l/base@1.0"],
    rack_in_the_way: ["N006 vit-l"],
    undeclared: ["M001 vit-l/projectA@1.0.1"],
    counter_ahead: ["S004 vit-l/base#staging#2"],
    uncounted: ["S004 vit-l/base#staging"],
    with_plain_tags: ["S005 vit-l/base#staging#1"],
    four_at_once: ["S005 vit-l/base#staging#1", "S005 vit-l/base#staging#3"],
    tip_to_nothing: ["V011 refs/gitcellar/vit-l/base@tip"],
    tip_deleted: ["V011 refs/gitcellar/vit-l/base@tip"],
    tip_rewound: ["V011 refs/gitcellar/vit-l/base@tip"],
    something_else_below_ours: ["V011 refs/gitcellar/notes"],
}


@pytest.mark.parametrize("door", ["pre-push", "pre-receive"])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_what_breaks_the_policy_is_refused_at_both_doors(
    guarded: Bench, attack: Callable[[Bench], list[str]], door: str
) -> None:
    refs = attack(guarded)
    before = git(guarded.remote, "for-each-ref")
    result = push(guarded, *refs, options=() if door == "pre-push" else ("--no-verify",))
    assert (result.status, reasons(result)) == (1, ATTACKS[attack])
    assert ("remote: " in result.err) is (door == "pre-receive")
    assert git(guarded.remote, "for-each-ref") == before


@pytest.mark.parametrize("door", ["pre-push", "pre-receive"])
def test_where_the_policy_asks_for_a_chain_nothing_is_written_past_it(guarded: Bench, door: str) -> None:
    options = () if door == "pre-push" else ("--no-verify",)
    with open(guarded.work / "gitcellar.yaml", "a") as policy:
        policy.write("chained: required\n")
    train(guarded)
    tag(guarded, "vit-l/base@1.1")
    assert reasons(push(guarded, "vit-l/base@1.1", options=options)) == ["A007 vit-l/base@1.1"]
    guarded.git("tag", "-d", "vit-l/base@1.1")
    # What gitcellar writes stands in the chain, and its tip goes with it.
    assert guarded.gitcellar("register", "vit-l/base").status == 0
    alone = reasons(push(guarded, "vit-l/base@1.1", options=options))
    assert alone == ["V016 vit-l/base@1.1", "A007 vit-l/base@1.1"]
    assert push(guarded, "vit-l/base@1.1", "refs/gitcellar/vit-l/base@tip", options=options).status == 0
    assert guarded.gitcellar("assign", "vit-l/base@1.1", "staging", "--push").status == 0
    assert guarded.gitcellar("check", "--all").status == 0


def test_a_tip_is_not_pushed_without_its_tag(guarded: Bench) -> None:
    # This clone has the tag, so only the server can tell that it never came.
    refused = push(guarded, *tip_without_its_tag(guarded))
    assert reasons(refused) == ["V011 refs/gitcellar/vit-l/base@tip", "V013 vit-l/base#staging#1"]


def test_a_push_lands_whole_or_not_at_all(guarded: Bench) -> None:
    train(guarded)
    tag(guarded, "vit-l/base@1.1")
    tag(guarded, "fine")
    gap(guarded)
    result = push(guarded, "fine", "vit-l/base@1.3", options=("--no-verify",))
    assert result.status == 1
    assert "fine" not in git(guarded.remote, "tag")


def test_a_stage_that_is_skipped_is_refused_by_the_default_policy(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "cellar", policy="")
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base", version="1.0", push=True)
    assert bench.gitcellar("hook", "install", "--server", "-C", str(bench.remote)).status == 0
    assert reasons(push(bench, *skipping_staging(bench))) == ["S003 vit-l/base#production#1"]


def test_a_base_and_what_is_tuned_from_it_may_come_together(guarded: Bench) -> None:
    train(guarded)
    tag(guarded, "vit-l/base@1.1")
    guarded.declare("vit-l/projectA", "A 1", base="vit-l/base@1.1")
    assert run(guarded.work, "dvc", "push", "-q").status == 0
    tag(guarded, "vit-l/projectA@1.1.1")
    assert push(guarded, "main", "vit-l/projectA@1.1.1", "vit-l/base@1.1").status == 0


def test_a_checkpoint_that_is_nowhere_else_stops_its_tag(guarded: Bench) -> None:
    guarded.declare("vit-l/base", "base 2")
    guarded.git("push", "-q", "origin", "main")
    tag(guarded, "vit-l/base@1.1")
    assert reasons(push(guarded, "vit-l/base@1.1")) == ["D001 vit-l/base@1.1"]
    assert run(guarded.work, "dvc", "push", "-q").status == 0
    assert push(guarded, "vit-l/base@1.1").status == 0


def test_a_commit_on_no_protected_branch_is_refused_until_it_is_merged(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "cellar", policy="protected: [main]\n")
    bench.git("checkout", "-q", "-b", "work")
    bench.declare("vit-l/base", "base 1")
    assert run(bench.work, "dvc", "push", "-q").status == 0
    assert bench.gitcellar("hook", "install", "--server", "-C", str(bench.remote)).status == 0
    tag(bench, "vit-l/base@1.0")
    assert reasons(push(bench, "work", "vit-l/base@1.0")) == ["V010 vit-l/base@1.0"]
    assert push(bench, "work:main", "vit-l/base@1.0").status == 0


# Who judges: the policy from before the push


def test_a_push_is_judged_by_the_policy_from_before_it(guarded: Bench) -> None:
    (guarded.work / "gitcellar.yaml").write_text("rules: {V003: off, V005: off, L003: off}\n")
    guarded.commit("loosen the rules")
    gap(guarded)
    assert push(guarded, "main", "vit-l/base@1.3", options=("--no-verify",)).status == 1
    assert push(guarded, "main", options=("--no-verify",)).status == 0
    assert push(guarded, "vit-l/base@1.3", options=("--no-verify",)).status == 0


def test_a_broken_policy_stops_all_pushes_but_the_one_that_mends_it(guarded: Bench) -> None:
    hook = guarded.remote / "hooks/pre-receive"
    hook.rename(hook.with_name("away"))
    (guarded.work / "gitcellar.yaml").write_text("stages: [staging\nrules: {}\n")
    guarded.commit_anyhow("break the policy")
    guarded.git("push", "-q", "--no-verify", "origin", "main")
    hook.with_name("away").rename(hook)
    tag(guarded, "november")
    refused = push(guarded, "november", options=("--no-verify",))
    assert refused.status == 1
    assert "remote: Error: gitcellar.yaml:2:6: not YAML: did not find expected ',' or ']'" in refused.err
    (guarded.work / "gitcellar.yaml").write_text("stages: [staging]\n")
    guarded.commit("mend the policy")
    tag(guarded, "vit-l/base#staging#1", "vit-l/base@1.0^{}")
    assert push(guarded, "main", "vit-l/base#staging#1", options=("--no-verify",)).status == 1
    assert push(guarded, "main", options=("--no-verify",)).status == 0
    assert push(guarded, "vit-l/base#staging#1", options=("--no-verify",)).status == 0


@pytest.mark.parametrize("options", [(), ("--no-verify",)], ids=["pre-push", "pre-receive"])
def test_a_policy_that_cannot_be_read_never_gets_in(guarded: Bench, options: tuple[str, ...]) -> None:
    (guarded.work / "gitcellar.yaml").write_text("stagse: [staging]\n")
    guarded.commit_anyhow("break the policy")
    refused = push(guarded, "main", options=options)
    assert refused.status == 1
    assert "gitcellar.yaml:1: stagse: unknown key 'stagse'; did you mean stages?" in refused.err


@pytest.mark.parametrize(
    "manifest",
    ["vit-l/base:\n  path: " + "[" * 3000, "a: &a [x, x]\nb: [*a, *a]\n", "x: " + "y" * 5_000_000, "{}\n---\n{}\n"],
    ids=["deep", "aliases", "huge", "two documents"],
)
def test_a_manifest_bomb_is_refused_and_harms_nobody(guarded: Bench, manifest: str) -> None:
    (guarded.work / "artifacts.yaml").write_text(manifest)
    guarded.commit_anyhow("a bomb")
    tag(guarded, "vit-l/base@1.1")
    result = push(guarded, "main", "vit-l/base@1.1", options=("--no-verify",))
    assert result.status == 1
    assert "artifacts.yaml:" in result.err
    assert "Traceback" not in result.err


def test_no_other_ref_passes_for_the_branch_that_has_the_policy(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "cellar", policy="rules: {M001: off}\n")
    loose = bench.git("rev-parse", "HEAD")
    git(bench.remote, "symbolic-ref", "HEAD", "refs/heads/trunk")
    git(bench.remote, "update-ref", "-d", "refs/heads/main")
    for ref in ("refs/tags/HEAD", "refs/tags/refs/heads/trunk", "refs/heads/refs/heads/main"):
        git(bench.remote, "update-ref", ref, loose)
    installed = bench.gitcellar("hook", "install", "--server", "-C", str(bench.remote))
    assert installed.status == 0
    assert "Warning: HEAD names trunk, which does not exist" in installed.err
    tag(bench, "vit-l/base@1.0")
    refused = push(bench, "vit-l/base@1.0", options=("--no-verify",))
    assert refused.status == 1
    assert (
        "remote: Error: HEAD names trunk, which does not exist, so it is not known which policy judges" in refused.err
    )
    assert "remote: Hint: on the server: git symbolic-ref HEAD refs/heads/refs/heads/main" in refused.err


def test_a_replaced_object_is_judged_by_what_it_is(guarded: Bench) -> None:
    old = guarded.git("rev-parse", "origin/main")
    (guarded.work / "gitcellar.yaml").write_text("rules: {V003: off, V005: off, L003: off}\n")
    guarded.commit("loosen the rules")
    new = guarded.git("rev-parse", "HEAD")
    assert reasons(push(guarded, f"HEAD:refs/replace/{old}", options=("--no-verify",))) == [f"N007 refs/replace/{old}"]
    git(guarded.remote, "fetch", "-q", str(guarded.work), f"HEAD:refs/replace/{old}")
    assert git(guarded.remote, "show", f"{old}:gitcellar.yaml") == git(guarded.remote, "show", f"{new}:gitcellar.yaml")
    gap(guarded)
    assert push(guarded, "vit-l/base@1.3", options=("--no-verify",)).status == 1


# The commit


def test_a_commit_is_judged_by_what_is_staged(guarded: Bench) -> None:
    (guarded.work / "artifacts.yaml").write_text("vit-l/base: {path: models/vit-l-base, ownr: ann}\n")
    guarded.git("add", "artifacts.yaml")
    (guarded.work / "artifacts.yaml").write_text("{}\n")
    refused = run(guarded.work, "git", "commit", "-m", "x")
    assert refused.status == 1
    assert reasons(refused) == ["M002 vit-l/base.ownr"]
    assert "artifacts.yaml:1: vit-l/base.ownr: unknown key 'ownr'; did you mean owner?" in refused.err
    guarded.git("add", "artifacts.yaml")
    assert run(guarded.work, "git", "commit", "-q", "-m", "x") == Result(0, "", "")


def test_weights_do_not_get_into_git(guarded: Bench) -> None:
    (guarded.work / "w.bin").write_text("weights")
    with (guarded.work / "artifacts.yaml").open("a") as manifest:
        manifest.write("vit-l/projectB: {path: w.bin, base: vit-l/base@1.0}\n")
    guarded.git("add", "w.bin", "artifacts.yaml")
    assert reasons(run(guarded.work, "git", "commit", "-m", "x")) == ["M005 vit-l/projectB"]


def test_a_tracking_file_without_its_data_is_refused(guarded: Bench) -> None:
    tracking = guarded.work / "models/vit-l-base.dvc"
    tracking.write_text(f"outs:\n- md5: {'ab' * 16}\n  size: 6\n  path: vit-l-base\n")
    guarded.git("add", "models")
    assert reasons(run(guarded.work, "git", "commit", "-m", "x")) == ["M007 vit-l/base"]


def test_a_commit_that_touches_no_model_is_nobodys_business(guarded: Bench) -> None:
    (guarded.work / "README.md").write_text("words")
    guarded.git("add", "README.md")
    assert run(guarded.work, "git", "commit", "-q", "-m", "x") == Result(0, "", "")


def test_the_first_commit_of_a_repository_is_judged_too(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert run(tmp_path, "gitcellar", "hook", "install").status == 0
    (tmp_path / "artifacts.yaml").write_text("vit-l/base: {}\n")
    git(tmp_path, "add", ".")
    assert reasons(run(tmp_path, "git", "commit", "-m", "x")) == ["M002 vit-l/base.path"]


# What git says on stdin

ZERO, ID = "0" * 40, "a" * 40


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        ("", ""),
        (f"{ZERO} {ID} refs/tags/x", "ends in the middle of a line"),
        (f"{ZERO} {ID}\n", "line 1 of the pushed refs is not what git writes"),
        (f"{ZERO} {ID} refs/tags/x\n{ZERO} {ID} refs/tags/x\n", "names refs/tags/x again"),
        (f"{ZERO} {'A' * 40} refs/tags/x\n", "line 1"),
        (f"{ZERO} {ID} --upload-pack=x\n", "line 1"),
        (f"{ZERO} {ID} refs/tags/a b\n", "line 1"),
        ("\0" * 100 + "\n", "line 1"),
    ],
    ids=["empty", "truncated", "half a line", "twice", "upper case", "an option", "a space", "zeros"],
)
def test_a_list_of_refs_that_git_would_not_write_is_refused(guarded: Bench, stdin: str, said: str) -> None:
    for hook in ("pre-receive", "pre-push"):
        done = run(guarded.remote, "gitcellar", "hook", hook, "--", "origin", "url", stdin=stdin)
        assert done.status == (3 if said else 0)
        assert "Traceback" not in done.err


def test_ten_thousand_lines_are_judged(guarded: Bench) -> None:
    commit = guarded.git("rev-parse", "HEAD")
    lines = [f"{ZERO} {commit} refs/tags/note-{number}\n" for number in range(9_999)]
    allowed = run(guarded.remote, "gitcellar", "hook", "pre-receive", stdin="".join(lines))
    assert (allowed.status, allowed.err) == (0, "")
    lines.append(f"{ZERO} {commit} refs/tags/vit-l/base@1.1\n")
    refused = run(guarded.remote, "gitcellar", "hook", "pre-receive", stdin="".join(lines))
    assert reasons(refused) == ["V005 vit-l/base@1.1", "V006 vit-l/base@1.1", "L003 vit-l/base@1.1"]


def test_an_object_that_is_not_there_is_refused(guarded: Bench) -> None:
    refused = run(guarded.remote, "gitcellar", "hook", "pre-receive", stdin=f"{ZERO} {ID} refs/tags/vit-l/base@1.1\n")
    assert refused.status == 1
    assert "V006 vit-l/base@1.1" in reasons(refused)


def test_the_update_hook_judges_one_ref(guarded: Bench) -> None:
    commit = guarded.git("rev-parse", "refs/tags/vit-l/base@1.0")
    refused = run(guarded.remote, "gitcellar", "hook", "update", "--", "refs/tags/vit-l/base@1.0", commit, ZERO)
    assert reasons(refused) == ["V009 vit-l/base@1.0"]
    assert run(guarded.remote, "gitcellar", "hook", "update", "--", "refs/heads/x", ZERO, commit).status == 0
    assert run(guarded.remote, "gitcellar", "hook", "update", "--", "refs/heads/x").status == 2


def test_own_acts_pass_the_update_hook(guarded: Bench) -> None:
    assert guarded.gitcellar("hook", "uninstall", "-C", str(guarded.remote)).status == 0
    assert guarded.gitcellar("hook", "install", "update", "-C", str(guarded.remote)).status == 0
    assert guarded.gitcellar("assign", "vit-l/base", "staging", "--push").status == 0
    tag(guarded, "vit-l/base@1.5")
    assert push(guarded, "vit-l/base@1.5", options=("--no-verify",)).status == 1


def test_installing_the_update_hook_says_what_it_cannot_tell(guarded: Bench) -> None:
    said = guarded.gitcellar("hook", "install", "update", "-C", str(guarded.remote)).err
    assert "Warning: update sees one ref at a time: it cannot tell how many tags come at once (S005)" in said


def test_a_sha256_repository_is_judged_too(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "--object-format=sha256", "remote.git")
    git(tmp_path, "init", "-q", "-b", "main", "--object-format=sha256", "work")
    git(tmp_path / "work", "remote", "add", "origin", str(tmp_path / "remote.git"))
    (tmp_path / "work/artifacts.yaml").write_text("{}\n")
    git(tmp_path / "work", "add", ".")
    git(tmp_path / "work", "commit", "-q", "-m", "x")
    git(tmp_path / "work", "push", "-q", "origin", "main")
    for folder in ("remote.git", "work"):
        assert run(tmp_path / folder, "gitcellar", "hook", "install", "pre-receive", "pre-push").status == 0
    git(tmp_path / "work", "tag", "-a", "-m", "x", "vit-l/base@1.0")
    for options in ((), ("--no-verify",)):
        refused = run(tmp_path / "work", "git", "push", *options, "origin", "vit-l/base@1.0")
        assert reasons(refused) == ["M001 vit-l/base@1.0"]


# Strangers


def test_a_hostile_config_of_the_work_tree_starts_nothing(guarded: Bench) -> None:
    trap = guarded.folder / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {guarded.folder}/sprung\n")
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "diff.x.textconv", "diff.x.command", "diff.external", "core.pager", "filter.x.clean"):
        guarded.git("config", key, str(trap))
    (guarded.work / ".gitattributes").write_text("*.yaml diff=x\n")
    guarded.git("-c", "core.fsmonitor=false", "-c", "diff.external=", "add", ".gitattributes")
    (guarded.work / "artifacts.yaml").write_text("vit-l/base: {path: models/vit-l-base, ownr: x}\n")
    guarded.git("-c", "core.fsmonitor=false", "add", "artifacts.yaml")
    (guarded.folder / "sprung").unlink(missing_ok=True)
    assert guarded.gitcellar("hook", "pre-commit").status == 1
    assert guarded.gitcellar("check").status == 1
    assert guarded.gitcellar("check", "--all").status == 0
    lines = f"x {guarded.git('rev-parse', 'HEAD')} refs/tags/vit-l/base@1.1 {ZERO}\n"
    assert run(guarded.work, "gitcellar", "hook", "pre-push", "--", "origin", "url", stdin=lines).status == 1
    assert not (guarded.folder / "sprung").exists()


@pytest.mark.parametrize(
    "name", ["$(touch sprung)", "`touch sprung`", "a;touch sprung", "x|y", "\u202ereversed", "a'b\"c"]
)
def test_a_ref_with_a_program_in_its_name_is_only_a_name(guarded: Bench, name: str) -> None:
    ref = f"refs/tags/{name}@1.0".replace(" ", "\u00a0")
    run(guarded.work, "git", "update-ref", ref, "HEAD")
    result = push(guarded, ref, options=("--no-verify",))
    assert result.status == 1
    assert not list(guarded.folder.rglob("sprung"))
    ours = [line for line in result.err.splitlines() if line.startswith("remote: ")]
    assert ours
    assert not any("\u202e" in line for line in ours)


def test_two_pushes_at_once_cannot_both_be_first(guarded: Bench) -> None:
    clones = [guarded.clone(f"clone{number}") for number in range(3)]
    for clone in clones:
        clone.git("fetch", "-q", "origin", "refs/tags/*:refs/tags/*")
    words = [sys.executable, "-m", "gitcellar", "assign", "vit-l/base@1.0"]
    started = [
        subprocess.Popen([*words, stage, "--push"], cwd=clone.work, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for clone, stage in zip(clones, ("staging", "production", "archived"), strict=True)
    ]
    results = [(process.communicate()[1].decode(), process.returncode) for process in started]
    assert [status for _, status in results] == [0, 0, 0], results
    tags = git(guarded.remote, "tag", "-l", "vit-l/base#*").splitlines()
    assert sorted(name.rpartition("#")[2] for name in tags) == ["1", "2", "3"]


# The hook files


@pytest.mark.parametrize("name", HOOKS)
def test_the_hooks_of_the_project_are_those_that_are_installed(name: str, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert run(tmp_path, "gitcellar", "hook", "install", name).status == 0
    installed = tmp_path / ".git/hooks" / name
    assert installed.read_bytes() == (ROOT / "hooks" / name).read_bytes() == format_shim(name).encode()
    assert os.access(installed, os.X_OK)
    assert os.access(ROOT / "hooks" / name, os.X_OK)
    assert "Nothing to do" in run(tmp_path, "gitcellar", "hook", "install", name).err


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_without_gitcellar_fails_closed(name: str) -> None:
    done = run(ROOT, "/bin/sh", str(ROOT / "hooks" / name), env={"PATH": "/nonexistent"})
    assert done.status == 1
    assert f"Error: the {name} hook finds no gitcellar, on PATH or where it was installed, so it refuses.\n" in done.err
    assert f"Hint: install gitcellar, then run: gitcellar hook install {name}\n" in done.err


def without_gitcellar(bench: Bench) -> dict[str, str]:
    """The environment of a shell whose PATH has git and no gitcellar."""
    programs = bench.folder / "programs"
    programs.mkdir()
    for name in ("git", "git-receive-pack", "sh"):
        (programs / name).symlink_to(str(shutil.which(name)))
    return os.environ | {"PATH": str(programs)}


def test_a_hook_without_gitcellar_on_path_runs_the_one_that_installed_it(guarded: Bench) -> None:
    env = without_gitcellar(guarded)
    (guarded.work / "notes.txt").write_text("nothing of the registry\n")
    guarded.git("add", "notes.txt")
    committed = run(guarded.work, "git", "commit", "-q", "-m", "notes", env=env)
    assert (committed.status, committed.err) == (0, "")
    (guarded.work / "artifacts.yaml").write_text("vit-l/base: [\n")
    guarded.git("add", "artifacts.yaml")
    refused = run(guarded.work, "git", "commit", "-q", "-m", "broken", env=env)
    assert (refused.status, reasons(refused)[0].split()[0]) == (1, "M002")
    tag(guarded, "vit-l/base@1.7")
    for option in ("--verify", "--no-verify"):
        pushed = run(guarded.work, "git", "push", option, "origin", "vit-l/base@1.7", env=env)
        assert (pushed.status, reasons(pushed)[0]) == (1, "V003 vit-l/base@1.7")


def test_no_file_of_a_repository_names_the_program_of_a_hook(guarded: Bench) -> None:
    env = without_gitcellar(guarded)
    planted = guarded.work / "planted"
    planted.write_text("#!/bin/sh\nexit 0\n")
    planted.chmod(0o755)
    (guarded.work / "settings").write_text(f"[gitcellar]\n\tprogram = {planted}\n")
    guarded.git("config", "--unset", "gitcellar.program")
    guarded.git("config", "include.path", "../settings")
    refused = run(guarded.work, "git", "commit", "-q", "--allow-empty", "-m", "x", env=env)
    assert (refused.status, "finds no gitcellar" in refused.err) == (1, True)


def test_uninstalling_the_last_hook_forgets_the_program(guarded: Bench) -> None:
    def recorded() -> str:
        return run(guarded.work, "git", "config", "--local", "gitcellar.program").out.strip()

    assert Path(recorded()).name == "gitcellar"
    assert guarded.gitcellar("hook", "uninstall", "pre-push").status == 0
    assert recorded()
    assert guarded.gitcellar("hook", "uninstall").status == 0
    assert recorded() == ""


def test_a_hook_that_was_there_is_run_first_and_put_back(guarded: Bench) -> None:
    assert guarded.gitcellar("hook", "uninstall").status == 0
    hooks = guarded.work / ".git/hooks"
    theirs = f'#!/bin/sh\necho theirs "$@" >&2\ncat > {guarded.folder}/seen\nexit ${{REFUSE:-0}}\n'
    (hooks / "pre-push").write_text(theirs)
    (hooks / "pre-push").chmod(0o755)
    for _ in range(2):
        assert guarded.gitcellar("hook", "install").status == 0
    tag(guarded, "november")
    pushed = push(guarded, "november")
    assert (pushed.status, f"theirs origin {guarded.remote}" in pushed.err) == (0, True)
    assert "refs/tags/november" in (guarded.folder / "seen").read_text()
    assert reasons(push(guarded, *gap(guarded)))[0] == "V003 vit-l/base@1.3"
    tag(guarded, "december")
    refused = run(guarded.work, "git", "push", "origin", "december", env=os.environ | {"REFUSE": "1"})
    assert refused.status == 1
    assert guarded.gitcellar("hook", "uninstall").status == 0
    assert (hooks / "pre-push").read_text() == theirs
    assert os.access(hooks / "pre-push", os.X_OK)
    assert sorted(p.name for p in hooks.iterdir() if not p.name.endswith(".sample")) == ["pre-push"]


def test_two_foreign_hooks_are_a_question_for_a_person(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    for name in ("pre-push", "pre-push.chained"):
        (tmp_path / ".git/hooks" / name).write_text("#!/bin/sh\n")
    done = run(tmp_path, "gitcellar", "hook", "install", "pre-push")
    assert done.status == 3
    assert "neither is gitcellar's" in done.err


def test_cores_hooks_path_and_work_trees_are_honoured(guarded: Bench) -> None:
    guarded.git("worktree", "add", "-q", str(guarded.folder / "tree"))
    tree = guarded.folder / "tree"
    assert GitRepository(tree).find_hooks_folder().resolve() == (guarded.work / ".git/hooks").resolve()
    git(tree, "tag", "-a", "-m", "x", "vit-l/base@1.3")
    assert reasons(run(tree, "git", "push", "origin", "vit-l/base@1.3"))[0] == "V003 vit-l/base@1.3"
    guarded.git("config", "core.hooksPath", "team-hooks")
    assert guarded.gitcellar("hook", "install").status == 0
    assert sorted(path.name for path in (guarded.work / "team-hooks").iterdir()) == ["pre-commit", "pre-push"]
    assert push(guarded, "vit-l/base@1.3").status == 1


def test_a_server_hook_imports_no_dvc(guarded: Bench) -> None:
    env = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    lines = f"{ZERO} {guarded.git('rev-parse', 'HEAD')} refs/tags/vit-l/base@1.1\n"
    done = run(guarded.remote, "gitcellar", "hook", "pre-receive", stdin=lines, env=env)
    assert "gitcellar.cellar.pushes" in done.err
    assert "| dvc" not in done.err.replace("gitcellar", "")


def test_a_client_hook_imports_dvc_for_new_versions_alone(guarded: Bench) -> None:
    env = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    tag(guarded, "vit-l/base#staging#1", "vit-l/base@1.0^{}")
    pushed = run(guarded.work, "git", "push", "origin", "vit-l/base#staging#1", env=env)
    assert (pushed.status, " dvc.repo" in pushed.err) == (0, False)
    train(guarded)
    tag(guarded, "vit-l/base@1.1")
    pushed = run(guarded.work, "git", "push", "origin", "vit-l/base@1.1", env=env)
    assert (pushed.status, " dvc.repo" in pushed.err) == (0, True)


def test_a_refusal_by_the_server_is_read_as_our_own(guarded: Bench) -> None:
    """This clone has not seen yet that the policy asks for more."""
    other = guarded.clone("other")
    (other.work / "gitcellar.yaml").write_text("stages: [staging]\nrequired_for: {staging: [owner]}\n")
    other.commit("ask for owners")
    other.git("push", "-q", "origin", "main")
    done = guarded.gitcellar("assign", "vit-l/base@1.0", "staging", "--push")
    commit = guarded.git("rev-parse", "--short=7", "vit-l/base@1.0^{}")
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        f"Refused: M003 vit-l/base#staging#1: staging asks for 'owner', and the entry at {commit} has none\n"
        "Hint: add 'owner' to the entry, commit, and register the next version\n"
        "Hint: why: gitcellar rule M003\n"
    )
    assert git(guarded.remote, "tag", "-l", "vit-l/base#*") == ""
    assert guarded.git("tag", "-l", "vit-l/base#*") == ""


def test_a_refusal_by_another_programs_hook_is_told_in_its_words(bench: Bench) -> None:
    bench.declare("vit-l/base", "base 1")
    hook = bench.remote / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'closed for the weekend' >&2\nexit 1\n")
    hook.chmod(0o755)
    done = bench.gitcellar("register", "vit-l/base", "--version", "1.0", "--push")
    assert done.status == 4
    assert (
        "Error: origin refused the push: [remote rejected] (pre-receive hook declined): closed for the weekend\n"
        in done.err
    )
