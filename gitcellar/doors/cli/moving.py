"""The verbs that move: get, push, fetch. May import click, cellar and this door's output and options."""

from __future__ import annotations

from pathlib import Path

import click

from gitcellar.cellar.asking import require_models
from gitcellar.cellar.getting import get_checkpoint
from gitcellar.cellar.moving import Moved, fetch_all, fetch_checkpoints, find_parcels, push_models
from gitcellar.cellar.reading import read_cellar
from gitcellar.cellar.rows import SCHEMA, GetDocument, MoveDocument
from gitcellar.core.names import parse_model_name
from gitcellar.core.references import parse_reference
from gitcellar.doors.cli.options import (
    as_json,
    find_repository,
    find_source,
    from_repository,
    in_path,
    reference_argument,
)
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
    reference = parse_reference(ref)
    delivered = get_checkpoint(
        find_source(context, repo),
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
        }
        print_json(document)
        return
    print_line(str(delivered.path))
    say("Got", f"{reference.model} {delivered.version.version}, {human_size(digest.size)}, sha256:{digest.sha256}")
    if delivered.recorded is None:
        say("Warning", "its registration recorded no sha256, so nothing proves that these are the registered weights")
    if delivered.version.withdrawn:
        say("Warning", f"{reference.model} {delivered.version.version} was withdrawn")


@click.command()
@click.argument("models", nargs=-1)
@click.option("-n", "--dry-run", is_flag=True, help="Tell what would be pushed, and push nothing.")
@click.option("--remote", metavar="NAME", default="origin", show_default=True, help="The remote to push to.")
@as_json
@in_path
@click.pass_context
def push(context: click.Context, models: tuple[str, ...], dry_run: bool, remote: str, as_json: bool) -> None:
    """Push checkpoints, tags and tips to the remote.

    Checkpoints go first, to the DVC remote, so that a version on the remote always has its weights.

    \b
    Examples:
      gitcellar push
      gitcellar push vit-l/projectA --remote upstream
    """
    repository = find_repository(context)
    from gitcellar.cellar.policies import read_policy  # here, for get must not wait for it

    names = [parse_model_name(name) for name in models]
    require_models(repository, names)
    if dry_run:
        parcels = find_parcels(repository, remote, names)
        moved = Moved(tuple(tag for parcel in parcels for tag in parcel.names), 0)
    else:
        moved = push_models(repository, remote, names, coordinated=read_policy(repository, remote).content.coordination)
    document = MoveDocument(schema=SCHEMA, tags=list(moved.tags), checkpoints=moved.checkpoints)
    _report(document, as_json, f"to {remote}", done="Would move" if dry_run else "Moved")


@click.command()
@click.argument("models", nargs=-1)
@click.option("--checkpoints", is_flag=True, help="Also what stages hold and the latest versions, into DVC's cache.")
@click.option("--remote", metavar="NAME", default="origin", show_default=True, help="The remote to fetch from.")
@as_json
@in_path
@click.pass_context
def fetch(context: click.Context, models: tuple[str, ...], checkpoints: bool, remote: str, as_json: bool) -> None:
    """Fetch tags and tips from the remote, and checkpoints if asked.

    \b
    Examples:
      gitcellar fetch
      gitcellar fetch vit-l/projectA --checkpoints
    """
    repository = find_repository(context)
    names = [parse_model_name(name) for name in models]
    moved = fetch_all(repository, remote, names)
    require_models(repository, names)
    for tag in moved.lost:
        say("Warning", f"{remote} has lost {tag}; give it back: gitcellar push")
    brought = 0
    if checkpoints:
        states = [state for name, state in read_cellar(repository).items() if not names or name in names]
        wanted = {
            (state.name, held.commit)
            for state in states
            for held in state.versions
            if held.stages or held.version == state.latest
        }
        brought = fetch_checkpoints(repository, sorted(wanted))
    document = MoveDocument(schema=SCHEMA, tags=list(moved.tags), checkpoints=brought)
    _report(document, as_json, f"from {remote}", done="Moved")


def _report(document: MoveDocument, as_json: bool, where: str, *, done: str) -> None:
    if as_json:
        print_json(document)
        return
    for tag in document["tags"]:
        print_line(tag)
    objects = f" and {document['checkpoints']} checkpoint objects" if document["checkpoints"] else ""
    if document["tags"] or objects:
        say(done, f"{len(document['tags'])} tags{objects} {where}")
    else:
        say("Nothing to do", f"everything is up to date {where}")
