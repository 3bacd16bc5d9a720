"""The verb that tells what happened: event. May import click, cellar, gitops and this door's output and options."""

from __future__ import annotations

import os
import sys
from functools import cache, partial
from pathlib import Path

import click

from gitcellar.core.ci_variables import find_ci_tag
from gitcellar.core.cloud_events import (
    Happening,
    format_cloud_event,
    format_github_output,
    format_shell,
    format_variables,
)
from gitcellar.core.errors import InvalidError, NotFoundError
from gitcellar.core.names import parse_model_name
from gitcellar.doors.cli.options import find_source, from_repository, in_path, require_asked
from gitcellar.doors.cli.output import print_json, print_line, print_text, say
from gitcellar.doors.cli.pacing import every, repeat
from gitcellar.doors.cli.sinks import SIGNING_VARIABLE, CellarName, Sink, find_sinks, name_cellar
from gitcellar.gitops.following import follow_once
from gitcellar.gitops.happenings import read_happening
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RefSource
from gitcellar.store.git_runner import split_lines
from gitcellar.store.places import Place, find_place


@click.command()
@click.argument("ref", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print CloudEvents 1.0, one a line.")
@click.option("--github-output", is_flag=True, help="Append the outputs to the file that GITHUB_OUTPUT names.")
@click.option("--env", "as_env", is_flag=True, help="Print assignments for a shell: GITCELLAR_MODEL=…")
@click.option("--follow", is_flag=True, help="Go on, and tell each event once and in order.")
@click.option("--model", metavar="MODEL", help="With --follow: of this model alone.")
@every
@click.option("--once", is_flag=True, help="With --follow: look once, and end.")
@click.option("--from-start", is_flag=True, help="With --follow: tell also what happened before the first look.")
@click.option("--place", metavar="FILE", help="With --follow: where the place is kept.")
@click.option("--exec", "command", metavar="CMD", help="Run this for each, with the event on stdin and as variables.")
@click.option("--post", "url", metavar="URL", help=f"Post each there, signed with the secret in {SIGNING_VARIABLE}.")
@from_repository
@in_path
@click.pass_context
def event(
    context: click.Context,
    ref: str | None,
    as_json: bool,
    github_output: bool,
    as_env: bool,
    follow: bool,
    model: str | None,
    every: float,
    once: bool,
    from_start: bool,
    place: str | None,
    command: str | None,
    url: str | None,
    repo: str | None,
) -> None:
    """Tell what a tag states, to a person, a program or a CI job.

    Without REF it is the tag that the job of GitHub, GitLab, Jenkins, Bitbucket, Azure or CircleCI runs for, or the
    lines that git gives a post-receive hook. A ref that is no tag of the registry is the event none, and no error.

    \b
    Examples:
      gitcellar event 'vit-l/projectA#production#7' --json
      gitcellar event --github-output
      gitcellar event --follow --repo https://example.com/models.git --exec ./deploy.sh
      GITCELLAR_SECRET=… gitcellar event --follow --post https://example.com/hook
    """
    source = find_source(context, repo)
    cellar = name_cellar(source)
    sinks = _choose_sinks(cellar, as_json=as_json, as_env=as_env, github=github_output, command=command, url=url)

    def deliver(happening: Happening) -> None:
        for sink in sinks:
            sink(happening)

    if not follow:
        for tag in [ref.removeprefix("refs/tags/")] if ref else _find_tags():
            deliver(read_happening(source, tag) if tag else Happening("none", ""))
        return
    if ref is not None:
        raise click.UsageError("--follow tells what comes, and takes no REF; --model MODEL narrows it")
    name = parse_model_name(model) if model else None
    where = Path(place) if place else find_place(_spell_url(source), model or "", command or "", url or "")
    # At the first look: a name that means nothing leaves no file behind.
    find_kept = cache(lambda: Place(where))

    def look() -> bool:
        found = follow_once(source, find_kept(), deliver, model=name, from_start=from_start)
        for fault in found.faults:
            say("Warning", fault)
        return not found.faults

    first = partial(require_asked, source, model or "**", (), once=once)
    repeat(context, look, every=every, once=once, first=first)


def _spell_url(source: RefSource) -> str:
    """The URL as it was typed: places that are kept under it go on."""
    if not isinstance(source, GitRepository):
        return source.url
    return source.find_remote_url("origin") or source.path.resolve().as_uri()


def _find_tags() -> list[str]:
    """The tags of this CI job, or of the push that git tells a post-receive hook of; empty for another ref."""
    tag = find_ci_tag(os.environ)
    if tag is not None:
        return [tag]
    lines = [] if sys.stdin.isatty() else split_lines(sys.stdin.read())
    if not lines:
        raise click.UsageError("name a REF: this is no CI job that is known, and no post-receive hook")
    found = []
    for line in lines:
        parts = line.split(" ", 2)
        if len(parts) != 3:
            raise InvalidError("this is not what git gives a post-receive hook: OLD NEW REF", hint="or name a REF")
        if parts[2].startswith("refs/tags/") and set(parts[1]) != {"0"}:
            found.append(parts[2].removeprefix("refs/tags/"))
    return found or [""]


def _choose_sinks(
    cellar: CellarName, *, as_json: bool, as_env: bool, github: bool, command: str | None, url: str | None
) -> list[Sink]:
    """What is done with each event; told to a person where nothing else is asked for."""
    sinks: list[Sink] = []
    if as_json:
        sinks.append(lambda happening: print_json(format_cloud_event(happening, cellar())))
    if as_env:
        sinks.append(lambda happening: print_text(format_shell(format_variables(happening))))
    if github:
        sinks.append(_append_output)
    return [*sinks, *find_sinks(cellar, command, url)] or [_tell]


def _append_output(happening: Happening) -> None:
    path = os.environ.get("GITHUB_OUTPUT")
    if not path:
        raise NotFoundError("GITHUB_OUTPUT names no file", hint="--github-output is for a step of GitHub Actions")
    with open(path, "a", encoding="utf-8", errors="replace") as file:
        file.write(format_github_output(format_variables(happening)))


def _tell(happening: Happening) -> None:
    """The event in one line for a person."""
    if happening.kind == "none":
        say("None", f"{happening.tag or 'this ref'} is no tag of the registry")
        return
    what = " ".join(filter(None, (happening.model, happening.version)))
    stage = f" in {happening.stage}" if happening.stage else ""
    claim = f" {happening.claim}" if happening.claim else ""
    before = f", before it {happening.previous}" if happening.previous else ""
    print_line(f"{happening.kind}{claim} {what}{stage}{before}, by {happening.actor or 'nobody'}: {happening.tag}")
