"""Judging without writing: the work tree, tags, ranges, the whole cellar; and what is printed for whom."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gitcellar.cellar.enforcement import prove_enforcement
from gitcellar.cellar.health import examine
from gitcellar.cellar.hooks import install_hooks
from gitcellar.core.shims import MARK
from gitcellar.store.git import GitRepository
from tests.support.asking import ask
from tests.support.cellars import ANY_WAY, Bench, make_bench, tag
from tests.support.people import STAGES, make_peopled
from tests.support.processes import run

OUTPUT = {"scores": {"dtype": "float32", "shape": ["batch", 10]}}


def promise(bench: Bench, content: str, *, size: int = 10, **more: Any) -> None:
    """Train the base again, with a contract."""
    outputs = {"scores": {"dtype": "float32", "shape": ["batch", size]}}
    bench.declare("vit-l/base", content, contract={"outputs": outputs, **more})


# Where


def test_the_work_tree_is_judged_before_anything_is_committed(stocked: Bench) -> None:
    assert stocked.gitcellar("check").err == "Allowed: the policy has nothing against it\n"
    manifest = stocked.work / "artifacts.yaml"
    manifest.write_text(
        manifest.read_text() + "vit-l/projectB: {path: nowhere.bin, trained_from: vit-l/projectA@1.0.1}\n"
    )
    done = stocked.gitcellar("check")
    assert (done.status, done.err) == (
        1,
        "Refused: L002 vit-l/projectB: trained_from names the project model vit-l/projectA\n"
        "Refused: M004 vit-l/projectB: nowhere.bin is not in the work tree\n"
        "Hint: train it from vit-l/base instead\n"
        "Hint: gitcellar add vit-l/projectB nowhere.bin\n"
        "Hint: why: gitcellar rule L002\n",
    )
    assert stocked.gitcellar("check", "models/vit-l-base.dvc").status == 0
    assert stocked.gitcellar("check", "artifacts.yaml").status == 1
    assert run(stocked.work / "models", "gitcellar", "check", "../artifacts.yaml").status == 1
    assert stocked.gitcellar("check", "/etc/passwd").status == 3


def test_a_tag_is_judged_after_what_came_before_it(stocked: Bench) -> None:
    assert stocked.gitcellar("check", "vit-l/base@1.0").status == 0
    stocked.declare("vit-l/base", "base 2")
    tag(stocked, "vit-l/base@1.2")
    done = stocked.gitcellar("check", "vit-l/base@1.2")
    assert (done.status, done.err.splitlines()[0]) == (1, "Refused: V003 vit-l/base@1.2: 1.1 comes first")
    assert stocked.gitcellar("check", "vit-l/base@1.0").status == 0


def test_a_version_that_head_might_become_is_judged(stocked: Bench) -> None:
    stocked.declare("vit-l/base", "base 2")
    assert stocked.gitcellar("check", "vit-l/base@1.1").status == 0
    assert "V003" in stocked.gitcellar("check", "vit-l/base@1.2").err
    assert stocked.git("tag", "-l", "vit-l/base@1.1") == ""
    assert stocked.gitcellar("check", "vit-l/base#staging").status == 3


def test_with_data_a_versions_checkpoint_is_what_its_tag_records(stocked: Bench) -> None:
    assert stocked.gitcellar("check", "vit-l/base@1.0", "--data").status == 0
    stocked.declare("vit-l/base", "base 2")
    for size, data, rule in (("6", (), None), ("6", ("--data",), "D002"), ("7", (), "D002")):
        message = f"Register\n\nCheckpoint: sha256:{'a' * 64} {size} bytes"
        stocked.git("tag", "-f", "-a", "-m", message, "vit-l/base@1.1")
        done = stocked.gitcellar("check", "vit-l/base@1.1", *data)
        assert (done.status, f"Refused: {rule} vit-l/base@1.1: the tag records" in done.err) == (
            int(bool(rule)),
            bool(rule),
        )


def test_a_whole_cellar_is_judged_in_the_order_in_which_it_came(stocked: Bench) -> None:
    for stage in ("staging", "production"):
        stocked.assign("vit-l/projectA@1.0.1", stage)
    stocked.gitcellar("withdraw", "vit-l/base@1.0")
    assert stocked.gitcellar("check", "--all").err == "Allowed: the policy has nothing against it\n"
    stocked.git("tag", "vit-l/base@1.1")
    tag(stocked, "vit-l/base#live#7")
    found = json.loads(stocked.gitcellar("check", "--all", "--json").out)
    assert sorted({(row["rule"], row["subject"]) for row in found["violations"]}) == [
        ("S001", "vit-l/base#live#7"),
        ("S002", "vit-l/base#live#7"),
        ("S004", "vit-l/base#live#7"),
        ("V006", "vit-l/base@1.1"),
    ]


def test_a_range_is_what_a_pull_request_changes_judged_by_its_target(stocked: Bench) -> None:
    stocked.git("checkout", "-q", "-b", "work")
    assert stocked.gitcellar("check", "--range", "origin/main..HEAD").status == 0
    stocked.declare("vit-l/projectB", "B 1", base="vit-l/base@1.0", trained_from="vit-l/projectA")
    (stocked.work / "gitcellar.yaml").write_text("rules: {L002: off}\n")
    stocked.commit("and loosen the rules")
    done = stocked.gitcellar("check", "--range", "origin/main..HEAD", "--format", "github")
    assert (done.status, done.out) == (
        1,
        "::error title=L002 vit-l/projectB,file=artifacts.yaml,line=8::trained_from names the project model "
        "vit-l/projectA%0Atrain it from vit-l/base instead\n",
    )
    # What was wrong before is not this change's fault.
    stocked.git("checkout", "-q", "-b", "next")
    stocked.declare("vit-l/base", "base 2")
    assert stocked.gitcellar("check", "--range", "work..HEAD").status == 0
    for wrong in ("main", "..main", "main...next"):
        assert stocked.gitcellar("check", "--range", wrong).status == 3


def test_a_range_that_mends_the_policy_is_judged_by_what_it_mends(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "cellar", policy="stages: [\n")
    bench.git("checkout", "-q", "-b", "work")
    (bench.work / "README.md").write_text("words")
    bench.commit("words")
    assert bench.gitcellar("check", "--range", "main..HEAD").status == 3
    (bench.work / "gitcellar.yaml").write_text("stages: [live]\n")
    bench.commit("mend")
    assert bench.gitcellar("check", "--range", "main..HEAD").status == 0


def test_one_kind_of_question_at_a_time(stocked: Bench) -> None:
    assert stocked.gitcellar("check", "--all", "artifacts.yaml").status == 2


# For whom


@pytest.fixture
def faulty(stocked: Bench) -> Bench:
    (stocked.work / "artifacts.yaml").write_text("vit-l/base: {path: 'a,b:c%d.bin', ownr: ann}\n")
    return stocked


def test_sarif_is_what_its_schema_says(faulty: Bench, tmp_path: Path) -> None:
    done = faulty.gitcellar("check", "--format", "sarif")
    report = json.loads(done.out)
    assert (done.status, report["version"]) == (1, "2.1.0")
    (result,) = report["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("M002", "error")
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]) == ("artifacts.yaml", {"startLine": 1})
    rules = {rule["id"]: rule for rule in report["runs"][0]["tool"]["driver"]["rules"]}
    assert rules["C002"]["defaultConfiguration"] == {"level": "warning"}
    assert result["ruleId"] in rules


def test_an_annotation_is_one_line_whatever_a_file_says(faulty: Bench) -> None:
    out = faulty.gitcellar("check", "--format", "github").out
    assert out == (
        "::error title=M002 vit-l/base.ownr,file=artifacts.yaml,line=1::artifacts.yaml:1: vit-l/base.ownr: unknown key "
        "'ownr'; did you mean owner?%0Amend the file there\n"
    )


def test_exceptions_and_warnings_are_told(tmp_path: Path) -> None:
    policy = """\
