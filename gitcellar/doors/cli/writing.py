"""The verbs that write events: register, assign, archive, unassign, rollback, withdraw, recall, deprecate.

May import click, cellar and this door's output and options.
"""

from __future__ import annotations

from typing import Literal

import click

from gitcellar.cellar import claiming, writing
from gitcellar.cellar.reading import read_reference, read_state
from gitcellar.cellar.rows import AffectedRow, RecallDocument
from gitcellar.cellar.writing import Options
from gitcellar.core.errors import NO, InvalidError
from gitcellar.core.names import parse_model_name, parse_stage_name
from gitcellar.core.references import Reference, parse_reference
from gitcellar.core.state import ARCHIVED
from gitcellar.core.versions import parse_version
from gitcellar.doors.cli.acting import act_document, report_act, writer
from gitcellar.doors.cli.options import find_repository, model_argument, reference_argument
from gitcellar.doors.cli.output import human_size, print_json, print_line, say, say_withdrawn
from gitcellar.policy.judge import RefusedError


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
    options: Options,
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
        options=options,
    )
    # A raised X is news to every application, so it is never raised without a word.
    for reason in outcome.reasons if explain or (outcome.reasons[:1] and "X rises" in outcome.reasons[0]) else ():
        say("Because", reason)
    report_act(outcome, options, as_json=as_json)
    if outcome.created and outcome.checkpoint and not as_json:
        say("Checkpoint", f"sha256:{outcome.checkpoint.sha256}, {human_size(outcome.checkpoint.size)}")
    if outcome.created and outcome.pushed and not as_json:
        say("Next", f"gitcellar assign {outcome.model}@{outcome.version} STAGE --push")


@click.command()
@reference_argument
@click.argument("stage")
@click.option("--when-ready", is_flag=True, help="Where gates or approvals are missing, say which and exit 1.")
@click.option("--break-glass", is_flag=True, help="Without the approvals, as who may in an emergency; say why.")
@writer
@click.pass_context
def assign(
    context: click.Context,
    ref: str,
    stage: str,
    when_ready: bool,
    break_glass: bool,
    options: Options,
    as_json: bool,
) -> None:
    """Put a version into a stage.

    REF is a model, for its latest version, or any REF. What the stage held is archived by that, unless another
    stage holds it too. `promote` is another name for it.

    \b
    Examples:
      gitcellar assign vit-l/projectA staging
      gitcellar assign vit-l/projectA@1.2.3 production --push -m "Approved in the November review."
      gitcellar promote 'vit-l/projectA#staging' production --when-ready --push
      gitcellar promote vit-l/projectA@1.2.3 production --break-glass --why "Outage of 1.2.2." --push
    """
    repository, reference, name = find_repository(context), _model_or_reference(ref), parse_stage_name(stage)
    if break_glass and not options.message:
        raise click.UsageError("say why the glass is broken: --why TEXT")
    try:
        act = claiming.break_glass if break_glass else writing.assign
        outcome = act(repository, reference, name, options=options)
    except RefusedError as error:
        if not (when_ready and error.verdict.waits):
            raise
        for violation in error.verdict.violations:
            say("Waiting", violation.message)
        context.exit(NO)
    report_act(outcome, options, as_json=as_json)


# The same verb, as many people call it.
promote = click.Command(
    "promote", params=assign.params, callback=assign.callback, help=assign.help, short_help="The same as assign."
)


@click.command()
@reference_argument
@writer
@click.pass_context
def archive(context: click.Context, ref: str, options: Options, as_json: bool) -> None:
    """Archive a version.

    It is taken out of every stage that holds it. Archived is a state and no stage: any number of versions may be
    archived, and a version that is displaced from its last stage is archived by that alone.

    \b
    Examples:
      gitcellar archive vit-l/projectA@1.2.3 --push -m "Replaced by 1.3.1."
      gitcellar archive 'vit-l/projectA#staging' --dry-run
    """
    repository = find_repository(context)
    outcome = writing.assign(repository, read_reference(repository, ref), ARCHIVED, options=options)
    report_act(outcome, options, as_json=as_json)


