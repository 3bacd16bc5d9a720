"""The verb that downloads: get. A file of its own, for it imports no policy and so starts sooner."""

from __future__ import annotations

from pathlib import Path

import click

from gitcellar.cellar.getting import get_checkpoint
from gitcellar.cellar.reading import read_reference
from gitcellar.cellar.rows import SCHEMA, GetDocument
from gitcellar.core.names import ModelName
from gitcellar.core.state import VersionState
from gitcellar.doors.cli.options import as_json, find_source, from_repository, in_path, reference_argument
from gitcellar.doors.cli.output import bar, human_size, print_json, print_line, say


@click.command()
@reference_argument
@click.option("-o", "--output", metavar="PATH", help="Where to put it; by default its own name in this folder.")
@click.option("-f", "--force", is_flag=True, help="Replace what is there, once the new content is whole.")
@from_repository
@as_json
@in_path
@click.pass_context
def get(context: click.Context, ref: str, output: str | None, force: bool, repo: str | None, as_json: bool) -> None:
    """Download a checkpoint, verified.

    Its sha256 is held against the one that its registration recorded; what does not match is not delivered.

    \b
    Examples:
      gitcellar get 'vit-l/projectA#production'
      gitcellar get vit-l/base@latest -o base.safetensors
      gitcellar get 'vit-l/projectA#production' --repo https://example.com/cellar.git -o models/
    """
    source = find_source(context, repo)
    reference = read_reference(source, ref)
    delivered = get_checkpoint(
        source,
        reference,
        to=Path(context.obj, output) if output else Path(context.obj),
        replace=force,
        progress=bar,
    )
    digest = delivered.digest
    if as_json:
        document: GetDocument = {
            "schema": SCHEMA,
            "model": reference.model.text,
            "version": str(delivered.version.version),
            "tag": delivered.version.tag,
            "commit": delivered.version.commit,
            "path": str(delivered.path),
            "checkpoint": {"sha256": digest.sha256, "size": digest.size},
            "verified": delivered.recorded is not None,
            "withdrawn": delivered.version.withdrawn,
        }
        print_json(document)
        _warn_of_withdrawn(reference.model, delivered.version)
        return
    print_line(str(delivered.path))
    say("Got", f"{reference.model} {delivered.version.version}, {human_size(digest.size)}, sha256:{digest.sha256}")
    if delivered.recorded is None:
        say("Warning", "its registration recorded no sha256, so nothing proves that these are the registered weights")
    _warn_of_withdrawn(reference.model, delivered.version)


def _warn_of_withdrawn(model: ModelName, version: VersionState) -> None:
    """On stderr also beside a JSON document, for a script that does not read the document to its end."""
    if version.withdrawn:
        say("Warning", f"{model} {version.version} was withdrawn")
