"""What do all verbs that write events share? Their options, as one value, and how they report what they did.

May import click, cellar and this door's output and options.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from gitcellar.cellar.rows import SCHEMA, ActDocument
from gitcellar.cellar.writing import Options, Outcome
from gitcellar.doors.cli.describing import checkpoint_row
from gitcellar.doors.cli.options import as_json, in_path
from gitcellar.doors.cli.output import bar, print_json, print_line, say
from gitcellar.doors.cli.verdicts import say_verdict
from gitcellar.policy.judge import Verdict

Command = TypeVar("Command", bound=Callable[..., Any])


def writer(command: Command) -> Callable[..., Any]:
    """Give a verb that writes events its options: the command gets them as one `options`, and `as_json`."""

    @functools.wraps(command)
    def run(*args: Any, dry_run: bool, push: bool, remote: str, message: str, sign: bool | None, **more: Any) -> None:
        command(*args, options=Options(dry_run, push, remote, message, bar, sign), **more)

    wrapped: Callable[..., Any] = run
    options = (
        click.option("-n", "--dry-run", is_flag=True, help="Plan and judge, and write nothing."),
        click.option("--push", is_flag=True, help="Push at once: all of it, or nothing is written."),
        click.option("--remote", metavar="NAME", default="origin", show_default=True, help="The remote to push to."),
        click.option("-m", "--message", "--why", default="", help="Why: a paragraph for the tag's message."),
        click.option("-s", "--sign/--no-sign", default=None, help="Sign, or not, whatever git and the policy ask for."),
    )
    for option in (as_json, *reversed(options), in_path):
        wrapped = option(wrapped)
    return wrapped


def act_document(outcome: Outcome, options: Options) -> ActDocument:
    """What an act did, as data."""
    return {
        "schema": SCHEMA,
        "tags": list(outcome.tags),
        "created": outcome.created,
        "pushed": outcome.pushed,
        "dry_run": options.dry_run,
        "model": outcome.model.text,
        "version": str(outcome.version) if outcome.version else None,
        "stage": outcome.stage,
        "commit": outcome.commit,
        "checkpoint": checkpoint_row(outcome.checkpoint),
        "reasons": list(outcome.reasons),
        "warnings": [str(violation) for violation in outcome.warnings],
    }


def report_act(outcome: Outcome, options: Options, *, as_json: bool) -> None:
    """The tags on stdout, for scripts; what was done and what comes next on stderr."""
    if as_json:
        print_json(act_document(outcome, options))
        return
    say_verdict(Verdict((), outcome.warnings))
    for tag in outcome.tags:
        print_line(tag)
    if outcome.created:
        say("Done", f"{outcome.subject}, at {(outcome.commit or '')[:7]}")
        if outcome.pushed:
            say("Pushed", f"to {options.remote}")
        else:
            say("Next", f"nothing has left this machine: gitcellar push {outcome.model}")
    elif options.dry_run and outcome.tags and "already" not in outcome.subject:
        say("Dry run", f"{outcome.subject}: allowed, and nothing was written")
    else:
        say("Nothing to do", outcome.subject)
