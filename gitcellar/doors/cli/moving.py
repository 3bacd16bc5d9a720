"""The verbs that move tags, tips and checkpoints between a clone and its remote: push, fetch."""

from __future__ import annotations

import click

from gitcellar.cellar.asking import require_models
from gitcellar.cellar.fetching import Moved, fetch_all
from gitcellar.cellar.moving import fetch_checkpoints, find_parcels, push_models
from gitcellar.cellar.reading import read_cellar
from gitcellar.cellar.rows import SCHEMA, MoveDocument
from gitcellar.core.names import parse_model_name
from gitcellar.doors.cli.options import (
    as_json,
    find_repository,
    in_path,
)
from gitcellar.doors.cli.output import print_json, print_line, say


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
    names = [parse_model_name(name) for name in models]
    require_models(repository, names)
    if dry_run:
        parcels = find_parcels(repository, remote, names)
        moved = Moved(tuple(tag for parcel in parcels for tag in parcel.names), 0)
    else:
        moved = push_models(repository, remote, names)
    document = MoveDocument(schema=SCHEMA, tags=list(moved.tags), tips=list(moved.tips), checkpoints=moved.checkpoints)
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
    document = MoveDocument(schema=SCHEMA, tags=list(moved.tags), tips=list(moved.tips), checkpoints=brought)
    _report(document, as_json, f"from {remote}", done="Moved")


def _report(document: MoveDocument, as_json: bool, where: str, *, done: str) -> None:
    if as_json:
        print_json(document)
        return
    for tag in document["tags"]:
        print_line(tag)
    tips = f" and the tips of {len(document['tips'])} models" if document["tips"] else ""
    objects = f" and {document['checkpoints']} checkpoint objects" if document["checkpoints"] else ""
    if document["tags"] or tips or objects:
        say(done, f"{len(document['tags'])} tags{tips}{objects} {where}")
    else:
        say("Nothing to do", f"everything is up to date {where}")
