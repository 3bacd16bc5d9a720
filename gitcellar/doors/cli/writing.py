"""The verbs that write events: register, assign, unassign, rollback, withdraw, recall, deprecate.

May import click, cellar and this door's output and options.
"""

from __future__ import annotations

from typing import Literal

import click

from gitcellar.cellar import writing
from gitcellar.cellar.rows import SCHEMA, ActDocument, AffectedRow, RecallDocument
from gitcellar.cellar.writing import Options, Outcome
from gitcellar.core.errors import InvalidError
from gitcellar.core.names import parse_model_name, parse_stage_name
from gitcellar.core.references import Reference, parse_reference
from gitcellar.core.versions import parse_version
from gitcellar.doors.cli.describing import checkpoint_row
from gitcellar.doors.cli.options import find_repository, model_argument, reference_argument, writer
from gitcellar.doors.cli.output import bar, human_size, print_json, say
from gitcellar.doors.cli.verdicts import say_verdict
from gitcellar.policy.judge import Verdict


@click.command()
@model_argument
@click.argument("revision", required=False)
@click.option("--version", metavar="V", help="Register this version rather than the next one.")
@click.option("--bump", type=click.Choice(["major", "minor", "patch"]), help="Which number rises.")
@click.option("--explain", is_flag=True, help="Say why the version has this number.")
@writer
@click.pass_context
def register(
    context: click.Context,
    model: str,
    revision: str | None,
    version: str | None,
    bump: Literal["major", "minor", "patch"] | None,
    explain: bool,
    dry_run: bool,
    push: bool,
    remote: str,
    message: str,
    as_json: bool,
) -> None:
    """Register a version of MODEL at a commit.

    REVISION is HEAD where none is named. The next version follows from the rules: for a base model Y+1, or (X+1).0
    where its contract breaks what applications rely on; Z+1 within its manifest's base for a project model. The tag
    records sha256 and size of the checkpoint.

    \b
    Examples:
      gitcellar register vit-l/base --bump major -m "New tokeniser."
      gitcellar register vit-l/base --dry-run --explain
      gitcellar register vit-l/projectA
      gitcellar register vit-l/projectA v-november --version 1.2.3 --push
    """
    if version and bump:
        raise click.UsageError("--version and --bump exclude each other")
    outcome = writing.register(
        find_repository(context),
        parse_model_name(model),
        revision=revision,
        version=parse_version(version) if version else None,
        bump=bump,
        options=_options(dry_run, push, remote, message),
    )
    # A raised X is news to every application, so it is never raised without a word.
    for reason in outcome.reasons if explain or (outcome.reasons[:1] and "X rises" in outcome.reasons[0]) else ():
        say("Because", reason)
    _report(outcome, as_json, dry_run, remote)
    if outcome.created and outcome.checkpoint and not as_json:
        say("Checkpoint", f"sha256:{outcome.checkpoint.sha256}, {human_size(outcome.checkpoint.size)}")
    if outcome.created and outcome.pushed and not as_json:
        say("Next", f"gitcellar assign {outcome.model}@{outcome.version} STAGE --push")


@click.command()
@reference_argument
@click.argument("stage")
@writer
@click.pass_context
def assign(
    context: click.Context, ref: str, stage: str, dry_run: bool, push: bool, remote: str, message: str, as_json: bool
) -> None:
    """Put a version into a stage.

    REF is a model, for its latest version, or any REF.

    \b
    Examples:
      gitcellar assign vit-l/projectA staging
      gitcellar assign vit-l/projectA@1.2.3 production --push -m "Approved in the November review."
      gitcellar assign 'vit-l/projectA#staging' production
    """
    options = _options(dry_run, push, remote, message)
    outcome = writing.assign(
        find_repository(context), _model_or_reference(ref), parse_stage_name(stage), options=options
    )
    _report(outcome, as_json, dry_run, remote)


@click.command()
@model_argument
@click.argument("stage")
@writer
@click.pass_context
def unassign(
    context: click.Context, model: str, stage: str, dry_run: bool, push: bool, remote: str, message: str, as_json: bool
) -> None:
    """Take out of a stage what it holds.

    The stage is empty afterwards: nothing returns to it by itself.

    \b
    Examples:
      gitcellar unassign vit-l/projectA staging
      gitcellar unassign vit-l/projectA production --push -m "Customer left."
    """
    options = _options(dry_run, push, remote, message)
    outcome = writing.unassign(
        find_repository(context), parse_model_name(model), parse_stage_name(stage), options=options
    )
    _report(outcome, as_json, dry_run, remote)


@click.command()
@model_argument
@click.argument("stage")
@click.option("--to", metavar="V", help="Go back to this version, which held the stage at any time.")
@writer
@click.pass_context
def rollback(
    context: click.Context,
    model: str,
    stage: str,
    to: str | None,
    dry_run: bool,
    push: bool,
    remote: str,
    message: str,
    as_json: bool,
) -> None:
    """Put back what a stage held before.

    A new event, so that history keeps both. A version that was withdrawn is passed over.

    \b
    Examples:
      gitcellar rollback vit-l/projectA production --push -m "Latency alarm."
      gitcellar rollback vit-l/projectA production --to 1.2.1 --dry-run
    """
    outcome = writing.rollback(
        find_repository(context),
        parse_model_name(model),
        parse_stage_name(stage),
        to=parse_version(to) if to else None,
        options=_options(dry_run, push, remote, message),
    )
    _report(outcome, as_json, dry_run, remote)


