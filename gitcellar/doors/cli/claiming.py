"""The verbs that stand behind a version: approve, reject, ratify, claim, evaluate, claims.

May import click, cellar and this door's output and options.
"""

from __future__ import annotations

import hashlib
import math
import sys
from datetime import datetime
from pathlib import Path

import click

from gitcellar.cellar import claiming
from gitcellar.cellar.claiming import Standing
from gitcellar.cellar.evaluating import Evaluated
from gitcellar.cellar.evaluating import evaluate as run_gates
from gitcellar.cellar.gating import Passage, weigh_passage
from gitcellar.cellar.policy_changes import approve_policy
from gitcellar.cellar.reading import read_reference
from gitcellar.cellar.rows import SCHEMA
from gitcellar.cellar.verdict_rows import ClaimRow, ClaimsDocument, EvaluateDocument, EvaluatedRow
from gitcellar.cellar.writing import Options
from gitcellar.core.claims import APPROVED, REJECTED, Statement
from gitcellar.core.errors import NO, InvalidError
from gitcellar.core.events import RATIFIED
from gitcellar.core.names import parse_stage_name
from gitcellar.doors.cli.acting import report_act, writer
from gitcellar.doors.cli.options import as_json, as_plain, find_repository, in_path, reference_argument
from gitcellar.doors.cli.output import confirm, print_json, print_line, print_plain, print_table, say
from gitcellar.policy.approvals import Attested

_DAY = click.DateTime(formats=["%Y-%m-%d"])
_for_stage = click.option("--for", "stage", metavar="STAGE", required=True, help="The stage that it is about.")
_role = click.option("--role", metavar="R", help="The role in which you decide; without it, any that you have.")
_until = click.option("--until", type=_DAY, help="The last day, UTC, on which it counts: 2026-12-31.")


