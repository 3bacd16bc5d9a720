"""The verbs that bring about what should run: reconcile, diff-live, index.

May import click, gitops and this door's output and options.
"""

from __future__ import annotations

import click

from gitcellar.cellar.rows import SCHEMA
from gitcellar.core.errors import NO
from gitcellar.doors.cli.options import as_json, find_source, from_repository, in_path
from gitcellar.doors.cli.output import print_json, say
from gitcellar.doors.cli.pacing import every, repeat
from gitcellar.gitops.reconciling import Goal, Outcome
from gitcellar.gitops.reconciling import reconcile as bring_about
from gitcellar.gitops.rendering import FORMS
from gitcellar.gitops.rows import ReconcileDocument

_WORDS = {"changed": "Changed", "removed": "Removed", "held": "Held"}


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
@click.option(
    "--stage", "stages", metavar="STAGE", multiple=True, help="This stage; may be repeated. [all but archived]"
)
@click.option("--model", "models", metavar="GLOB", default="**", show_default=True, help="Of the models it matches.")
@click.option(
    "--edited",
    type=click.Choice(["refuse", "keep", "overwrite"]),
    default="refuse",
    show_default=True,
    help="What becomes of files that somebody edited in the target.",
)
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
    edited: str,
    watch: bool,
    every: float,
    repo: str | None,
    as_json: bool,
) -> None:
    """Bring about that what should run is what Git says.

    What every stage holds is verified, rendered, and committed to a branch or written to a folder, if it differs. A
    stage never goes back, and what cannot be verified or is not on its DVC remote stays as it was: exit code 1.

    \b
    Examples:
      gitcellar reconcile --repo https://example.com/models.git --to deploy/ --stage production
      gitcellar reconcile --to https://example.com/deploy.git#main --render kustomize --watch
      gitcellar reconcile --to deploy/ --render templates/ --json
    """
    source = find_source(context, repo)
    goal = Goal(target, form, stages, models, edited)  # type: ignore[arg-type]

    def look() -> bool:
        outcome = bring_about(source, goal)
        if as_json:
            print_json(_document(outcome))
        elif outcome.changed or not watch or not outcome.ok:
            _report(outcome, target)
        return outcome.ok

    repeat(context, look, every=every, once=not watch)


def _report(outcome: Outcome, target: str) -> None:
    for step in outcome.steps:
        if step.status in _WORDS:
            reason = f": {step.reason}" if step.reason else ""
            say(
                _WORDS[step.status], f"{step.slot} {'at ' if step.status == 'held' else ''}{step.version or ''}{reason}"
            )
    for path in outcome.kept:
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
        "stages": [
            {"slot": step.slot, "status": step.status, "version": step.version, "reason": step.reason}
            for step in outcome.steps
        ],
        "edited": list(outcome.kept),
        "saved": list(outcome.saved),
        "exit": 0 if outcome.ok else NO,
    }