@click.command()
@reference_argument
@writer
@click.pass_context
def withdraw(
    context: click.Context, ref: str, dry_run: bool, push: bool, remote: str, message: str, as_json: bool
) -> None:
    """Recall a version.

    It stays readable, and can no longer be put into a stage or serve as a base.

    \b
    Examples:
      gitcellar withdraw vit-l/projectA@1.2.3 -m "Trained on data that had to be deleted."
      gitcellar withdraw vit-l/base@1.2 --push
    """
    reference = parse_reference(ref)
    if reference.version is None:
        raise InvalidError(f"{ref!r} is not one version", hint=f"name it: gitcellar withdraw {reference.model}@VERSION")
    outcome = writing.withdraw(find_repository(context), reference, options=_options(dry_run, push, remote, message))
    _report(outcome, as_json, dry_run, remote)


@click.command()
@reference_argument
@click.option("--cascade", is_flag=True, help="Withdraw every version that was tuned from it, too.")
@writer
@click.pass_context
def recall(
    context: click.Context,
    ref: str,
    cascade: bool,
    dry_run: bool,
    push: bool,
    remote: str,
    message: str,
    as_json: bool,
) -> None:
    """Withdraw a version of a base model, and list what came from it.

    Every version that was tuned from it is listed with the stages where it is live, and none of them enters a stage
    from then on. Say why: whoever has to react will read it.

    \b
    Examples:
      gitcellar recall vit-l/base@1.2 --why "Trained on data that had to be deleted." --push
      gitcellar recall vit-l/base@1.2 --why "Poisoned." --cascade --push
      gitcellar recall vit-l/base@1.2 --why "Who would be affected?" --dry-run
    """
    from gitcellar.cellar.recalling import recall as recall_base

    if not message:
        raise click.UsageError("say why: --why TEXT")
    options = _options(dry_run, push, remote, message)
    found = recall_base(
        find_repository(context), parse_reference(ref), cascade=cascade and not dry_run, options=options
    )
    affected: list[AffectedRow] = [
        {
            "model": each.model.text,
            "version": str(each.version.version),
            "stages": list(each.version.stages),
            "withdrawn": each.version.withdrawn,
        }
        for each in found.affected
    ]
    cascaded = [tag for outcome in found.cascaded for tag in outcome.tags]
    if as_json:
        document: RecallDocument = {**_document(found.outcome, dry_run), "affected": affected, "cascaded": cascaded}
        print_json(document)
        return
    _report(found.outcome, as_json, dry_run, remote)
    for tag in cascaded:
        click.echo(tag)
    for row in affected:
        live = f"live in {', '.join(row['stages'])}" if row["stages"] else "in no stage"
        say("Affected", f"{row['model']}@{row['version']}, {'withdrawn, ' if row['withdrawn'] else ''}{live}")
    if not affected:
        say("Affected", "nothing was tuned from it")


@click.command()
@model_argument
@writer
@click.pass_context
def deprecate(
    context: click.Context, model: str, dry_run: bool, push: bool, remote: str, message: str, as_json: bool
) -> None:
    """Deprecate a whole model.

    \b
    Examples:
      gitcellar deprecate vit-l/projectA -m "Replaced by vit-l/projectB."
    """
    options = _options(dry_run, push, remote, message)
    outcome = writing.deprecate(find_repository(context), parse_model_name(model), options=options)
    _report(outcome, as_json, dry_run, remote)


def _options(dry_run: bool, push: bool, remote: str, message: str) -> Options:
    return Options(dry_run=dry_run, push=push, remote=remote, message=message, progress=bar)


def _model_or_reference(text: str) -> Reference:
    if "@" in text or "#" in text:
        return parse_reference(text)
    return Reference(parse_model_name(text), line=())


def _document(outcome: Outcome, dry_run: bool) -> ActDocument:
    return {
        "schema": SCHEMA,
        "tags": list(outcome.tags),
        "created": outcome.created,
        "pushed": outcome.pushed,
        "dry_run": dry_run,
        "model": outcome.model.text,
        "version": str(outcome.version) if outcome.version else None,
        "stage": outcome.stage,
        "commit": outcome.commit,
        "checkpoint": checkpoint_row(outcome.checkpoint),
        "reasons": list(outcome.reasons),
        "warnings": [str(violation) for violation in outcome.warnings],
    }


def _report(outcome: Outcome, as_json: bool, dry_run: bool, remote: str) -> None:
    """The tags on stdout, for scripts; what was done and what comes next on stderr."""
    if as_json:
        print_json(_document(outcome, dry_run))
        return
    say_verdict(Verdict((), outcome.warnings))
    for tag in outcome.tags:
        click.echo(tag)
    if outcome.created:
        say("Done", f"{outcome.subject}, at {(outcome.commit or '')[:7]}")
        if outcome.pushed:
            say("Pushed", f"to {remote}")
        else:
            say("Next", f"nothing has left this machine: gitcellar push {outcome.model}")
    elif dry_run and outcome.tags and "already" not in outcome.subject:
        say("Dry run", f"{outcome.subject}: allowed, and nothing was written")
    else:
        say("Nothing to do", outcome.subject)