@click.command()
@reference_argument
@click.option("--for", "stage", metavar="STAGE", help="The stage that it is about.")
@_role
@_until
@click.option("--policy", is_flag=True, help="REF is a commit: approve the policy and the people that it brings.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@writer
@click.pass_context
def approve(
    context: click.Context,
    ref: str,
    stage: str | None,
    role: str | None,
    until: datetime | None,
    policy: bool,
    yes: bool,
    options: Options,
    as_json: bool,
) -> None:
    """Approve a version for a stage, or another policy; you sign it.

    First it shows what would be approved: its metrics and contract against what is live, its gates, and the approvals
    that are still missing. An approval is for this moment: once the stage changes it counts no more.

    \b
    Examples:
      gitcellar approve vit-l/projectA@1.2.3 --for production --push
      gitcellar approve 'vit-l/projectA#staging' --for production --role qa --yes -m "Tested on site."
      gitcellar approve --policy HEAD --push
    """
    if policy:
        _approve_policy(context, ref, options, as_json=as_json)
        return
    if stage is None:
        raise click.UsageError("say what for: --for STAGE, or --policy")
    repository = find_repository(context)
    reference = read_reference(repository, ref)
    name = parse_stage_name(stage)
    if not yes and not options.dry_run and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("nobody can be asked here: say --yes, or look first with --dry-run")
    if not as_json:
        _brief(weigh_passage(repository, reference, name, remote=options.remote))
    if not yes and not options.dry_run and not confirm("Approve it?"):
        context.exit(NO)
    outcome = claiming.decide(
        repository, reference, APPROVED, name, role=role, until=_spell_day(until), options=options
    )
    report_act(outcome, options, as_json=as_json)


@click.command()
@reference_argument
@_for_stage
@_role
@writer
@click.pass_context
def reject(context: click.Context, ref: str, stage: str, role: str | None, options: Options, as_json: bool) -> None:
    """Reject a version for a stage, with your signature.

    By somebody who may approve it, a rejection keeps the version out until the same person approves it.

    \b
    Examples:
      gitcellar reject vit-l/projectA@1.2.3 --for production --why "Fails on night images." --push
    """
    if not options.message:
        raise click.UsageError("say why: --why TEXT")
    repository, name = find_repository(context), parse_stage_name(stage)
    reference = read_reference(repository, ref)
    outcome = claiming.decide(repository, reference, REJECTED, name, role=role, options=options)
    report_act(outcome, options, as_json=as_json)


@click.command()
@reference_argument
@_for_stage
@writer
@click.pass_context
def ratify(context: click.Context, ref: str, stage: str, options: Options, as_json: bool) -> None:
    """Ratify that the glass was broken for a version.

    Once enough people have approved it for the stage that it holds already; listings stop warning then.

    \b
    Examples:
      gitcellar ratify 'vit-l/projectA#production' --for production --push
    """
    repository, name = find_repository(context), parse_stage_name(stage)
    reference = read_reference(repository, ref)
    outcome = claiming.decide(repository, reference, RATIFIED, name, options=options)
    report_act(outcome, options, as_json=as_json)


@click.command()
@reference_argument
@click.argument("name")
@click.option("--metric", "metrics", metavar="K=V", multiple=True, help="A number that was measured; may be repeated.")
@click.option("--report", type=click.Path(dir_okay=False), help="A file whose sha256 the claim records.")
@click.option("--result", type=click.Choice(["clean", "dirty"]), help="What a scan found.")
@_until
@writer
@click.pass_context
def claim(
    context: click.Context,
    ref: str,
    name: str,
    metrics: tuple[str, ...],
    report: str | None,
    result: str | None,
    until: datetime | None,
    options: Options,
    as_json: bool,
) -> None:
    """State what was found out about a version.

    NAME is evaluated.SOMETHING, best with metrics, or scanned.SOMETHING with a result. Gates of the policy ask for it.

    \b
    Examples:
      gitcellar claim vit-l/projectA@1.2.3 evaluated.fairness --metric gap=0.02 --report fairness.html --push
      gitcellar claim vit-l/projectA@1.2.3 scanned.modelscan --result clean
    """
    if name.startswith("scanned.") and result is None:
        raise click.UsageError("say what the scan found: --result clean, or dirty")
    statement = Statement(
        until=_spell_day(until),
        result=result,
        report=_digest_report(Path(report)) if report else None,
        metrics=dict(map(_parse_metric, metrics)),
    )
    repository = find_repository(context)
    outcome = claiming.claim(repository, read_reference(repository, ref), name, statement, options=options)
    report_act(outcome, options, as_json=as_json)


@click.command()
@reference_argument
@click.argument("stage")
@writer
@click.pass_context
def evaluate(context: click.Context, ref: str, stage: str, options: Options, as_json: bool) -> None:
    """Run the command gates of a stage, and claim that they succeed.

    Each command runs at the top of the work tree with GITCELLAR_MODEL, GITCELLAR_VERSION and GITCELLAR_STAGE set; what
    has succeeded before is not run again. Exit code 1 says that one failed. For CI: no hook ever runs a command.

    \b
    Examples:
      gitcellar evaluate vit-l/projectA@1.2.3 production --push
      gitcellar evaluate 'vit-l/projectA#staging' production --dry-run
    """
    repository = find_repository(context)
    reference = read_reference(repository, ref)
    found = []
    for each in run_gates(repository, reference, parse_stage_name(stage), options=options):
        found.append(each)
        if not as_json:
            _report_evaluated(each, options)
    if as_json:
        document: EvaluateDocument = {"schema": SCHEMA, "gates": list(map(_evaluated_row, found))}
        print_json(document)
    elif not found:
        say("Nothing to do", f"{stage} has no command gates for {ref}")
    context.exit(0 if options.dry_run or all(each.ok for each in found) else NO)


@click.command()
@reference_argument
@click.option("--for", "stage", metavar="STAGE", help="Count the approvals for this stage.")
@click.option("--remote", metavar="NAME", default="origin", show_default=True, help="Whose default branch counts.")
@as_json
@as_plain
@in_path
@click.pass_context
def claims(context: click.Context, ref: str, stage: str | None, remote: str, as_json: bool, as_plain: bool) -> None:
    """Show what was claimed of a version, by whom, and whether it counts.

    With --for, exit code 1 says that approvals are missing.

    \b
    Examples:
      gitcellar claims vit-l/projectA@1.2.3
      gitcellar claims vit-l/projectA@latest --for production --json
    """
    repository = find_repository(context)
    standing = claiming.read_standing(repository, read_reference(repository, ref), stage, remote=remote)
    rows = [_claim_row(attested, fault) for attested, fault in standing.claims]
    if as_json:
        print_json(_claims_document(standing, rows))
    elif as_plain:
        print_plain(
            [(r["tag"], r["claim"], r["by"], r["role"], "yes" if r["counts"] else "no", r["fault"]) for r in rows]
        )
    else:
        if rows:
            print_table(
                ("claim", "by", "role", "counts", "because"),
                [(r["claim"], r["by"] or "", r["role"] or "", _yes(r["counts"]), _because(r)) for r in rows],
            )
        else:
            say("Claims", f"there is none on {standing.model} {standing.version}")
        _say_missing(standing)
    context.exit(NO if standing.tally and not standing.tally.met else 0)


def _approve_policy(context: click.Context, commit: str, options: Options, *, as_json: bool) -> None:
    tag = approve_policy(find_repository(context), commit, options=options)
    if as_json:
        print_json({"schema": SCHEMA, "tag": tag, "pushed": options.push and not options.dry_run})
        return
    print_line(tag)
    say("Dry run" if options.dry_run else "Done", f"Approve the policy of {commit}")
    if not options.push and not options.dry_run:
        say("Next", f"git push {options.remote} refs/tags/{tag}")


def _report_evaluated(each: Evaluated, options: Options) -> None:
    if each.outcome is not None:
        report_act(each.outcome, options, as_json=False)
    elif each.met:
        say("Met", f"{each.command} has succeeded before")
    elif each.status is None:
        say("Would run", each.command)
    else:
        say("Failed", f"{each.command} ended with exit code {each.status}; nothing is claimed")


def _evaluated_row(each: Evaluated) -> EvaluatedRow:
    tags = each.outcome.tags if each.outcome else ()
    return {"command": each.command, "met": each.ok, "status": each.status, "tag": tags[0] if tags else None}


def _brief(passage: Passage) -> None:
    """What somebody approves, told before they are asked."""
    live = f", where {passage.live} is live" if passage.live else ", which is empty"
    say("Approving", f"{passage.model} {passage.version} for {passage.stage}{live}")
    if passage.metrics:
        rows = [(name, _number(new), _number(old)) for name, new, old in passage.metrics]
        print_table(("metric", str(passage.version), str(passage.live or "nothing live")), rows)
    for difference in passage.differences:
        word = "Breaks" if difference.breaks else "Differs"
        say(word, f"the contract of {passage.live}: {difference}")
    for weighed in passage.gates:
        say("Gate" if weighed.met else "Not met", weighed.reason)
    for missing in passage.missing:
        say("Missing", missing)


def _say_missing(standing: Standing) -> None:
    if standing.tally is None:
        return
    for missing in standing.tally.lacking:
        say("Missing", missing)
    if standing.tally.met:
        say("Approved", f"{standing.model} {standing.version} has the approvals that {standing.stage} asks for")


def _claim_row(attested: Attested, fault: str | None) -> ClaimRow:
    claim, said = attested.claim, attested.claim.statement
    return {
        "tag": claim.tag,
        "claim": f"{claim.kind}.{claim.about}",
        "by": attested.signer.principal,
        "role": said.role,
        "until": said.until,
        "against": said.against,
        "result": said.result,
        "metrics": dict(said.metrics),
        "report": said.report,
        "policy": said.policy,
        "counts": fault is None,
        "fault": fault,
        "message": claim.text,
    }


def _claims_document(standing: Standing, rows: list[ClaimRow]) -> ClaimsDocument:
    return {
        "schema": SCHEMA,
        "model": standing.model.text,
        "version": str(standing.version),
        "stage": standing.stage,
        "approved": standing.tally.met if standing.tally else None,
        "missing": list(standing.tally.lacking) if standing.tally else [],
        "claims": rows,
    }


def _digest_report(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        message = f"cannot read the report {str(path)!r}: {error.strerror or error}"
        raise InvalidError(message, hint="give the path of a file, from the current folder") from error


def _yes(counts: bool) -> str:
    return "yes" if counts else "no"


def _because(row: ClaimRow) -> str:
    if row["fault"]:
        return f"it {row['fault']}"
    found = [f"{name}={value:g}" for name, value in row["metrics"].items()]
    return ", ".join([*([row["result"]] if row["result"] else []), *found])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _parse_metric(text: str) -> tuple[str, float]:
    name, _, said = text.partition("=")
    try:
        value = float(said)
    except ValueError:
        value = math.nan
    if not name or not math.isfinite(value):
        raise InvalidError(f"{text!r} is no metric", hint="write it as accuracy=0.93")
    return name, value


def _spell_day(day: datetime | None) -> str | None:
    return None if day is None else day.date().isoformat()
