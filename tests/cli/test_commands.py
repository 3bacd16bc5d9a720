"""What a person and a script see: whole outputs of the installed command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gitcellar.policy.judge import RULES
from tests.support.cellars import Bench, tag
from tests.support.people import sign_as
from tests.support.processes import run


@pytest.fixture
def live(stocked: Bench) -> Bench:
    stocked.assign("vit-l/projectA@1.0.1", "production", push=True)
    return stocked


def short(bench: Bench, revision: str) -> str:
    return bench.git("rev-parse", f"{revision}^{{commit}}")[:7]


def test_register_prints_the_tag_and_the_next_step(stocked: Bench) -> None:
    stocked.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    done = stocked.gitcellar("register", "vit-l/projectA", "-m", "More data.")
    assert (done.status, done.out) == (0, "vit-l/projectA@1.0.2\n")
    commit = short(stocked, "HEAD")
    digest = "41b6adff9a59ce6b57c8b2ffb2e8eae7d1edd5c8a2bbbae25a1ef4f4f9b6f3c8"
    assert done.err.splitlines()[:2] == [
        f"Done: Register vit-l/projectA 1.0.2, at {commit}",
        "Next: nothing has left this machine: gitcellar push vit-l/projectA",
    ]
    assert len(done.err.splitlines()[2]) == len(f"Checkpoint: sha256:{digest}, 3 B")


def test_a_refusal_is_a_line_a_violation_with_what_to_do(stocked: Bench) -> None:
    stocked.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    done = stocked.gitcellar("register", "vit-l/projectA", "--version", "1.0.4")
    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines() == [
        "Refused: V003 vit-l/projectA@1.0.4: 1.0.3 comes first",
        "Hint: let gitcellar count: gitcellar register vit-l/projectA",
        "Hint: why: gitcellar rule V003",
    ]


def test_show_tells_every_model_and_warns_of_odd_tags(live: Bench) -> None:
    tag(live, "vit-l/base#staging#1", "HEAD")
    done = live.gitcellar("show")
    assert done.out.splitlines() == [
        "model           latest  stages             versions",
        "vit-l/base      1.0                        1         anomalies: 1",
        "vit-l/projectA  1.0.1   production: 1.0.1  1",
    ]
    assert done.err.splitlines() == ["Warning: tags that contradict: vit-l/base", "Hint: gitcellar show vit-l/base"]
    one = live.gitcellar("show", "vit-l/base")
    assert one.err == (
        f"Warning: vit-l/base#staging#1: no version is registered at {short(live, 'HEAD')}, "
        "so staging holds nothing (unregistered)\n"
    )


def test_plain_is_tab_separated_and_every_field_is_there(live: Bench) -> None:
    assert live.gitcellar("show", "--plain").out == (
        "vit-l/base\t1.0\t-\t1\t-\nvit-l/projectA\t1.0.1\tproduction=1.0.1\t1\t-\n"
    )
    commit = live.git("rev-parse", "HEAD")
    line = f"vit-l/projectA@1.0.1\t{commit}\tvit-l/projectA@1.0.1"
    assert live.gitcellar("resolve", "vit-l/projectA#production").out == f"{line}\n"
    assert live.gitcellar("resolve", "--plain", "vit-l/projectA@1").out == f"{line}\tproduction\n"
    assert live.gitcellar("history", "vit-l/projectA", "--plain").out.splitlines()[0] == (
        f"assigned\tvit-l/projectA\t1.0.1\tproduction\t1\tvit-l/projectA#production#1\t{commit}"
    )


def test_git_cellar_is_the_same_command(live: Bench) -> None:
    assert run(live.work, "git-cellar", "show", "--plain").out == live.gitcellar("show", "--plain").out


def test_c_is_taken_before_and_after_the_verb(live: Bench) -> None:
    expected = live.gitcellar("show", "--plain").out
    for words in (["-C", str(live.work), "show", "--plain"], ["show", "--plain", "-C", str(live.work)]):
        assert run(live.folder, "gitcellar", *words).out == expected


# Documents


def validated(bench: Bench, name: str, *args: str) -> Any:
    """What a verb prints with --json, held against the schema that gitcellar prints for it."""
    done = bench.gitcellar(name, *args, "--json")
    assert done.status == 0, done.err
    document = json.loads(done.out)
    schema = json.loads(bench.gitcellar("schema", name).out)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)
    assert document["schema"] == 1
    return document


def test_every_document_is_what_its_schema_says(live: Bench, tmp_path: Path) -> None:
    commit = live.git("rev-parse", "HEAD")
    shown = validated(live, "show")
    assert [model["name"] for model in shown["models"]] == ["vit-l/base", "vit-l/projectA"]
    assert shown["models"][1] == {
        "name": "vit-l/projectA",
        "rack": "vit-l",
        "project": "projectA",
        "kind": "project",
        "latest": "1.0.1",
        "deprecated": False,
        "versions": [
            {
                "version": "1.0.1",
                "tag": "vit-l/projectA@1.0.1",
                "commit": commit,
                "withdrawn": False,
                "stages": ["production"],
                "state": "production",
            }
        ],
        "stages": {
            "production": {
                "version": "1.0.1",
                "tag": "vit-l/projectA#production#1",
                "commit": commit,
                "withdrawn": False,
            }
        },
        "unratified": {},
        "anomalies": [],
    }
    (latest, *_) = validated(live, "history")["events"]
    assert {key: latest[key] for key in ("event", "model", "version", "stage", "counter", "author", "email")} == {
        "event": "assigned",
        "model": "vit-l/projectA",
        "version": "1.0.1",
        "stage": "production",
        "counter": 1,
        "author": "Ann",
        "email": "ann@example.com",
    }
    assert validated(live, "resolve", "vit-l/projectA@latest")["stages"] == ["production"]
    described = validated(live, "describe", "vit-l/projectA@latest")
    assert described["entry"]["base"] == "vit-l/base@1.0"
    assert described["base"]["model"] == "vit-l/base"
    got = validated(live, "get", "vit-l/projectA@latest", "-o", str(tmp_path / "x"))
    assert (got["verified"], got["checkpoint"]) == (True, described["checkpoint"])
    assigned = validated(live, "assign", "vit-l/projectA@latest", "staging", "-n")
    assert (assigned["tags"], assigned["created"], assigned["dry_run"]) == (["vit-l/projectA#staging#2"], False, True)
    assert validated(live, "assign", "vit-l/projectA@latest", "staging")["created"]
    assert validated(live, "push")["tags"] == ["vit-l/projectA#staging#2"]
    assert validated(live, "fetch")["tags"] == []
    assert validated(live, "register", "vit-l/projectA")["version"] == "1.0.1"
    assert validated(live, "unassign", "vit-l/projectA", "staging")["stage"] == "staging"
    assert validated(live, "withdraw", "vit-l/projectA@1.0.1")["tags"] == ["vit-l/projectA@1.0.1!#4"]
    assert validated(live, "deprecate", "vit-l/projectA")["version"] is None
    assert validated(live, "init")["files"] == []
    (live.work / "w.bin").write_text("w")
    added = validated(live, "add", "vit-l/projectB", "w.bin", "--base", "vit-l/base@1.0", "--metric", "a=0.5")
    assert added["entry"]["metrics"] == {"a": 0.5}


def test_what_is_told_of_deployments_is_what_its_schema_says(live: Bench, tmp_path: Path) -> None:
    assert validated(live, "reconcile", "--to", str(tmp_path / "deploy"))["changed"]
    words = ("--stage", "production", "--into", str(tmp_path / "site"), "--site", "s", "--once")
    served = validated(live, "agent", *words, "--report", str(tmp_path / "status"))
    assert [row["status"] for row in served["stages"]] == ["changed"]
    assert [row["finding"] for row in validated(live, "diff-live", str(tmp_path / "status"))["sites"]] == ["current"]
    assert validated(live, "evaluate", "vit-l/projectA@latest", "staging")["gates"] == []
    sign_as(live, "ann")
    assert len(validated(live, "index", "--out", str(tmp_path / "index"))["stages"]) == 1


def test_the_schemas_of_the_files_fit_the_files(live: Bench) -> None:
    import yaml

    manifest = yaml.safe_load((live.work / "artifacts.yaml").read_text())
    schema = json.loads(live.gitcellar("schema", "artifacts").out)
    jsonschema.validate(manifest, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"vit-l/base": {"pth": "x"}}, schema)
    live.gitcellar("init")
    policy = yaml.safe_load((live.work / "gitcellar.yaml").read_text())
    jsonschema.validate(policy, json.loads(live.gitcellar("schema", "gitcellar").out))


# What strangers wrote


def test_a_terminal_never_sees_a_strangers_control_characters(live: Bench) -> None:
    live.git("tag", "-a", "-m", "x\n\n\x1b[31mred\x07 \u202eevil", "vit-l/projectA@1.0.2", "HEAD~1")
    for words in (["history"], ["history", "--json"], ["describe", "vit-l/projectA@1.0.2"], ["show", "vit-l/projectA"]):
        done = live.gitcellar(*words)
        assert not {"\x1b", "\x07", "\u202e"} & set(done.out + done.err), words


def test_a_broken_pipe_is_no_error(live: Bench) -> None:
    program = str(Path(sys.executable).with_name("gitcellar"))
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"'{program}' schema show | true"],
        cwd=live.work,
        capture_output=True,
        check=False,
    )
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (["show", "vit-l/bsae"], 3, "Error: there is no model vit-l/bsae\nHint: did you mean vit-l/base?\n"),
        (
            ["resolve", "vit-l/projectA@1.0.2"],
            3,
            "Error: vit-l/projectA 1.0.2 is not registered\nHint: did you mean 1.0.1?\n",
        ),
        (
            ["assign", "vit-l/projectA", "prodction"],
            1,
            "Refused: S001 vit-l/projectA#prodction#2: 'prodction' is none of the policy's stages: staging, production, archived\n"
            "Hint: did you mean production?\nHint: why: gitcellar rule S001\n",
        ),
        (
            ["assign", "vit-l/projectA", "staging", "--push", "--remote", "nowhere"],
            3,
            "Error: there is no remote 'nowhere'\nHint: there are: origin\n",
        ),
        (["register", "vit-l/projectA", "HEAD~99"], 3, "Error: 'HEAD~99' names no commit here\nHint: git log --oneline lists them\n"),
        (["show", "--repo", "nowhere"], 3, "Error: there is no folder 'nowhere'\nHint: give a path, or a URL such as https://host/cellar.git\n"),
        (
            ["withdraw", "vit-l/projectA@latest"],
            3,
            "Error: 'vit-l/projectA@latest' is not one version\nHint: name it: gitcellar withdraw vit-l/projectA@VERSION\n",
        ),
    ],
)  # fmt: skip
def test_a_wrong_request_is_told_what_to_type(live: Bench, words: list[str], status: int, error: str) -> None:
    done = live.gitcellar(*words)
    assert (done.status, done.out, done.err) == (status, "", error)


def test_a_folder_that_is_no_repository_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, "gitcellar", "show")
    assert (done.status, done.err) == (
        3,
        f"Error: {tmp_path} is not in a git repository\nHint: git init, or use -C PATH\n",
    )


def test_a_wrong_verb_is_wrong_usage_with_the_nearest(tmp_path: Path) -> None:
    done = run(tmp_path, "gitcellar", "regster")
    assert done.status == 2
    assert done.err.endswith("Error: No such command 'regster'. Did you mean register?\n")


def test_a_bug_of_ours_is_told_with_a_log(live: Bench) -> None:
    program = (
        "import sys; sys.argv = ['gitcellar', 'show'];"
        "import gitcellar.cellar.reading as reading; reading.read_cellar = lambda source: 1 / 0;"
        "from gitcellar.doors.cli.main import main; main()"
    )
    done = run(live.work, "python", "-c", program)
    assert done.status == 70
    first, second = done.err.splitlines()
    assert first == "Error: this is a bug in gitcellar: ZeroDivisionError: division by zero"
    log = Path(second.removeprefix("Hint: report it with this log: "))
    assert "ZeroDivisionError" in log.read_text()
    log.unlink()


# What a verb loads


@pytest.mark.parametrize(
    ("words", "unused"),
    [
        (["show", "--plain"], ["dvc", "pydantic", "rich", "yaml", "semver", "ruamel"]),
        (["show", "--json"], ["dvc", "pydantic", "rich", "yaml", "semver", "ruamel"]),
        (["resolve", "vit-l/projectA@latest"], ["dvc", "pydantic", "rich", "yaml", "semver", "ruamel"]),
        (["history", "--json"], ["dvc", "pydantic", "rich", "yaml", "semver", "ruamel"]),
        (["show"], ["dvc", "pydantic", "yaml", "semver", "ruamel"]),
        (["assign", "vit-l/projectA", "staging", "-n"], ["dvc", "rich", "semver", "ruamel"]),
        (["fetch"], ["dvc", "rich", "semver", "ruamel"]),
    ],
    ids=lambda value: " ".join(value[:2]),
)
def test_a_verb_loads_only_what_it_uses(live: Bench, words: list[str], unused: list[str]) -> None:
    program = (
        f"import sys; sys.argv = ['gitcellar', *{words!r}];"
        "from gitcellar.doors.cli.main import cli;"
        f"cli.main(standalone_mode=False); print([m for m in {unused!r} if m in sys.modules], file=sys.stderr)"
    )
    done = run(live.work, "python", "-c", program)
    assert done.status == 0, done.err
    assert done.err.splitlines()[-1] == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_and_completes_models(live: Bench, shell: str) -> None:
    assert "_GITCELLAR_COMPLETE" in live.gitcellar("completion", shell).out
    import os

    environment = {
        **os.environ,
        "_GITCELLAR_COMPLETE": "bash_complete",
        "COMP_WORDS": "gitcellar show vit-l/p",
        "COMP_CWORD": "2",
    }
    assert live.gitcellar(env=environment).out == "plain,vit-l/projectA\n"


def test_every_rule_explains_itself(live: Bench) -> None:
    listed = live.gitcellar("rules", "--plain").out.splitlines()
    assert len(listed) == len(RULES)
    for line in listed[:: len(listed) // 5]:
        rule, severity, reason = line.split("\t")
        page = live.gitcellar("rule", rule)
        assert severity in ("error", "warning")
        assert page.out.startswith(f"{rule}: {reason}\n")
        assert "What to do:" in page.out
    missing = live.gitcellar("rule", "V999")
    assert missing.status == 3
