"""The verbs that bring about what should run: reconcile, diff-live, index.

May import click, gitops and this door's output and options.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from gitcellar.cellar.rows import SCHEMA, format_moment
from gitcellar.core.cloud_events import make_held
from gitcellar.core.deployments import Step
from gitcellar.core.errors import NO, NotFoundError
from gitcellar.doors.cli.options import as_json, find_source, from_repository, in_path, of_models, of_stages, reader
from gitcellar.doors.cli.output import print_json, print_plain, print_table, say
from gitcellar.doors.cli.pacing import every, parse_span, repeat
from gitcellar.doors.cli.sinks import find_sinks, name_cellar
from gitcellar.doors.cli.steps import spell_step, step_row
from gitcellar.gitops.indexing import write_index
from gitcellar.gitops.live import compare_live
from gitcellar.gitops.reconciling import Edited, Goal, Outcome
from gitcellar.gitops.reconciling import reconcile as bring_about
from gitcellar.gitops.rendering import FORMS
from gitcellar.gitops.rows import IndexDocument, LiveDocument, LiveRow, ReconcileDocument
from gitcellar.store.environment import read_now
from gitcellar.store.git import GitRepository
from gitcellar.store.signatures import find_signing_key

_WORDS = {"changed": "Changed", "removed": "Removed", "held": "Held", "withdrawn": "Withdrawn"}


@click.command()
@click.option("--to", "target", metavar="DIR|GIT_URL#BRANCH", required=True, help="Where it is said what should run.")
@click.option(
    "--render",
    "form",
    metavar="FORM",
    default="json",
    show_default=True,
    help=f"{', '.join(FORMS)}, or a folder of Jinja2 templates.",
)
@of_stages
@of_models
@click.option(
    "--edited",
    type=click.Choice(["refuse", "keep", "overwrite"]),
    default="refuse",
    show_default=True,
    help="What becomes of files that somebody edited in the target.",
)
@click.option("--exec", "command", metavar="CMD", help="Run this for each stage that is held, with the event on stdin.")
@click.option("--post", "url", metavar="URL", help="Post each stage that is held there, as a CloudEvent.")
@click.option("--watch", is_flag=True, help="Go on.")
@every
@from_repository
@as_json
@in_path
@click.pass_context
def reconcile(
    context: click.Context,
    target: str,
    form: str,
    stages: tuple[str, ...],
    models: str,
    edited: Edited,
    command: str | None,
    url: str | None,
    watch: bool,
    every: float,
    repo: str | None,
    as_json: bool,
) -> None:
    """Bring about that what should run is what Git says.

    What every stage holds is verified, rendered, and committed to a branch or written to a folder, if it differs. A
    stage never goes back, and what cannot be verified or is not on its DVC remote stays as it was: it is held, and the
    exit code is 1.

    \b
    Examples:
      gitcellar reconcile --repo https://example.com/models.git --to deploy/ --stage production
      gitcellar reconcile --to https://example.com/deploy.git#main --render kustomize --watch
      gitcellar reconcile --to deploy/ --render templates/ --json
    """
    source = find_source(context, repo)
    goal = Goal(target, form, stages, models, edited)
    sinks = find_sinks(name_cellar(source), command, url)
    said: list[Step] = []

    def look() -> bool:
        outcome = bring_about(source, goal)
        held = [step for step in outcome.steps if step.status == "held"]
        if as_json:
            print_json(_document(outcome))
        elif outcome.changed or not watch or held != said:
            _report(outcome, target)
        for step in held:
            for sink in sinks if step not in said else ():
                sink(make_held(step.slot, step.version, step.reason or "", format_moment(read_now())))
        said[:] = held
        return outcome.ok

    repeat(context, look, every=every, once=not watch)


@click.command()
@click.option("--out", metavar="DIR", required=True, help="The folder that a web server or object store hands out.")
@of_stages
@of_models
@click.option(
    "--valid", type=parse_span, default="24h", show_default=True, metavar="TIME", help="How long agents believe it."
)
@click.option("--watch", is_flag=True, help="Go on.")
@every
@from_repository
@as_json
@in_path
@click.pass_context
def index(
    context: click.Context,
    out: str,
    stages: tuple[str, ...],
    models: str,
    valid: float,
    watch: bool,
    every: float,
    repo: str | None,
    as_json: bool,
) -> None:
    """Write what should run as small signed files, for any web server.

    index.json and a file for each model and stage, signed with git's SSH key. Agents read them in place of Git.

    \b
    Examples:
      gitcellar index --out /srv/www/cellar --stage production
      gitcellar index --repo https://example.com/models.git --out public/ --valid 1h --watch --every 1m
    """
    source = find_source(context, repo)
    key = find_signing_key(GitRepository(context.obj).read_signing_config())
    if key is None or key.public is None:
        hint = "git config gpg.format ssh && git config user.signingKey ~/.ssh/id_ed25519.pub"
        raise NotFoundError("git has no SSH key to sign the index with here", hint=hint)

    def look() -> bool:
        steps = write_index(source, Path(out), key, stages=stages, models=models, valid=valid)
        if as_json:
            document: IndexDocument = {"schema": SCHEMA, "stages": list(map(step_row, steps))}
            print_json(document)
        else:
            _say_steps(steps)
            say("Written", f"{len(steps)} {'stage' if len(steps) == 1 else 'stages'} to {out}")
        return all(step.ok for step in steps)

    repeat(context, look, every=every, once=not watch)


@click.command("diff-live")
@click.argument("where", metavar="STATUS_DIR|URL")
@reader
@click.pass_context
def diff_live(context: click.Context, where: str, repo: str | None, as_json: bool, as_plain: bool) -> None:
    """Hold what sites say that they run against what they should.

    Reports are JSON with site, model, stage, digest (sha256) and at, one in a file or a list of them. Exit code 1 says
    that somebody runs something else: a zombie (nothing should run, or it was withdrawn), a laggard (an earlier
    version), an unknown digest, one that failed.

    \b
    Examples:
      gitcellar diff-live /srv/status
      gitcellar diff-live https://example.com/status.json --repo https://example.com/models.git --json
    """
    found = compare_live(find_source(context, repo), where)
    rows: list[LiveRow] = [
        {
            "site": each.status.site,
            "model": each.status.model,
            "stage": each.status.stage,
            "finding": each.finding,
            "runs": each.runs,
            "should": each.should,
            "digest": each.status.digest,
            "at": each.status.at,
            "reason": each.status.reason,
        }
        for each in found.differences
    ]
    if as_json:
        document: LiveDocument = {"schema": SCHEMA, "sites": rows, "faults": list(found.faults)}
        print_json(document)
    else:
        table = [
            (r["site"], r["model"], r["stage"], r["finding"], r["runs"], r["should"], r["at"], r["reason"])
            for r in rows
        ]
        header = ("site", "model", "stage", "is", "runs", "should", "at", "because")
        if as_plain:
            print_plain(table)
        elif table:
            print_table(header, [tuple(cell or "" for cell in row) for row in table])
        for fault in found.faults:
            say("Warning", fault)
    context.exit(0 if found.ok else NO)


def _say_steps(steps: Iterable[Step]) -> None:
    for step in steps:
        if step.status in _WORDS:
            say(_WORDS[step.status], spell_step(step))


def _report(outcome: Outcome, target: str) -> None:
    _say_steps(outcome.steps)
    for path in outcome.edited:
        say("Edited", path)
    for path in outcome.saved:
        say("Saved", f"what was edited is in {path}")
    if outcome.commit:
        say("Committed", f"{outcome.commit[:7]} to {target}")
    elif not outcome.changed:
        say("Nothing to do", f"{target} says already what should run")


def _document(outcome: Outcome) -> ReconcileDocument:
    return {
        "schema": SCHEMA,
        "changed": outcome.changed,
        "commit": outcome.commit,
        "stages": list(map(step_row, outcome.steps)),
        "edited": list(outcome.edited),
        "saved": list(outcome.saved),
        "exit": 0 if outcome.ok else NO,
    }
