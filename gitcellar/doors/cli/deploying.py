"""The verbs that bring about what should run: reconcile, diff-live, index.

May import click, gitops and this door's output and options.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import click

from gitcellar.cellar.rows import SCHEMA, format_moment
from gitcellar.core.deployments import Step
from gitcellar.core.errors import NO, NotFoundError
from gitcellar.doors.cli.options import (
    as_json,
    find_source,
    from_repository,
    in_path,
    of_models,
    of_stages,
    reader,
    require_asked,
    warn_of_renamed,
)
from gitcellar.doors.cli.output import print_json, print_plain, print_table, say
from gitcellar.doors.cli.pacing import every, parse_span, repeat
from gitcellar.doors.cli.sinks import find_sinks, name_cellar, tell_step
from gitcellar.doors.cli.steps import spell_step, step_row
from gitcellar.gitops.indexing import write_index
from gitcellar.gitops.live import compare_live
from gitcellar.gitops.reconciling import Edited, Goal, Outcome
from gitcellar.gitops.reconciling import reconcile as bring_about
from gitcellar.gitops.rendering import FORMS, require_form
from gitcellar.gitops.rows import IndexDocument, LiveDocument, LiveRow, ReconcileDocument
from gitcellar.store.deploy_branch import CommitOptions
from gitcellar.store.environment import read_now
from gitcellar.store.git import GitRepository
from gitcellar.store.git_identity import parse_account
from gitcellar.store.signatures import SigningKey, find_signing_key

_SSH_KEY = "git config gpg.format ssh && git config user.signingKey ~/.ssh/id_ed25519.pub"
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
    type=click.Choice(["hold", "keep", "overwrite"]),
    default="hold",
    show_default=True,
    help="What becomes of files that somebody edited: hold their stages, keep the files, or overwrite them.",
)
@click.option("--propose", is_flag=True, help="Commit to the branch gitcellar/BRANCH instead, for somebody to merge.")
@click.option(
    "--push-option",
    "push_options",
    metavar="OPTION",
    multiple=True,
    help="Tell the Git host something with the push, such as merge_request.create; may be repeated.",
)
@click.option("-s", "--sign/--no-sign", default=None, help="Sign commits, or not, whatever Git's settings say.")
@click.option(
    "--identity",
    metavar="'NAME <EMAIL>'",
    envvar="GITCELLAR_IDENTITY",
    default="gitcellar <gitcellar@localhost>",
    show_default=True,
    show_envvar=True,
    help="The author and committer of commits.",
)
@click.option(
    "--exec",
    "command",
    metavar="CMD",
    help="Run this for each stage that is held, with the event on stdin.",
)
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
    propose: bool,
    push_options: tuple[str, ...],
    sign: bool | None,
    identity: str,
    command: str | None,
    url: str | None,
    watch: bool,
    every: float,
    repo: str | None,
    as_json: bool,
) -> None:
    """Make the target match the registry.

    What every stage holds is verified, rendered, and committed to a branch or written to a folder, if it differs. A
    stage never goes back, and what cannot be verified or is not on its DVC remote stays as it was: it is held, and the
    exit code is 1.

    \b
    Examples:
      gitcellar reconcile --repo https://example.com/models.git --to deploy/ --stage production
      gitcellar reconcile --to https://example.com/deploy.git#main --render kustomize --watch
      gitcellar reconcile --to deploy/ --render templates/ --json
      gitcellar reconcile --to https://gitlab.example.com/deploy.git#main --propose --push-option merge_request.create
    """
    if "#" not in target and (propose or push_options or sign):
        raise click.UsageError("--propose, --push-option and --sign are for a branch: --to GIT_URL#BRANCH")
    source = find_source(context, repo)
    require_form(form)
    key = _find_commit_key(GitRepository(context.obj), sign=sign) if "#" in target else None
    commits = CommitOptions(account=parse_account(identity), key=key, push_options=push_options)
    goal = Goal(target, form, stages, models, edited, propose, commits)
    sinks = find_sinks(name_cellar(source), command, url)
    said: tuple[list[Step], tuple[str, ...]] = [], ()  # what is not as it should be, as it was told last

    def ask() -> None:
        warn_of_renamed(source, require_asked(source, models, stages, once=not watch))

    def look() -> bool:
        nonlocal said
        outcome = bring_about(source, goal)
        held = [step for step in outcome.steps if not step.ok]
        if as_json:
            print_json(_document(outcome))
        elif outcome.changed or not watch or (held, outcome.edited) != said:
            _report(outcome, target)
        for step in held:
            if step not in said[0]:
                tell_step(sinks, step, format_moment(read_now()))
        said = held, outcome.edited
        return outcome.ok

    repeat(context, look, every=every, once=not watch, first=ask)


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

    def look() -> bool:
        key = find_signing_key(GitRepository(context.obj).read_signing_config())
        if key is None or key.public is None:
            raise NotFoundError("git has no SSH key to sign the index with here", hint=_SSH_KEY)
        steps = write_index(source, Path(out), key, stages=stages, models=models, valid=valid)
        if as_json:
            document: IndexDocument = {"schema": SCHEMA, "stages": list(map(step_row, steps))}
            print_json(document)
        else:
            _say_steps(steps)
            say("Written", f"{len(steps)} {'stage' if len(steps) == 1 else 'stages'} to {out}")
        return all(step.ok for step in steps)

    first = partial(require_asked, source, models, stages, once=not watch)
    repeat(context, look, every=every, once=not watch, first=first)


@click.command("diff-live")
@click.argument("where", metavar="STATUS_DIR|URL")
@reader
@click.pass_context
def diff_live(context: click.Context, where: str, repo: str | None, as_json: bool, as_plain: bool) -> None:
    """Hold what sites say that they run against what they should.

    Reports are JSON with site, model, stage, digest (sha256) and at, one in a file or a list of them. Exit code 1 says
    that a site runs something else: a zombie (nothing should run, or it was withdrawn), a laggard (an earlier version),
    an unknown digest, one that failed; or that what it should run was withdrawn.

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


