"""What git's hooks call, and what puts them in place: hook, rulesets. May import click, cellar and this door."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from gitcellar.cellar import hooks
from gitcellar.core.pushes import parse_pre_push, parse_pre_receive, parse_update
from gitcellar.core.rulesets import github_ruleset
from gitcellar.core.shims import HOOKS, SERVER
from gitcellar.doors.cli.options import find_repository, in_path
from gitcellar.doors.cli.output import print_json, say
from gitcellar.doors.cli.verdicts import require_ok

_chained = click.option(
    "--chained", type=click.Path(path_type=Path), help="Run this hook first, where it is there, with the same input."
)
_UPDATE = (
    "update sees one ref at a time: it cannot tell how many tags come at once (S005), nor whether a tag comes with its "
    "tip (A007); install pre-receive instead where the server runs it"
)
_args = click.argument("args", nargs=-1, type=click.UNPROCESSED)


@click.group()
def hook() -> None:
    """Judge commits and pushes: what git's hooks call.

    On success a hook says nothing. What cannot be judged is refused.

    \b
    Examples:
      gitcellar hook install
      gitcellar hook install --server -C /srv/git/models.git
      gitcellar hook uninstall
    """


@hook.command("pre-commit")
@_chained
@_args
@in_path
@click.pass_context
def pre_commit(context: click.Context, chained: Path | None, args: tuple[str, ...]) -> None:
    """Judge what is about to be committed.

    That is every model that the staged files bear on.

    \b
    Examples:
      gitcellar hook pre-commit
    """
    from gitcellar.cellar.checking import check_index

    _run_first(chained, args, b"")
    require_ok(check_index(find_repository(context)))


@hook.command("pre-push")
@_chained
@_args
@in_path
@click.pass_context
def pre_push(context: click.Context, chained: Path | None, args: tuple[str, ...]) -> None:
    """Judge what is about to be pushed, by git's lines on stdin.

    Every ref counts, tags that are pushed alone too. The checkpoints of new versions must be on the DVC remote.

    \b
    Examples:
      gitcellar hook pre-push origin https://example.com/models.git < lines
    """
    stdin = sys.stdin.buffer.read()
    _run_first(chained, args, stdin)
    remote = args[0] if args else "origin"
    require_ok(hooks.judge_pre_push(find_repository(context), parse_pre_push(stdin), remote))


@hook.command("pre-receive")
@_chained
@_args
@in_path
@click.pass_context
def pre_receive(context: click.Context, chained: Path | None, args: tuple[str, ...]) -> None:
    """Judge a push on the server, by git's lines on stdin.

    The whole push is judged before any ref moves, by the policy of HEAD from before it. Nobody gets past it with
    --no-verify.

    \b
    Examples:
      gitcellar hook pre-receive < lines
    """
    stdin = sys.stdin.buffer.read()
    _run_first(chained, args, stdin)
    require_ok(hooks.judge_pre_receive(find_repository(context), parse_pre_receive(stdin)))


@hook.command("update")
@_chained
@_args
@in_path
@click.pass_context
def update(context: click.Context, chained: Path | None, args: tuple[str, ...]) -> None:
    """Judge one ref of a push on a server: REF OLD NEW.

    For a server that runs no pre-receive. It sees one ref at a time, so what belongs together is pushed one after the
    other. It cannot tell how many tags come at once (S005), nor whether a tag comes with its tip (A007).

    \b
    Examples:
      gitcellar hook update refs/tags/vit-l/base@1.2 OLD NEW
    """
    if len(args) != 3:
        raise click.UsageError("update takes REF OLD NEW")
    _run_first(chained, args, b"")
    require_ok(hooks.judge_update(find_repository(context), parse_update(*args)))


@hook.command("install")
@click.argument("names", nargs=-1, type=click.Choice(HOOKS))
@click.option("--server", is_flag=True, help="Install pre-receive, for a bare repository that is pushed to.")
@in_path
@click.pass_context
def install(context: click.Context, names: tuple[str, ...], server: bool) -> None:
    """Put the hooks in place: pre-commit and pre-push, or those named.

    A hook that is there already is kept beside ours and run first. core.hooksPath is honoured.

    \b
    Examples:
      gitcellar hook install
      gitcellar hook install pre-push
      gitcellar hook install --server
    """
    if names and server:
        raise click.UsageError("name hooks, or say --server, not both")
    repository = find_repository(context)
    for place, changed in hooks.install_hooks(repository, names, server=server):
        where = os.path.relpath(place)
        say("Installed" if changed else "Nothing to do", where if changed else f"{where} is current")
    if "update" in names:
        say("Warning", _UPDATE)
    doubt = hooks.find_doubt(repository) if server or set(names) & set(SERVER) else None
    if doubt is not None:
        say("Warning", doubt.message)
        say("Hint", doubt.hint or "")


@hook.command("uninstall")
@click.argument("names", nargs=-1, type=click.Choice(HOOKS))
@in_path
@click.pass_context
def uninstall(context: click.Context, names: tuple[str, ...]) -> None:
    """Take the hooks away, and put back those that were there before.

    \b
    Examples:
      gitcellar hook uninstall
    """
    removed = hooks.uninstall_hooks(find_repository(context), names)
    for place in removed:
        say("Removed", os.path.relpath(place))
    if not removed:
        say("Nothing to do", "no hook here is gitcellar's")


def _run_first(chained: Path | None, args: tuple[str, ...], stdin: bytes) -> None:
    """Run the hook that was there before ours, which may refuse too."""
    status = hooks.run_chained(chained, args, stdin) if chained is not None else 0
    if status:
        raise click.exceptions.Exit(status)


@click.command()
@click.argument("host", type=click.Choice(["github"]))
def rulesets(host: str) -> None:
    """Print a ruleset that makes a Git host keep registry tags.

    On GitHub: Settings, Rules, Rulesets, New ruleset, Import a ruleset; or with its API, as below. It keeps tags from
    being moved and deleted; what they may say is judged by CI and by the hooks.

    \b
    Examples:
      gitcellar rulesets github > ruleset.json
      gitcellar rulesets github | gh api repos/OWNER/NAME/rulesets --input -
    """
    print_json(github_ruleset())
