"""Approvals, rejections and claims: real keys, a real server with our hook, one judge behind both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cellars import Bench
from tests.support.people import STAGES, key_of, make_peopled, people, sign_as, write_policy
from tests.support.processes import Result, git, run

REF = "vit-l/base@1.0"


@pytest.fixture
def peopled(tmp_path: Path) -> Bench:
    """A signed cellar with one version in staging."""
    return make_peopled(tmp_path / "cellar")


def as_(bench: Bench, name: str, *args: str) -> Result:
    sign_as(bench, name)
    return bench.gitcellar(*args)


def approve(bench: Bench, name: str, *args: str, ref: str = REF) -> Result:
    return as_(bench, name, "approve", ref, "--for", "production", "--yes", "--push", *args)


def promote(bench: Bench, name: str, *args: str, ref: str = REF) -> Result:
    return as_(bench, name, "promote", ref, "production", "--push", *args)


def raw_push(bench: Bench, tag: str, target: str, *, sign: bool = True) -> Result:
    """Push a tag that git alone wrote, past all that the command line would say."""
    bench.git("tag", "-a", "-s" if sign else "--no-sign", "-m", tag, tag, target)
    pushed = run(bench.work, "git", "push", "origin", tag)
    bench.git("tag", "-d", tag)
    return pushed


def test_a_version_enters_production_with_the_approvals_of_two_people_and_never_without(peopled: Bench) -> None:
    refused = promote(peopled, "cy")
    assert refused.err.splitlines()[:2] == [
        "Refused: A003 vit-l/base#production#2: 1 more approval in the role qa",
        "Refused: A003 vit-l/base#production#2: 1 more approval in the role safety",
    ]
    assert approve(peopled, "ada", "-m", "Tested on site.").status == 0
    waiting = promote(peopled, "cy", "--when-ready")
    assert (waiting.status, waiting.err) == (1, "Waiting: 1 more approval in the role safety\n")
    assert approve(peopled, "ben").status == 0
    done = promote(peopled, "cy", "--when-ready")
    assert (done.status, done.out) == (0, "vit-l/base#production#4\n")
    assert peopled.gitcellar("verify").status == 0
    assert peopled.gitcellar("check", "--all").status == 0


def test_the_server_refuses_what_is_pushed_past_the_command_line(peopled: Bench) -> None:
    sign_as(peopled, "cy")
    refused = raw_push(peopled, "vit-l/base#production#2", f"{REF}^{{}}").err
    assert "A003 vit-l/base#production#2: 1 more approval in the role qa" in refused
    sign_as(peopled, "ada")
    assert (
        "A002 vit-l/base#production#2: ada@example.com assigns it, and only release may"
        in raw_push(peopled, "vit-l/base#production#2", f"{REF}^{{}}").err
    )
    claim = raw_push(peopled, f"{REF}=approved.production#2", REF).err
    assert f"A004 {REF}=approved.production#2: it says ? ?, and not what its tag says" in claim
    assert git(peopled.remote, "tag", "-l", "*#2") == ""


def test_an_approval_cannot_be_moved_to_another_name_model_or_cellar(peopled: Bench) -> None:
    assert approve(peopled, "ada").status == 0
    taken = git(peopled.work, "cat-file", "tag", f"{REF}=approved.production#2")
    for name in (f"{REF}=approved.production#3", f"{REF}=approved.staging#3"):
        peopled.git("update-ref", f"refs/tags/{name}", f"{REF}=approved.production#2")
        pushed = run(peopled.work, "git", "push", "origin", f"refs/tags/{name}")
        assert f"V007 {name}: its tag object says '{REF}=approved.production#2'" in pushed.err
        peopled.git("update-ref", "-d", f"refs/tags/{name}")
    forged = taken.replace("approved.production#2", "approved.production#3")
    made = run(peopled.work, "git", "mktag", stdin=f"{forged}\n")
    peopled.git("update-ref", f"refs/tags/{REF}=approved.production#3", made.out.strip())
    pushed = run(peopled.work, "git", "push", "origin", f"refs/tags/{REF}=approved.production#3")
    assert f"A004 {REF}=approved.production#3: it has a signature that does not fit" in pushed.err


def test_bytes_after_a_signature_are_no_signature(peopled: Bench) -> None:
    assert approve(peopled, "ada", "--dry-run").status == 0
    tag = f"{REF}=approved.production#2"
    sign_as(peopled, "ada")
    assert as_(peopled, "ada", "approve", REF, "--for", "production", "--yes").status == 0
    longer = git(peopled.work, "cat-file", "tag", tag) + "\nRole: safety\n"
    made = run(peopled.work, "git", "mktag", stdin=longer)
    peopled.git("update-ref", f"refs/tags/{tag}", made.out.strip())
    assert (
        run(peopled.work, "git", "-c", f"gpg.ssh.allowedSignersFile={signers(peopled)}", "verify-tag", tag).status == 0
    )
    pushed = run(peopled.work, "git", "push", "origin", f"refs/tags/{tag}")
    assert f"A004 {tag}: it has something after its signature, or one that is malformed" in pushed.err


def signers(bench: Bench) -> Path:
    path = bench.folder / "allowed_signers"
    public = key_of(bench, "ada").with_suffix(".pub").read_text()
    path.write_text(f"ada@example.com {public}")
    return path


def test_a_program_of_the_repositorys_config_is_not_asked(peopled: Bench) -> None:
    sign_as(peopled, "ada")
    liar = peopled.folder / "liar"
    liar.write_text(f"#!/bin/sh\ntouch {peopled.folder}/ran\nexit 0\n")
    liar.chmod(0o755)
    for repository in (peopled.work, peopled.remote):
        git(repository, "config", "gpg.ssh.program", str(liar))
        git(repository, "config", "gpg.program", str(liar))
    assert approve(peopled, "ada").status == 0
    assert peopled.gitcellar("claims", REF, "--for", "production").status == 1
    assert not (peopled.folder / "ran").exists()


def test_an_approval_does_not_outlive_a_rollback(peopled: Bench) -> None:
    for name in ("ada", "ben"):
        assert approve(peopled, name).status == 0
    assert promote(peopled, "cy").status == 0
    assert as_(peopled, "cy", "unassign", "vit-l/base", "production", "--push").status == 0
    again = promote(peopled, "cy", "--when-ready")
    assert again.err.splitlines() == [
        "Waiting: 1 more approval in the role qa",
        "Waiting: 1 more approval in the role safety",
    ]
    assert as_(peopled, "cy", "rollback", "vit-l/base", "production").status == 1
    # Who is on call may put back alone what was live a moment ago.
    assert as_(peopled, "ben", "rollback", "vit-l/base", "production", "--push").status == 0


def test_a_rejection_by_who_may_approve_keeps_a_version_out(peopled: Bench) -> None:
    for name in ("ada", "ben"):
        assert approve(peopled, name).status == 0
    assert as_(peopled, "ada", "reject", REF, "--for", "production").status == 2
    said = as_(peopled, "ada", "reject", REF, "--for", "production", "--why", "Fails at night.", "--push")
    assert said.status == 0
    refused = promote(peopled, "cy")
    assert f"ada@example.com rejected it: {REF}=rejected.production#4" in refused.err
    assert approve(peopled, "ada").status == 0
    assert promote(peopled, "cy").status == 0


def test_broken_glass_is_loud_until_it_is_ratified(peopled: Bench) -> None:
    assert promote(peopled, "ben", "--break-glass").status == 2
    assert "breaks the glass" in promote(peopled, "cy", "--break-glass", "--why", "Outage.").err
    done = promote(peopled, "ben", "--break-glass", "--why", "Outage.")
    assert done.out.splitlines() == [f"{REF}=bypassed.production#2", "vit-l/base#production#3"]
    loud = "production of vit-l/base was entered by broken glass"
    for verb in (("show",), ("show", "vit-l/base"), ("resolve", "vit-l/base#production"), ("audit",)):
        assert loud in peopled.gitcellar(*verb).err
    assert json.loads(peopled.gitcellar("show", "--json").out)["models"][0]["unratified"] == {
        "production": f"{REF}=bypassed.production#2"
    }
    assert "1 more approval in the role qa" in as_(peopled, "ben", "ratify", REF, "--for", "production").err
    assert approve(peopled, "ada").status == 0
    assert approve(peopled, "ben").status == 0
    assert as_(peopled, "cy", "ratify", REF, "--for", "production", "--push").status == 0
    assert "broken glass" not in peopled.gitcellar("show").err


def test_claims_and_scans_open_gates(tmp_path: Path) -> None:
    gates = """
    gates:
      - {claim: evaluated.fairness, by: [safety]}
      - {scan: clean}
      - {metric: gap, at_most: 0.05}
      - {age_at_least: 1h in staging}
