"""The verbs that set up: init and add. May import click, cellar and this door's output and options."""

from __future__ import annotations

import shlex
from typing import Any, Literal

import click

from gitcellar.cellar.reading import read_reference, read_version
from gitcellar.cellar.rows import SCHEMA, AddDocument, without_empty
from gitcellar.cellar.tracking import Declaration, add_model, init_cellar
from gitcellar.core.json_text import JsonError, parse_json
from gitcellar.core.names import parse_model_name
from gitcellar.doors.cli.options import as_json, find_repository, in_path, model_argument
from gitcellar.doors.cli.output import print_json, print_line, say
from gitcellar.store.git import GitRepository


@click.command()
@click.option(
    "--dialect",
    type=click.Choice(["cellar", "gto"]),
    default="cellar",
    show_default=True,
    help="How tags are spelled; gto is read by GTO and by dvc artifacts get.",
)
@as_json
@in_path
@click.pass_context
def init(context: click.Context, dialect: Literal["cellar", "gto"], as_json: bool) -> None:
    """Set up a cellar in this repository.

    Writes a commented gitcellar.yaml and artifacts.yaml and runs dvc init, each where it is missing: safe to run
    again.

    \b
    Examples:
      gitcellar init
      gitcellar init --dialect gto
    """
    created = init_cellar(find_repository(context), dialect=dialect)
    if as_json:
        document: AddDocument = {"schema": SCHEMA, "model": None, "files": created, "entry": None}
        print_json(document)
    elif created:
        say("Created", ", ".join(created))
        say("Next", f"dvc remote add -d NAME URL, then git add {shlex.join(created)} && git commit")
    else:
        say("Nothing to do", "this is a cellar already")


@click.command()
@model_argument
@click.argument("path")
@click.option("--base", metavar="REF", help="The base version that it was tuned from.")
@click.option("--description", metavar="TEXT", help="What it is.")
@click.option("--label", "labels", metavar="L", multiple=True, help="A label; may be given again.")
@click.option("--metric", "metrics", metavar="K=V", multiple=True, help="A metric; may be given again.")
@click.option("--metrics", "metrics_file", metavar="FILE", help="The file that holds the metrics.")
@click.option("--param", "params", metavar="K=V", multiple=True, help="A training parameter; may be given again.")
@click.option("--params", "params_file", metavar="FILE", help="The file that holds the parameters.")
@click.option(
    "--data", "data", metavar="NAME=PATH_OR_VERSION", multiple=True, help="Training data; may be given again."
)
@click.option("--set", "others", metavar="KEY=VALUE", multiple=True, help="Any other key of the entry.")
@as_json
@in_path
@click.pass_context
def add(
    context: click.Context,
    model: str,
    path: str,
    base: str | None,
    description: str | None,
    labels: tuple[str, ...],
    metrics: tuple[str, ...],
    metrics_file: str | None,
    params: tuple[str, ...],
    params_file: str | None,
    data: tuple[str, ...],
    others: tuple[str, ...],
    as_json: bool,
) -> None:
    """Track a checkpoint and declare its model.

    PATH is a file or folder, one that dvc.yaml produces, or the URL of one that stays in its cloud. What is not
    given stays as artifacts.yaml has it.

    \b
    Examples:
      gitcellar add vit-l/base models/base.safetensors --metric accuracy=0.91
      gitcellar add vit-l/projectA models/a --base vit-l/base@1.2 --data photos=data/photos --set owner=vision
      gitcellar add vit-l/projectB s3://bucket/b.onnx --base vit-l/base@1.2 --params params.yaml
    """
    name = parse_model_name(model)
    repository = find_repository(context)
    fields: dict[str, Any] = {key: _read_value(text) for key, text in map(_split, others)}
    given = {
        "description": description,
        "base": _find_base(repository, base) if base is not None else None,
        "labels": list(labels),
        "metrics": metrics_file or {key: _read_value(text) for key, text in map(_split, metrics)},
        "params": params_file or {key: _read_value(text) for key, text in map(_split, params)},
    }
    fields |= without_empty(given)
    datasets = [_read_data(*_split(text)) for text in data]
    declared = add_model(repository, name, path, Declaration(fields, datasets))
    if as_json:
        entry = without_empty(declared.entry.model_dump(mode="json"))
        document: AddDocument = {"schema": SCHEMA, "model": model, "files": list(declared.files), "entry": entry}
        print_json(document)
        return
    for file in declared.files:
        print_line(file)
    say("Tracked", f"{declared.entry.path} as {model}")
    say("Next", f"git add {shlex.join(declared.files)} && git commit, then gitcellar register {model}")


def _find_base(repository: GitRepository, text: str) -> str:
    """The one version that a REF means today, as an entry names it."""
    reference = read_reference(repository, text)
    _, held = read_version(repository, reference)
    return f"{reference.model}@{held.version}"


def _split(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise click.UsageError(f"{text!r} is not KEY=VALUE")
    return key, value


def _read_value(text: str) -> Any:
    """A value of JSON where the text is one: 3 is a number and true is true. Anything else is text."""
    try:
        return parse_json(text.encode("utf-8", "surrogateescape"), "")
    except JsonError:
        return text


def _read_data(name: str, where: str) -> dict[str, str]:
    """`photos=data/photos` names a path, `photos=v3` or `photos=s3://…` a version."""
    is_path = "/" in where and "://" not in where and not where.startswith("/")
    return {"name": name, "path" if is_path else "version": where}
