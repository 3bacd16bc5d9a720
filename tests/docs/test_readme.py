"""The README and the help keep their promises: what they show is what happens."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest
from pydantic import BaseModel

from gitcellar.cellar.tracking import POLICY
from gitcellar.core import contract, proof
from gitcellar.core.manifest import Contract, Dataset, Entry, Tensor, parse_manifest
from gitcellar.core.names import ModelName
from gitcellar.doors.cli.main import cli
from gitcellar.policy import sections
from gitcellar.policy.config import parse_policy
from gitcellar.policy.judge import RULES
from gitcellar.policy.settings import ModelRules

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
MARK = "=== next ==="


def transcript() -> str:
    """The console blocks of the README, in order."""
    return "".join(re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL))


def without_ids(text: str) -> str:
    """Ids and digests differ from run to run; everything else is held against the README."""
    text = re.sub(r"sha256:[0-9a-f]{12}…", f"sha256:{'0' * 12}…", text)
    text = re.sub(r"\b(?:[0-9a-f]{64}|[0-9a-f]{40})\b", lambda found: "0" * len(found[0]), text)
    return re.sub(r"\bat [0-9a-f]{7}\b", "at 0000000", text)


def test_the_console_blocks_show_what_happens(tmp_path: Path) -> None:
    commands = [line[2:] for line in transcript().splitlines() if line.startswith("$ ")]
    script = "".join(f"{command}\nstatus=$?\necho '{MARK}'\n" for command in commands)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"exec 2>&1\n{script}"], cwd=tmp_path, env=environment, capture_output=True, check=True
    )
    outputs = done.stdout.decode().split(f"{MARK}\n")
    shown = "".join(f"$ {command}\n{output}" for command, output in zip(commands, outputs, strict=False))
    assert without_ids(shown).splitlines() == transcript().splitlines()


def test_every_verb_is_in_the_table() -> None:
    table = README.partition("## Commands")[2].partition("## What a number")[0]
    named = {
        verb for cell in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for verb in re.findall(r"`([\w-]+)", cell)
    }
    assert named == set(cli.list_commands(click.Context(cli)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


# Help


def commands(group: click.Group = cli, inside: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every verb, and every verb of a verb, by what is typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{inside}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{inside}{name} ")


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=[name for name, _ in commands()])
def test_every_verb_has_help_and_an_example_that_parses(name: str, command: click.Command) -> None:
    text = command.help or ""
    first = text.splitlines()[0]
    assert len(first) <= 70
    assert first.endswith(".")
    assert "Examples:" in text
    examples = re.findall(rf"gitcellar {name}\b(.*)", text)
    assert examples
    for example in examples:
        words = re.split(r" \| | > | < |\)\"", example)[0]  # up to where the shell goes on
        command.make_context(name, shlex.split(words))
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.opts
            assert any(option.startswith("--") for option in parameter.opts) or parameter.opts == ["-C"]


# The example manifest


def test_the_example_shows_every_key() -> None:
    text = (ROOT / "artifacts.yaml.example").read_text()
    entries = parse_manifest(text.encode(), "artifacts.yaml")
    assert ModelName("vit-l/base") in entries
    for model in (Entry, Contract, Tensor, Dataset):
        for key in model.model_fields:
            assert re.search(rf"\b{key}:", text), key
    shown = {key for entry in entries.values() for key in entry.model_fields_set}
    assert shown == set(Entry.model_fields)


def test_the_example_policy_shows_every_key() -> None:
    text = (ROOT / "gitcellar.yaml.example").read_text()
    policy = parse_policy(text.encode())
    assert policy.rules_of(ModelName("vit-l/base")).stages.keys() == {"staging", "canary", "production", "archived"}
    models = [
        m
        for m in vars(sections).values()
        if isinstance(m, type) and issubclass(m, BaseModel) and m.__module__ == sections.__name__
    ]
    assert sections.PolicySection in models
    for model in models:
        for name, key in model.model_fields.items():
            assert re.search(rf"\b{key.alias or name}:", text), key


def test_what_init_writes_is_the_default_policy() -> None:
    said = parse_policy(POLICY.format(cellar="x", dialect="cellar").encode()).rules_of(ModelName("vit-l/base"))
    assert said == ModelRules(cellar="x")


def test_the_table_of_contracts_is_the_one_that_is_documented() -> None:
    def rows(text: str) -> list[str]:
        return [line.strip() for line in text.splitlines() if line.strip().startswith("|")]

    assert rows(contract.__doc__ or "") == rows(
        (ROOT / "docs/policy.md").read_text().partition("## Contracts")[2].partition("## ")[0]
    )


def test_every_rule_is_in_the_policys_page() -> None:
    page = (ROOT / "docs/policy.md").read_text().partition("## Rules")[2].partition("## Gates")[0]
    assert re.findall(r"^- `([A-Z][0-9]{3})`", page, re.MULTILINE) == [rule.id for rule in RULES]
    for rule in RULES:
        assert f"- `{rule.id}` {rule.reason}" in page.replace("\n  ", " ")


def test_every_code_of_verify_is_documented() -> None:
    page = (ROOT / "docs/format.md").read_text().partition("## Whether it was rewritten")[2].partition("## Files")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE) == list(get_args(proof.Code))