"""
    bench = make_peopled(tmp_path / "cellar", policy=STAGES.replace("    by: [release]\n", gates.lstrip("\n")))
    found = bench.gitcellar("gate", REF, "production", "--plain")
    assert [line.split("\t")[-1] for line in found.out.splitlines()] == ["no"] * 4
    wrong = as_(bench, "ada", "claim", REF, "approved.production")
    assert (wrong.status, "neither evaluated.NAME" in wrong.err) == (3, True)
    for name in ("ada", "ben"):
        assert as_(bench, name, "claim", REF, "evaluated.fairness", "--metric", "gap=0.02").status == 0
    assert as_(bench, "ada", "claim", REF, "scanned.modelscan", "--result", "dirty").status == 0
    assert "modelscan: dirty" in bench.gitcellar("gate", REF, "production").err
    assert as_(bench, "ada", "claim", REF, "scanned.modelscan", "--result", "clean").status == 0
    again = as_(bench, "ada", "claim", REF, "scanned.modelscan", "--result", "clean")
    assert again.err == f"Nothing to do: vit-l/base 1.0 has that claim already: {REF}=scanned.modelscan#5\n"
    met = [line.split("\t")[-1] for line in bench.gitcellar("gate", REF, "production", "--plain").out.splitlines()]
    assert met == ["yes", "yes", "yes", "no"]


def test_a_key_counts_on_its_days_alone_and_a_revoked_one_never(peopled: Bench) -> None:
    assert approve(peopled, "ada").status == 0
    public = people(peopled).partition("ada@example.com")[2].partition("keys: [")[2].partition("]")[0]
    for said, reason in (
        (f"{{key: {public}, until: 2026-01-01}}", "counted until 2026-01-01"),
        (f"{{key: {public}, from: 2099-01-01}}", "counts from 2099-01-01 on"),
        (f"{{key: {public}, revoked: true}}", "was revoked"),
    ):
        write_policy(peopled, STAGES + people(peopled, ada=said))
        claims = json.loads(peopled.gitcellar("claims", REF, "--for", "production", "--json").out)
        assert reason in claims["claims"][0]["fault"]
    assert not claims["approved"]


def test_the_people_of_allowed_signers_count_too(peopled: Bench) -> None:
    folder = peopled.work / ".gitcellar"
    folder.mkdir()
    key = people(peopled).partition("ada@example.com")[2].partition("keys: [")[2].partition("]")[0]
    (folder / "allowed_signers").write_text(
        f'# people\nada@example.com namespaces="git",valid-after="20250101Z" {key}\n'
    )
    written = people(peopled).replace(f"keys: [{key}]", "keys: []", 1)
    write_policy(peopled, STAGES + written)
    assert approve(peopled, "ada").status == 0
    claims = json.loads(peopled.gitcellar("claims", REF, "--json").out)
    assert claims["claims"][0]["by"] == "ada@example.com"


def test_nobody_is_asked_where_nobody_can_answer(peopled: Bench) -> None:
    sign_as(peopled, "ada")
    refused = peopled.gitcellar("approve", REF, "--for", "production")
    assert (refused.status, "say --yes" in refused.err) == (2, True)


def with_command(bench: Bench, *words: str) -> None:
    """Let production ask for a command beside nothing else."""
    stages = f"stages:\n  production: {{gates: [{{command: {json.dumps(words)}}}]}}\n"
    write_policy(bench, f"{stages}{people(bench)}")


def test_a_command_gate_is_met_once_it_was_run_and_has_succeeded(peopled: Bench) -> None:
    with_command(peopled, "sh", "-c", 'echo "$GITCELLAR_MODEL $GITCELLAR_VERSION $GITCELLAR_STAGE" | tee said')
    waiting = promote(peopled, "cy", "--when-ready")
    assert waiting.status == 1
    assert "was not run, or failed" in waiting.err
    dry = as_(peopled, "ada", "evaluate", REF, "production", "--dry-run")
    assert dry.err.startswith("Would run: sh -c ")
    done = as_(peopled, "ada", "evaluate", REF, "production", "--push", "--json")
    assert done.status == 0, done.err
    gates = json.loads(done.out)["gates"]
    assert [(row["met"], row["status"], row["tag"]) for row in gates] == [(True, 0, f"{REF}=evaluated.command#2")]
    assert (peopled.work / "said").read_text() == "vit-l/base 1.0 production\n"
    again = as_(peopled, "ada", "evaluate", REF, "production", "--push")
    assert again.err.startswith("Met: sh -c ")
    assert promote(peopled, "cy", "--when-ready").status == 0


def test_a_command_that_fails_or_is_not_there_claims_nothing(peopled: Bench) -> None:
    with_command(peopled, "false")
    failed = as_(peopled, "ada", "evaluate", REF, "production", "--push")
    assert (failed.status, failed.err) == (1, "Failed: false ended with exit code 1; nothing is claimed\n")
    with_command(peopled, "no-such-program")
    missing = as_(peopled, "ada", "evaluate", REF, "production", "--push")
    assert "cannot run 'no-such-program'" in missing.err
    assert git(peopled.remote, "tag", "-l", "*=*") == ""


def test_what_ran_says_nothing_for_a_command_that_the_policy_asks_for_since(peopled: Bench) -> None:
    with_command(peopled, "true")
    assert as_(peopled, "ada", "evaluate", REF, "production", "--push").status == 0
    with_command(peopled, "sh", "-c", "true")
    assert promote(peopled, "cy", "--when-ready").status == 1
