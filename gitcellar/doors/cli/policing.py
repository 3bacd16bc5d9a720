"""The verbs about what is promised and allowed: contract, gate, policy, freeze, unfreeze.

May import click, cellar and this door's output and options.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from gitcellar.cellar.asking import require_declared
from gitcellar.cellar.contracts import diff_contracts
from gitcellar.cellar.freezing import lift_freeze, write_freeze
from gitcellar.cellar.gating import weigh_passage
from gitcellar.cellar.policies import find_other_policies, find_policy_blobs, find_protected, read_policy_of
from gitcellar.cellar.reading import read_reference
from gitcellar.cellar.rows import SCHEMA
from gitcellar.cellar.verdict_rows import ContractDocument, ExceptionRow, GateDocument, GateRow, PolicyDocument
from gitcellar.core.errors import NO
from gitcellar.core.names import parse_model_name
from gitcellar.doors.cli.options import (
    as_json,
    as_plain,
    find_repository,
    find_source,
    in_path,
    optional_model,
    reader,
    reference_argument,
)
from gitcellar.doors.cli.output import print_json, print_plain, print_table, say
from gitcellar.policy.gates import Weighed
from gitcellar.store.environment import read_today


@click.group()
def contract() -> None:
    """Compare what applications may rely on.

    \b
    Examples:
      gitcellar contract diff vit-l/base@1.2 vit-l/base@2.0
    """


@contract.command("diff")
@click.argument("old", metavar="REF")
@click.argument("new", metavar="REF")
@reader
@click.pass_context
def contract_diff(context: click.Context, old: str, new: str, repo: str | None, as_json: bool, as_plain: bool) -> None:
    """Show in which fields two versions' contracts differ, and which break.

    Exit code 1 says that an application of the first must change for the second. Where the policy says `casting:
    lossless`, an input of another dtype breaks nothing if the server's cast keeps every value.

    \b
    Examples:
      gitcellar contract diff vit-l/base@1.2 vit-l/base@latest
      gitcellar contract diff 'vit-l/projectA#production' 'vit-l/projectA#staging' --json
    """
    source = find_source(context, repo)
    compared = diff_contracts(source, read_reference(source, old), read_reference(source, new))
    differences = compared.differences
    breaks = any(difference.breaks for difference in differences)
    if as_json:
        document: ContractDocument = {
            "schema": SCHEMA,
            "old": old,
            "new": new,
            "casting": compared.casting,
            "breaks": breaks,
            "differences": [{"field": d.field, "message": d.message, "breaks": d.breaks} for d in differences],
        }
        print_json(document)
    elif as_plain:
        print_plain([(d.field, d.message, "breaks" if d.breaks else "keeps") for d in differences])
    else:
        if differences:
            rows = [(d.field, d.message, "breaks" if d.breaks else "keeps") for d in differences]
            print_table(("field", "difference", "an application"), rows)
        if compared.promised:
            say("Breaks" if breaks else "Keeps", f"an application of {old} {'must change' if breaks else 'goes on'}")
        else:
            say("Keeps", f"{old} has no contract, so there is no promise that {new} could break")
    context.exit(NO if breaks else 0)


@click.command()
@reference_argument
@click.argument("stage")
@as_json
@as_plain
@in_path
@click.option("--remote", metavar="NAME", default="origin", show_default=True, help="Whose default branch counts.")
@click.pass_context
def gate(context: click.Context, ref: str, stage: str, remote: str, as_json: bool, as_plain: bool) -> None:
    """Hold a version against the gates of a stage.

    Each gate with the version's value, the limit and the margin. Exit code 1 says that one is not met.

    \b
    Examples:
      gitcellar gate vit-l/projectA@1.2.3 production
      gitcellar gate vit-l/projectA@latest staging --json
    """
    repository = find_repository(context)
    found = weigh_passage(repository, read_reference(repository, ref), stage, remote=remote)
    lines = [
        (w.gate, _number(w.value), _number(w.limit), _number(w.margin), "yes" if w.met else "no") for w in found.gates
    ]
    if as_json:
        document: GateDocument = {
            "schema": SCHEMA,
            "model": found.model.text,
            "version": str(found.version),
            "stage": stage,
            "met": found.open,
            "returns": found.returns,
            "gates": [_gate_row(weighed) for weighed in found.gates],
        }
        print_json(document)
    elif as_plain:
        print_plain(lines)
    else:
        if lines:
            print_table(("gate", "value", "limit", "margin", "met"), lines)
        for weighed in found.gates:
            if not weighed.met:
                say("Not met", weighed.reason)
        if found.returns:
            say("Open", f"{found.version} was in {stage} before, and may return")
        elif not lines:
            say("Open", f"{stage} of {found.model} has no gates")
    context.exit(0 if found.open else NO)


def _gate_row(weighed: Weighed) -> GateRow:
    return {
        "gate": weighed.gate,
        "value": weighed.value,
        "limit": weighed.limit,
        "margin": weighed.margin,
        "met": weighed.met,
        "reason": weighed.reason,
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


@click.command()
@optional_model
@as_json
@as_plain
@in_path
@click.option("--remote", metavar="NAME", default="origin", show_default=True, help="Whose default branch counts.")
@click.pass_context
def policy(context: click.Context, model: str | None, remote: str, as_json: bool, as_plain: bool) -> None:
    """Print what applies to MODEL, and which line of the policy said so.

    Without MODEL, everything that the policy says, for whichever models, and its exceptions.

    \b
    Examples:
      gitcellar policy
      gitcellar policy vit-l/projectA
    """
    repository = find_repository(context)
    protected = find_protected(repository, remote)
    found = read_policy_of(repository, protected)
    others = find_other_policies(repository, protected)
    name = parse_model_name(model) if model else None
    if name is not None:
        require_declared(repository, name)
    settings = [each for said in found.settings_of(name).values() for each in said] if name else list(found.settings())
    exceptions = [e for e in found.exceptions if name is None or e.covers(e.rule, name.text, "")]
    today = read_today()
    rows: list[ExceptionRow] = [
        {
            "rule": e.rule,
            "match": e.match,
            "reason": e.reason,
            "until": e.until,
            "line": e.line,
            "ended": today > e.until,
        }
        for e in exceptions
    ]
    if as_json:
        document: PolicyDocument = {
            "schema": SCHEMA,
            "model": model,
            "branch": protected.name,
            "ref": protected.ref,
            "commit": protected.commit,
            "written": found.is_written,
            "others": others,
            "settings": [{"key": s.key, "value": s.value, "line": s.line, "match": s.match} for s in settings],
            "exceptions": rows,
        }
        print_json(document)
        return
    lines = [(s.key, _spell(s.value), s.match, f"line {s.line}" if s.line else "default") for s in settings]
    lines += [
        (f"exception {row['rule']}", f"{row['reason']} (until {row['until']}{', ended' if row['ended'] else ''})",
         row["match"], f"line {row['line']}")
        for row in rows
    ]  # fmt: skip
    if as_plain:
        print_plain(lines)
        return
    if lines:
        print_table(("setting", "value", "for", "said by"), lines)
    if found.is_written:
        say("Policy", f"gitcellar.yaml of {protected}")
    else:
        is_there = find_policy_blobs(repository, protected.commit)[0] is not None if protected.commit else False
        reason = (
            f"gitcellar.yaml of {protected} says nothing" if is_there else f"there is no gitcellar.yaml on {protected}"
        )
        say("Policy", f"the defaults, for {reason}")
    for other in others:
        say("Warning", f"{other} has another policy, which judges nothing")


def _spell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@click.command()
@click.argument("models")
@click.argument("stages", metavar="[STAGE]...", nargs=-1)
@click.option("--why", required=True, help="The reason, which every refusal repeats.")
@click.option("--until", type=click.DateTime(formats=["%Y-%m-%d"]), required=True, help="The last day, UTC.")
@in_path
@click.pass_context
def freeze(context: click.Context, models: str, stages: tuple[str, ...], why: str, until: datetime) -> None:
    """Let nothing new into stages of some models until a day.

    MODELS is a glob, and without a STAGE it is about all. It is an entry in gitcellar.yaml here: it holds once it is
    on the protected branch. A rollback stays possible.

    \b
    Examples:
      gitcellar freeze '**' production --why "The end of the year." --until 2027-01-06
      gitcellar freeze 'vit-l/*' --why "Migration of the line." --until 2026-12-01
    """
    write_freeze(find_repository(context), models, stages, why, until.date().isoformat())
    say("Frozen", f"{', '.join(stages) or 'every stage'} of {models} until {until.date().isoformat()}")
    say("Next", "git add gitcellar.yaml && git commit, and push it to the protected branch")


@click.command()
@click.argument("models")
@click.argument("stages", metavar="[STAGE]...", nargs=-1)
@in_path
@click.pass_context
def unfreeze(context: click.Context, models: str, stages: tuple[str, ...]) -> None:
    """Lift a freeze before its day.

    MODELS and STAGE are those of the freeze; without a STAGE all of them are lifted.

    \b
    Examples:
      gitcellar unfreeze '**' production
      gitcellar unfreeze 'vit-l/*'
    """
    lift_freeze(find_repository(context), models, stages)
    say("Lifted", f"the freeze of {', '.join(stages) or 'every stage'} of {models}")
    say("Next", "git add gitcellar.yaml && git commit, and push it to the protected branch")