rules: {M004: warning}
exceptions:
- {rule: L002, match: vit-l/*, reason: the import of 2025, until: 2099-12-31}
- {rule: M004, match: "**", reason: long ago, until: 2020-12-31}
"""
    bench = make_bench(tmp_path / "cellar", policy=policy)
    (bench.work / "artifacts.yaml").write_text("vit-l/b: {path: x, trained_from: vit-l/a}\n")
    done = bench.gitcellar("check")
    assert (done.status, done.err) == (
        0,
        "Warning: M004 vit-l/b: x is not in the work tree\n"
        "Hint: gitcellar add vit-l/b x\n"
        "Hint: why: gitcellar rule M004\n"
        "Excepted: L002 vit-l/b: trained_from names the project model vit-l/a (the import of 2025, until 2099-12-31)\n"
        "Allowed: the policy has nothing against it\n",
    )
    found = json.loads(bench.gitcellar("policy", "--json").out)
    assert [(e["rule"], e["ended"], e["line"]) for e in found["exceptions"]] == [("L002", False, 3), ("M004", True, 4)]


# The policy


def test_policy_says_what_applies_and_which_line_said_so(tmp_path: Path) -> None:
    policy = "stages: [dev, live]\nrules:\n  V003: off\nmodels:\n- match: vit-l/*\n  scheme: semver\n"
    bench = make_bench(tmp_path / "cellar", policy=policy)
    # What is declared is known, before any version of it is registered.
    (bench.work / "artifacts.yaml").write_text("vit-l/base: {path: a}\nbert/base: {path: b}\n")
    assert bench.gitcellar("policy", "vit-l/base", "--plain").out.splitlines() == [
        "scheme\tsemver\tvit-l/*\tline 6",
        "dialect\tcellar\t**\tdefault",
        "coordination\ttrue\t**\tdefault",
        'stages\t["dev", "live"]\t**\tline 1',
        "contract\toptional\t**\tdefault",
        "casting\tnone\t**\tdefault",
        "environment\toptional\t**\tdefault",
        "signed\toptional\t**\tdefault",
        "chained\toptional\t**\tdefault",
        "max_push\t10000\t**\tdefault",
        "rules.V003\toff\t**\tline 3",
    ]
    assert bench.gitcellar("policy", "bert/base", "--plain").out.splitlines()[0] == "scheme\tcellar\t**\tdefault"
    everything = bench.gitcellar("policy")
    assert everything.err == f"Policy: gitcellar.yaml of origin/main at {bench.git('rev-parse', 'HEAD')[:7]}\n"
    assert everything.out.splitlines()[1].split() == ["stages", '["dev",', '"live"]', "**", "line", "1"]


def test_policy_names_what_it_read_and_where_another_one_stands(bench: Bench) -> None:
    judging = bench.git("rev-parse", "HEAD")
    (bench.work / "gitcellar.yaml").write_text("stages: [live]\n")
    bench.commit("another policy")
    (bench.work / "gitcellar.yaml").write_text("stages: [other]\n")
    assert bench.gitcellar("policy", "--plain").out == 'stages\t["staging", "production", "archived"]\t**\tline 1\n'
    assert bench.gitcellar("policy").err.splitlines() == [
        f"Policy: gitcellar.yaml of origin/main at {judging[:7]}",
        "Warning: the work tree has another policy, which judges nothing",
        "Warning: the local branch main has another policy, which judges nothing",
    ]
    found = json.loads(bench.gitcellar("policy", "--json").out)
    assert (found["branch"], found["ref"], found["commit"]) == ("refs/heads/main", "refs/remotes/origin/main", judging)
    assert (found["written"], found["others"]) == (True, ["the work tree", "the local branch main"])


# Contracts


def test_register_chooses_the_number_by_the_contract_and_says_why(bench: Bench) -> None:
    promise(bench, "1")
    bench.register("vit-l/base", version="1.0")
    promise(bench, "2", labels=["cat", "dog"])
    done = bench.gitcellar("register", "vit-l/base", "--explain")
    assert done.out == "vit-l/base@1.1\n"
    assert done.err.splitlines()[:2] == [
        "Because: X stays, for an application of 1.0 goes on working",
        "Because: differs from 1.0: labels: is new",
    ]
    promise(bench, "3", size=11, labels=["dog", "cat"])
    broken = (
        "labels: are in another order",
        "outputs.scores.shape: [batch, 10] became [batch, 11]: 11 where 10 was promised",
    )
    refused = bench.gitcellar("register", "vit-l/base", "--version", "1.2")
    assert refused.err.splitlines()[:2] == [
        f"Refused: C001 vit-l/base@1.2: breaks 1.1: {each}" for each in broken[::-1]
    ]
    assert "Hint: gitcellar register vit-l/base --bump major" in refused.err
    done = bench.gitcellar("register", "vit-l/base")
    assert done.out == "vit-l/base@2.0\n"
    assert done.err.splitlines()[0] == "Because: X rises, for an application of 1.1 must change"
    compared = bench.gitcellar("contract", "diff", "vit-l/base@1.1", "vit-l/base@2.0", "--plain")
    assert compared.status == 1
    assert [line.split("\t")[0::2] for line in compared.out.splitlines()] == [
        ["outputs.scores.shape", "breaks"],
        ["labels", "breaks"],
    ]
    assert bench.gitcellar("contract", "diff", "vit-l/base@1.0", "vit-l/base@1.1").status == 0


def make_widened(folder: Path, policy: str) -> Bench:
    """A base model whose input became int64, and whose next version keeps the X of the one before."""
    bench = make_bench(folder, policy=f"{ANY_WAY}{policy}")
    for number, dtype in enumerate(("int32", "int64")):
        bench.declare("vit-l/base", dtype, contract={"inputs": {"ids": {"dtype": dtype, "shape": ["n"]}}})
        if not number:
            bench.register("vit-l/base", version="1.0")
    return bench


CASTS = {
    "no policy": ("", False),
    "at the top": ("casting: lossless\n", True),
    "for the model": ('models: [{match: "vit-l/*", casting: lossless}]\n', True),
    "for others": ('models: [{match: "vit-s/*", casting: lossless}]\n', False),
    "but not for the model": ('casting: lossless\nmodels: [{match: "vit-l/*", casting: none}]\n', False),
}


@pytest.mark.parametrize(("policy", "casts"), CASTS.values(), ids=CASTS)
def test_an_input_of_another_dtype_breaks_unless_the_policy_says_that_the_server_casts(
    tmp_path: Path, policy: str, casts: bool
) -> None:
    bench = make_widened(tmp_path / "cellar", policy)
    assert bench.register("vit-l/base", dry_run=True).tags == (("vit-l/base@1.1",) if casts else ("vit-l/base@2.0",))
    same_x = ask(bench.work, "check", "vit-l/base@1.1")
    assert same_x.status == (0 if casts else 1)
    assert casts or "C001 vit-l/base@1.1: breaks 1.0: inputs.ids.dtype: int32 became int64" in same_x.err
    bench.git("tag", "-a", "-m", "2.0", "vit-l/base@2.0")
    compared = ask(bench.work, "contract", "diff", "vit-l/base@1.0", "vit-l/base@2.0", "--json")
    document = json.loads(compared.out)
    assert (compared.status, document["breaks"], document["casting"]) == (
        int(not casts), not casts, "lossless" if casts else "none",
    )  # fmt: skip
    remote = ask(bench.work, "contract", "diff", "vit-l/base@1.0", "vit-l/base@2.0", "--repo", str(bench.work))
    assert remote.status == compared.status


def test_a_url_is_asked_for_its_own_casting(tmp_path: Path) -> None:
    bench = make_widened(tmp_path / "cellar", "casting: lossless\n")
    bench.git("tag", "-a", "-m", "2.0", "vit-l/base@2.0")
    bench.git("push", "-q", "origin", "main", "--tags")
    compared = ask(tmp_path, "contract", "diff", "vit-l/base@1.0", "vit-l/base@2.0", "--repo", bench.url)
    assert (compared.status, compared.err) == (0, "Keeps: an application of vit-l/base@1.0 goes on\n")


def test_versions_without_contracts_are_not_compared(bench: Bench) -> None:
    for number in range(3):
        contract = {"contract": {"outputs": OUTPUT}} if number == 2 else {}
        bench.declare("vit-l/base", str(number), **contract)
        bench.register("vit-l/base", version=f"0.{number + 1}")
    none = ask(bench.work, "contract", "diff", "vit-l/base@0.1", "vit-l/base@0.2", "--json")
    assert (none.status, none.out, none.error) == (3, "", "neither version has a contract, so nothing was compared")
    assert none.hint is not None and none.hint.startswith("write 'contract:' in the entry of artifacts.yaml")
    new = ask(bench.work, "contract", "diff", "vit-l/base@0.2", "vit-l/base@0.3")
    said = "Keeps: vit-l/base@0.2 has no contract, so there is no promise that vit-l/base@0.3 could break\n"
    assert (new.status, new.err) == (0, said)
    gone = ask(bench.work, "contract", "diff", "vit-l/base@0.3", "vit-l/base@0.2")
    assert (gone.status, gone.err) == (1, "Breaks: an application of vit-l/base@0.3 must change\n")


def test_x_that_rises_for_nothing_is_warned_of(bench: Bench) -> None:
    promise(bench, "1")
    bench.register("vit-l/base", version="1.0")
    promise(bench, "2")
    done = bench.gitcellar("register", "vit-l/base", "--bump", "major")
    assert (done.status, done.out) == (0, "vit-l/base@2.0\n")
    assert done.err.splitlines()[0] == "Warning: C002 vit-l/base@2.0: its contract breaks nothing of 1.0"


def test_a_project_model_keeps_its_promise_within_x(bench: Bench) -> None:
    bench.declare("vit-l/base", "base")
    bench.register("vit-l/base", version="1.0")
    bench.declare("vit-l/a", "1", base="vit-l/base@1.0", contract={"outputs": OUTPUT})
    bench.register("vit-l/a")
    bench.declare("vit-l/a", "2", contract={"outputs": {}})
    done = bench.gitcellar("register", "vit-l/a")
    assert done.err.splitlines() == [
        "Refused: C001 vit-l/a@1.0.2: breaks 1.0.1: outputs.scores: is gone",
        "Hint: tune it from a vit-l/base of X = 2, or keep the field as it was",
        "Hint: why: gitcellar rule C001",
    ]


# The doctor


def findings(bench: Bench, *options: str) -> dict[str, list[str]]:
    done = bench.gitcellar("doctor", "--json", *options)
    found: dict[str, list[str]] = {}
    for row in json.loads(done.out)["findings"]:
        if row["level"] != "ok":
            found.setdefault(row["subject"], []).append(row["message"])
    return found


def test_the_doctor_finds_nothing_where_nothing_is_wrong(guarded: Bench) -> None:
    assert run(guarded.work, "dvc", "remote", "modify", "s", "verify", "true").status == 0
    done = guarded.gitcellar("doctor")
    assert (done.status, findings(guarded)) == (0, {})


def test_the_doctor_names_what_has_gone_wrong_for_others(guarded: Bench) -> None:
    other = guarded.clone("other")
    other.git("fetch", "-q", "--tags", "origin")
    guarded.gitcellar("assign", "vit-l/base@1.0", "staging")
    other.gitcellar("assign", "vit-l/base@1.0", "production", "--push")
    guarded.git("tag", "-f", "-a", "-m", "moved", "vit-l/base@1.0")
    guarded.git("config", "push.followTags", "true")
    guarded.git("config", "fetch.pruneTags", "true")
    (guarded.work / ".git/refs/tags/vit-l/base@1.1.lock").write_text("")
    guarded.git("update-ref", "refs/tags/BERT/x", "HEAD")
    guarded.git("update-ref", "refs/tags/bert/x", "HEAD")
    (guarded.work / ".git/hooks/pre-push").write_text(f"#!/bin/sh\n# {MARK}, once\n")
    (guarded.work / ".git/hooks/pre-commit").unlink()
    found = findings(guarded)
    assert found["tags"][:3] == [
        "vit-l/base#production#1: on origin and not here",
        "vit-l/base#staging#1: here and not on origin",
        "vit-l/base@1.0: another object here than on origin",
    ]
    assert [text.split(" ")[0] for text in found["config"]] == ["push.followtags", "fetch.prunetags"]
    assert found["lock"] == ["refs/tags/vit-l/base@1.1.lock blocks that ref"]
    assert found["names"] == ["bert and BERT differ only in case"]
    assert (found["pre-push hook"], found["pre-commit hook"]) == (["outdated"], ["missing"])
    assert guarded.gitcellar("doctor").status == 1


def test_the_doctor_says_that_defaults_hold_and_what_does_not_answer(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "cellar", policy="")
    bench.git("remote", "set-url", "origin", str(tmp_path / "gone.git"))
    (bench.work / ".dvc/config").write_text("")
    found = findings(bench)
    assert found["policy"] == [
        f"there is no gitcellar.yaml on origin/main at {bench.git('rev-parse', 'HEAD')[:7]}, so the defaults hold"
    ]
    assert found["remote"][0].startswith("there is no git repository at origin")
    assert found["dvc remote"] == ["DVC has no remote for this cellar"]


def test_a_tag_in_the_way_of_a_rack_is_told_before_a_fetch_fails(guarded: Bench) -> None:
    other = guarded.clone("other")
    other.git("tag", "-d", "vit-l/base@1.0")
    other.git("tag", "vit-l", "HEAD")
    assert findings(other)["names"] == ["vit-l stands where the folder of vit-l/base@1.0 must"]


def test_a_clone_that_takes_the_policy_of_a_former_default_branch_is_told(bench: Bench) -> None:
    bench.git("push", "-q", "origin", "main:trunk")
    run(bench.remote, "git", "symbolic-ref", "HEAD", "refs/heads/trunk")
    told = [finding for finding in examine(bench.repository, "origin") if finding.subject == "policy"]
    assert [(f.level, f.message, f.hint) for f in told if f.level != "ok"] == [
        (
            "error",
            "the default branch of origin is refs/heads/trunk, and this clone takes the policy of main",
            "git remote set-head origin --auto",
        )
    ]


def test_a_shallow_clone_is_told(guarded: Bench, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "-q", "--depth=1", guarded.url, str(tmp_path / "shallow")], check=True)
    done = run(tmp_path / "shallow", "gitcellar", "doctor", "--plain")
    assert "clone\terror\tit is shallow" in done.out


HARM = ["a tip that names no event", "the deletion of a tag", "a tag that moves"]
PROBES = ["a version that nobody declared", *HARM]


def refs_of(*folders: Path) -> list[str]:
    return [run(folder, "git", "for-each-ref").out for folder in folders]


@pytest.mark.parametrize("hook", ["pre-receive", "update"])
def test_enforcement_is_proved_by_offering_what_must_be_refused(guarded: Bench, hook: str) -> None:
    (guarded.remote / "hooks/pre-receive").unlink()
    install_hooks(GitRepository(guarded.remote), [hook])
    before = refs_of(guarded.work, guarded.remote)
    shut = prove_enforcement(guarded.repository, "origin")
    assert [(f.subject, f.message) for f in shut if f.level != "ok"] == [("CI", "cannot be proved from here")]
    assert [f.message for f in shut if f.subject == "server"] == [f"refuses {what}" for what in PROBES]
    assert refs_of(guarded.work, guarded.remote) == before


def test_an_open_door_is_told_by_what_it_lets_in_and_nothing_stays(guarded: Bench) -> None:
    (guarded.remote / "hooks/pre-receive").unlink()
    assert guarded.gitcellar("hook", "uninstall").status == 0
    before = refs_of(guarded.work, guarded.remote)
    assert findings(guarded, "--enforcement") == {
        "pre-commit hook": ["lets in a manifest that cannot be read"],
        "pre-push hook": [f"lets in {what}" for what in PROBES],
        "server": [f"lets in {what}" for what in PROBES],
        "CI": ["cannot be proved from here"],
    }
    assert refs_of(guarded.work, guarded.remote) == before


def test_a_hook_that_judges_versions_alone_is_told_by_the_rest(guarded: Bench) -> None:
    hook = guarded.remote / "hooks/pre-receive"
    shim = hook.read_text()
    hook.write_text("#!/bin/sh\ngrep '/base@9.9$' > seen || exit 0\n" + shim.replace('-- "$@"', '-- "$@" < seen'))
    assert findings(guarded, "--enforcement")["server"] == [f"lets in {what}" for what in HARM]


def test_a_policy_that_needs_approvals_is_probed_with_a_branch_that_goes_back(tmp_path: Path) -> None:
    bench = make_peopled(tmp_path / "cellar", policy=f"{STAGES}policy_changes: {{count: 1}}\n")
    before = refs_of(bench.work, bench.remote)
    probed = [f for f in prove_enforcement(bench.repository, "origin") if f.subject == "server"]
    assert (probed[-1].level, probed[-1].message) == ("ok", "refuses a branch with the policy that goes back")
    (bench.remote / "hooks/pre-receive").unlink()
    probed = [f for f in prove_enforcement(bench.repository, "origin") if f.subject == "server"]
    assert (probed[-1].level, probed[-1].message) == ("error", "lets in a branch with the policy that goes back")
    assert refs_of(bench.work, bench.remote) == before


def test_a_server_that_refuses_for_reasons_of_its_own_is_told_apart(guarded: Bench) -> None:
    hook = guarded.remote / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho closed today >&2\nexit 1\n")
    said = findings(guarded, "--enforcement")["server"]
    assert len(said) == 1
    assert said[0].startswith("refuses a version that nobody declared, and not as gitcellar does:")


# For other machines


def test_the_ruleset_keeps_registry_tags(tmp_path: Path) -> None:
    ruleset = json.loads(run(tmp_path, "gitcellar", "rulesets", "github").out)
    assert (ruleset["target"], ruleset["enforcement"]) == ("tag", "active")
    assert {rule["type"] for rule in ruleset["rules"]} == {"deletion", "update", "non_fast_forward"}


# Gates


def test_a_gate_is_shown_and_held_at_every_door(tmp_path: Path) -> None:
    policy = """\
stages:
  staging: {gates: [{metric: accuracy, at_least: 0.8}]}
  production: {gates: [{metric: accuracy, improves_on: production, by: 1%}, {metric: accuracy, improves_on: base}]}
"""
    bench = make_bench(tmp_path / "cellar", policy=policy)
    bench.declare("vit-l/base", "base", metrics={"accuracy": 0.5})
    bench.register("vit-l/base", version="1.0")
    (bench.work / "metrics.json").write_text('{"accuracy": 0.85}')
    bench.declare("vit-l/a", "1", base="vit-l/base@1.0", metrics="metrics.json")
    bench.register("vit-l/a")
    for stage in ("staging", "production"):
        assert bench.gitcellar("assign", "vit-l/a@1.0.1", stage).status == 0
    (bench.work / "metrics.json").write_text('{"accuracy": 0.855}')
    bench.declare("vit-l/a", "2")
    bench.register("vit-l/a")
    shown = bench.gitcellar("gate", "vit-l/a@latest", "production")
    assert shown.status == 1
    assert [line.split() for line in shown.out.splitlines()] == [
        ["gate", "value", "limit", "margin", "met"],
        ["accuracy", "above", "that", "of", "production", "by", "1%", "0.855", "0.8585", "-0.0035", "no"],
        ["accuracy", "above", "that", "of", "base", "0.855", "0.5", "0.355", "yes"],
    ]
    assert shown.err == "Not met: accuracy is 0.855, and must be at least 0.8585\n"
    refused = bench.gitcellar("assign", "vit-l/a@1.0.2", "production")
    assert refused.err.splitlines()[0] == (
        "Refused: S006 vit-l/a#production#3: accuracy is 0.855, and must be at least 0.8585"
    )
    assert bench.gitcellar("gate", "vit-l/a@latest", "staging").status == 0
    assert bench.gitcellar("gate", "vit-l/a@latest", "stagin").status == 3
    bench.gitcellar("push")
    tag(bench, "vit-l/a#production#3", "vit-l/a@1.0.2^{}")
    assert bench.gitcellar("hook", "install", "--server", "-C", str(bench.remote)).status == 0
    pushed = run(bench.work, "git", "push", "origin", "vit-l/a#production#3")
    assert "S006 vit-l/a#production#3: accuracy is 0.855" in pushed.err


def test_what_one_commit_got_wrong_stops_no_other_from_being_judged(stocked: Bench) -> None:
    (stocked.work / "models/vit-l-base.dvc").write_text("outs: [\n")
    stocked.commit("a broken tracking file")
    tag(stocked, "vit-l/base@1.1")
    (stocked.work / "artifacts.yaml").write_text("x: " + "y" * 5_000_000)
    stocked.commit("a bomb")
    tag(stocked, "vit-l/base@1.2")
    tag(stocked, "vit-l/projectA#live#1", "vit-l/projectA@1.0.1^{}")
    found = json.loads(stocked.gitcellar("check", "--all", "--json").out)
    assert [(row["rule"], row["subject"], row["message"][:40]) for row in found["violations"]] == [
        ("M002", "vit-l/base", "models/vit-l-base.dvc:2:1: not YAML: did"),
        ("M002", "vit-l/base", "artifacts.yaml:1: the file has 4194305 b"),
        ("S001", "vit-l/projectA#live#1", "'live' is none of the policy's stages: s"),
    ]


def told(bench: Bench, subject: str, remote: str = "origin") -> list[tuple[str, str, str | None]]:
    """What the doctor says of a subject that is not well."""
    found = [each for each in examine(bench.repository, remote) if each.subject == subject and each.level != "ok"]
    return [(each.level, each.message, each.hint) for each in found]


def test_a_policy_of_another_branch_is_not_called_fine(bench: Bench) -> None:
    bench.git("push", "-q", "origin", "main:trunk")
    run(bench.remote, "git", "symbolic-ref", "HEAD", "refs/heads/trunk")
    levels = [each.level for each in examine(bench.repository, "origin") if each.subject == "policy"]
    assert levels == ["error"]


def test_without_a_remote_the_branch_that_is_checked_out_is_not_taken_for_the_protected_one(bench: Bench) -> None:
    bench.git("remote", "remove", "origin")
    assert told(bench, "policy") == []
    bench.git("checkout", "-q", "-b", "loose")
    (bench.work / "gitcellar.yaml").write_text("stages: [anything]\n")
    bench.commit("looser")
    (said,) = told(bench, "policy")
    assert said[:2] == ("warning", "the policy is that of loose, which is checked out, and main has another one")
    bench.git("remote", "add", "upstream", str(bench.remote))
    (said,) = told(bench, "policy")
    assert said == (
        "warning",
        "there is no remote origin, so the policy is that of loose, which is checked out",
        "gitcellar doctor --remote upstream",
    )


def test_a_storage_folder_that_is_gone_is_told(guarded: Bench) -> None:
    shutil.rmtree(guarded.storage)
    (first, *_) = told(guarded, "dvc remote")
    assert first[:2] == (
        "error", f"s is at {guarded.storage}, which does not exist, and versions are registered",
    )  # fmt: skip


def test_a_storage_folder_that_nothing_was_pushed_to_is_no_error(bench: Bench) -> None:
    (first, *_) = told(bench, "dvc remote")
    assert first[:2] == ("warning", f"s is at {bench.storage}, which does not exist yet")


def test_a_branch_with_the_name_of_a_versions_tag_is_told(stocked: Bench) -> None:
    stocked.git("branch", "vit-l/base@1.0")
    stocked.git("push", "-q", "origin", "main:refs/heads/vit-l/base@1.0")
    assert told(stocked, "names") == [
        (
            "error",
            "the branch vit-l/base@1.0 shadows the tag of that name",
            "rename it: git branch -m vit-l/base@1.0 NEW-NAME",
        ),
        (
            "error",
            "the branch vit-l/base@1.0 on origin shadows the tag of that name",
            "rename it: git push origin refs/remotes/origin/vit-l/base@1.0:refs/heads/NEW-NAME :refs/heads/vit-l/base@1.0",
        ),
    ]


def test_a_tag_whose_object_is_gone_is_told(guarded: Bench) -> None:
    commit = guarded.commit("soon gone")
    tag(guarded, "vit-l/base@1.1")
    tag(guarded, "unrelated")
    guarded.git("reset", "-q", "--hard", "HEAD~1")
    (guarded.work / ".git/objects" / commit[:2] / commit[2:]).unlink()
    assert [message for _, message, _ in told(guarded, "chain")] == [
        "unrelated: its object, or what that points at, is not here",
        "vit-l/base@1.1: its object, or what that points at, is not here",
    ]


def test_the_hint_for_a_tag_whose_object_is_gone_brings_it_back(guarded: Bench) -> None:
    lost = guarded.git("rev-parse", "refs/tags/vit-l/base@1.0")
    (guarded.work / ".git/objects" / lost[:2] / lost[2:]).unlink()
    hint = next(hint for _, message, hint in told(guarded, "chain") if message.startswith("vit-l/base@1.0"))
    assert hint == (
        "git update-ref -d 'refs/tags/vit-l/base@1.0' && gitcellar fetch vit-l/base brings back what was pushed"
    )
    guarded.git("update-ref", "-d", "refs/tags/vit-l/base@1.0")
    assert guarded.gitcellar("fetch", "vit-l/base").status == 0
    assert told(guarded, "chain") == []
    assert guarded.git("rev-parse", "refs/tags/vit-l/base@1.0") == lost


def test_an_event_that_follows_a_tag_which_is_gone_is_told(guarded: Bench) -> None:
    guarded.declare("vit-l/base", "base 2")
    guarded.register("vit-l/base")
    first = guarded.git("rev-parse", "vit-l/base@1.1")
    guarded.assign("vit-l/base@1.1", "staging")
    tip = guarded.git("rev-parse", "vit-l/base#staging#1")
    hint = "gitcellar fetch vit-l/base brings back what was pushed; gitcellar undo vit-l/base drops what never was"
    assert told(guarded, "chain") == []
    guarded.git("tag", "-d", "vit-l/base@1.1")
    followed = ("error", f"vit-l/base#staging#1: it follows {first[:12]}, and no tag holds that event", hint)
    assert told(guarded, "chain") == [followed]
    guarded.git("tag", "-d", "vit-l/base#staging#1")
    ref = "refs/gitcellar/vit-l/base@tip"
    message = f"{ref}: it is the newest event by the tip, {tip[:12]}, and no tag holds it"
    assert told(guarded, "chain") == [("error", message, hint)]


def test_a_misspelled_dtype_is_warned_of_when_it_is_checked_and_registered(bench: Bench) -> None:
    bench.declare("vit-l/base", "base 1", contract={"inputs": {"a": {"dtype": "int33"}}})
    for words in (("check",), ("register", "vit-l/base")):
        said = ask(bench.work, *words)
        assert said.status == 0
        assert "C004 vit-l/base: contract.inputs.a.dtype: 'int33' is no known dtype" in said.out + said.err
