"""The verb that takes back what was never pushed: undo."""

from __future__ import annotations

import sys

import click

from gitcellar.cellar.rows import SCHEMA, UndoDocument
from gitcellar.cellar.undoing import Undoing, carry_out, plan_undo
from gitcellar.core.errors import NO
from gitcellar.core.names import parse_model_name
from gitcellar.doors.cli.options import as_json, find_repository, in_path, optional_model
from gitcellar.doors.cli.output import confirm, print_json, print_line, say


@click.command()
@optional_model
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be taken back, and change nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--remote", metavar="NAME", help="Ask this remote alone.  [default: every remote]")
@as_json
@in_path
@click.pass_context
def undo(
    context: click.Context, model: str | None, dry_run: bool, yes: bool, remote: str | None, as_json: bool
) -> None:
    """Take back what was never pushed.

    Removes the tags of MODEL, or of all models, that gitcellar wrote here and that no remote has, the newest first, and
    moves the tip back. Every remote is asked. If one does not answer, the model's tip that this clone remembers of it
    is used; if there is none, nothing is taken back. What was pushed stays: undo that with another event, such as
    rollback, unassign or withdraw.

    \b
    Examples:
      gitcellar undo --dry-run
      gitcellar undo vit-l/projectA
      gitcellar undo vit-l/projectA --yes --json
    """
    repository = find_repository(context)
    if not yes and not dry_run and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("nobody can be asked here: say --yes, or look first with --dry-run")
    undoing = plan_undo(repository, parse_model_name(model) if model else None, remote)
    if not as_json:
        _report(undoing)
    if undoing.models and not dry_run:
        if not yes and not confirm("Take them back?"):
            context.exit(NO)
        carry_out(repository, undoing)
    if as_json:
        document = UndoDocument(
            schema=SCHEMA,
            tags=list(undoing.tags),
            models=[each.model.text for each in undoing.models],
            asked=list(undoing.asked),
            silent=list(undoing.silent),
            dry_run=dry_run,
        )
        print_json(document)
    elif undoing.models:
        _conclude(undoing, dry_run=dry_run)


def _report(undoing: Undoing) -> None:
    """What would be taken back, and how it is known that no remote has any of it."""
    for tag in undoing.tags:
        print_line(tag)
    if undoing.silent:
        answer = "does not answer" if len(undoing.silent) == 1 else "do not answer"
        known = "this is what was never pushed as far as this clone remembers"
        say("Warning", f"{' and '.join(undoing.silent)} {answer}, so {known}")
    if not undoing.models:
        say("Nothing to do", "no tag that gitcellar wrote here is unpushed")
    elif undoing.asked:
        have = "has" if len(undoing.asked) == 1 else "have"
        say("Asked", f"{' and '.join(undoing.asked)} {have} none of these")


def _conclude(undoing: Undoing, *, dry_run: bool) -> None:
    count = len(undoing.tags)
    tags = f"{count} tag{'' if count == 1 else 's'}"
    if dry_run:
        say("Dry run", f"{tags} would be taken back, and nothing was changed")
    else:
        say("Done", f"took back {tags}; {', '.join(each.model.text for each in undoing.models)} as before")
