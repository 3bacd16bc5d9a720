"""The README and the help keep their promises: what they show is what happens."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gitcellar.core.manifest import Contract, Dataset, Entry, Tensor, parse_manifest
from gitcellar.core.names import ModelName
from gitcellar.doors.cli.main import cli

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
        verb for cell in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for verb in re.findall(r"`(\w+)", cell)
    }
    assert named == set(cli.list_commands(click.Context(cli)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


# Help


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        yield name, command


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
        words = re.split(r" \| | > |\)\"", example)[0]  # up to where the shell goes on
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