@click.command()
@model_argument
@click.argument("stage")
@writer
@click.pass_context
def unassign(context: click.Context, model: str, stage: str, options: Options, as_json: bool) -> None:
    """Take out of a stage what it holds.

    The stage is empty afterwards: nothing returns to it by itself.

    \b
    Examples:
      gitcellar unassign vit-l/projectA staging
      gitcellar unassign vit-l/projectA production --push -m "Customer left."
    """
    outcome = writing.unassign(
        find_repository(context), parse_model_name(model), parse_stage_name(stage), options=options
    )
    report_act(outcome, options, as_json=as_json)


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
    options: Options,
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
        options=options,
    )
    report_act(outcome, options, as_json=as_json)


@click.command()
@reference_argument
@writer
@click.pass_context
def withdraw(context: click.Context, ref: str, options: Options, as_json: bool) -> None:
    """Recall a version.

    It stays readable, and can no longer be put into a stage or serve as a base.

    \b
    Examples:
      gitcellar withdraw vit-l/projectA@1.2.3 -m "Trained on data that had to be deleted."
      gitcellar withdraw vit-l/base@1.2 --push
    """
    repository = find_repository(context)
    reference = read_reference(repository, ref)
    if reference.version is None:
        raise InvalidError(f"{ref!r} is not one version", hint=f"name it: gitcellar withdraw {reference.model}@VERSION")
    outcome = writing.withdraw(repository, reference, options=options)
    report_act(outcome, options, as_json=as_json)
    say_withdrawn([read_state(repository, reference.model)])


@click.command()
@reference_argument
@click.option("--cascade", is_flag=True, help="Withdraw every version that was tuned from it, too.")
@writer
@click.pass_context
def recall(
    context: click.Context,
    ref: str,
    cascade: bool,
    options: Options,
    as_json: bool,
) -> None:
    """Withdraw a version of a base model, and list what came from it.

    Every version that was tuned from it is listed with the stages where it is live, and none of them enters a stage
    from then on. With --push the rack is fetched first, else the list is what this clone knows. Say why: whoever has
    to react will read it.

    \b
    Examples:
      gitcellar recall vit-l/base@1.2 --why "Trained on data that had to be deleted." --push
      gitcellar recall vit-l/base@1.2 --why "Poisoned." --cascade --push
      gitcellar recall vit-l/base@1.2 --why "Who would be affected?" --dry-run
    """
    from gitcellar.cellar.recalling import recall as recall_base

    if not options.message:
        raise click.UsageError("say why: --why TEXT")
    repository = find_repository(context)
    found = recall_base(
        repository, read_reference(repository, ref), cascade=cascade and not options.dry_run, options=options
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
        document: RecallDocument = {**act_document(found.outcome, options), "affected": affected, "cascaded": cascaded}
        print_json(document)
        return
    report_act(found.outcome, options, as_json=as_json)
    for tag in cascaded:
        print_line(tag)
    for row in affected:
        live = f"live in {', '.join(row['stages'])}" if row["stages"] else "in no stage"
        say("Affected", f"{row['model']}@{row['version']}, {'withdrawn, ' if row['withdrawn'] else ''}{live}")
    if not affected:
        say("Affected", "nothing was tuned from it")
    if not found.outcome.pushed:
        say("Hint", "this is what this clone knows; gitcellar fetch brings what others tuned and promoted")


@click.command()
@model_argument
@writer
@click.pass_context
def deprecate(context: click.Context, model: str, options: Options, as_json: bool) -> None:
    """Deprecate a whole model.

    \b
    Examples:
      gitcellar deprecate vit-l/projectA -m "Replaced by vit-l/projectB."
    """
    outcome = writing.deprecate(find_repository(context), parse_model_name(model), options=options)
    report_act(outcome, options, as_json=as_json)


def _model_or_reference(text: str) -> Reference:
    if "@" in text or "#" in text:
        return parse_reference(text)
    return Reference(parse_model_name(text), line=())