def _find_commit_key(repository: GitRepository, *, sign: bool | None) -> SigningKey | None:
    """The key that commits are signed with; None where neither the option nor git's settings ask for a signature."""
    config = repository.read_signing_config()
    if sign is False or not (sign or config.get("commit.gpgsign") in ("true", "yes", "on", "1")):
        return None
    key = find_signing_key(config)
    if key is None:
        raise NotFoundError("git has no key to sign commits with here", hint=_SSH_KEY)
    return key


def _report(outcome: Outcome, target: str) -> None:
    # What is proposed already is no change of now.
    _say_steps(step for step in outcome.steps if outcome.changed or not step.ok)
    for path in outcome.edited:
        hint = ": --edited keep accepts it, --edited overwrite replaces it" if outcome.edits_wait else ""
        say("Edited", f"{path}{hint}")
    for path in outcome.saved:
        say("Saved", f"what was edited is in {path}")
    proposal = outcome.proposal
    if proposal is not None and proposal.taken_back:
        say("Taken back", f"{proposal.branch} proposes nothing any more")
    elif proposal is not None and proposal.commit is not None:
        say("Proposed", f"{proposal.commit[:7]} on the branch {proposal.branch}")
    elif proposal is not None:
        say("Nothing to do", f"the branch {proposal.branch} proposes it already")
    elif outcome.commit:
        say("Committed", f"{outcome.commit[:7]} to {target}")
    elif not outcome.changed and not outcome.edited:
        say("Nothing to do", f"{target} says already what should run")


def _document(outcome: Outcome) -> ReconcileDocument:
    return {
        "schema": SCHEMA,
        "changed": outcome.changed,
        "commit": outcome.commit,
        "proposal": outcome.proposal.branch if outcome.proposal and not outcome.proposal.taken_back else None,
        "stages": list(map(step_row, outcome.steps)),
        "edited": list(outcome.edited),
        "saved": list(outcome.saved),
        "exit": 0 if outcome.ok else NO,
    }
