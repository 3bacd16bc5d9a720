"""The verbs that explain: rules, rule, schema, completion. May import click, core, policy and cellar.rows."""

from __future__ import annotations

from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import click

from gitcellar.core.errors import NotFoundError, did_you_mean
from gitcellar.doors.cli.options import as_json, as_plain
from gitcellar.doors.cli.output import print_json, print_plain, print_table, print_text
from gitcellar.policy.rules import Rule


@click.command()
@as_json
@as_plain
def rules(as_json: bool, as_plain: bool) -> None:
    """List the rules that a change is held against.

    Each with its severity where the policy says nothing else: gitcellar policy MODEL tells what it says.

    \b
    Examples:
      gitcellar rules
      gitcellar rules --json
    """
    from gitcellar.policy.judge import RULES

    if as_json:
        print_json({"schema": 1, "rules": [_rule_row(rule) for rule in RULES]})
    elif as_plain:
        print_plain([(rule.id, rule.severity, rule.reason) for rule in RULES])
    else:
        print_table(("rule", "is", "reason"), [(rule.id, rule.severity, rule.reason) for rule in RULES])


@click.command()
@click.argument("rule_id", metavar="ID")
@as_json
def rule(rule_id: str, as_json: bool) -> None:
    """Explain one rule, and what to do about it.

    \b
    Examples:
      gitcellar rule V003
    """
    from gitcellar.policy.judge import RULES

    found = next((rule for rule in RULES if rule.id == rule_id.upper()), None)
    if found is None:
        hint = did_you_mean(rule_id, [rule.id for rule in RULES]) or "gitcellar rules lists them"
        raise NotFoundError(f"there is no rule {rule_id!r}", hint=hint)
    if as_json:
        print_json({"schema": 1, **_rule_row(found), "page": found.page})
    else:
        print_text(f"{found.id}: {found.reason}\n\n{found.page}")


@click.command()
@click.argument("name", required=False)
def schema(name: str | None) -> None:
    """Print the JSON Schema of a document or file.

    Without NAME, the names: those of commands for what they print with --json, and artifacts and gitcellar for
    the files, for editors.

    \b
    Examples:
      gitcellar schema
      gitcellar schema show
      gitcellar schema artifacts > artifacts.schema.json
    """
    documents = _documents()
    if name is None:
        print_text("\n".join(documents))
        return
    if name not in documents:
        hint = did_you_mean(name, documents) or f"there are: {', '.join(documents)}"
        raise NotFoundError(f"there is no schema {name!r}", hint=hint)
    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **_schema_of(documents[name])})


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a shell's completion script.

    \b
    Examples:
      eval "$(gitcellar completion bash)"
      gitcellar completion fish > ~/.config/fish/completions/gitcellar.fish
    """
    from click.shell_completion import get_completion_class

    from gitcellar.doors.cli.main import cli

    completer = get_completion_class(shell)
    if completer is not None:
        print_text(completer(cli, {}, "gitcellar", "_GITCELLAR_COMPLETE").source())


def _rule_row(rule: Rule) -> dict[str, str]:
    return {"id": rule.id, "severity": rule.severity, "reason": rule.reason}


def _documents() -> dict[str, Any]:
    from gitcellar.cellar import rows, verdict_rows
    from gitcellar.core.manifest import Entry
    from gitcellar.gitops import rows as deployment_rows
    from gitcellar.policy.config import Policy

    acts = (
        "register",
        "assign",
        "unassign",
        "rollback",
        "withdraw",
        "deprecate",
        "promote",
        "archive",
        "approve",
        "reject",
        "ratify",
        "claim",
    )
    return {
        "show": rows.ShowDocument,
        "history": rows.HistoryDocument,
        "resolve": rows.ResolveDocument,
        "describe": rows.DescribeDocument,
        **dict.fromkeys(acts, rows.ActDocument),
        "recall": rows.RecallDocument,
        "claims": verdict_rows.ClaimsDocument,
        "get": rows.GetDocument,
        "audit": verdict_rows.AuditDocument,
        "stale": verdict_rows.StaleDocument,
        "check": verdict_rows.CheckDocument,
        "doctor": verdict_rows.DoctorDocument,
        "gate": verdict_rows.GateDocument,
        "verify": verdict_rows.VerifyDocument,
        "contract": verdict_rows.ContractDocument,
        "policy": verdict_rows.PolicyDocument,
        **dict.fromkeys(("push", "fetch"), rows.MoveDocument),
        "undo": rows.UndoDocument,
        **dict.fromkeys(("init", "add"), rows.AddDocument),
        "evaluate": verdict_rows.EvaluateDocument,
        "reconcile": deployment_rows.ReconcileDocument,
        "agent": deployment_rows.AgentDocument,
        "index": deployment_rows.IndexDocument,
        "diff-live": deployment_rows.LiveDocument,
        "summary": verdict_rows.SummaryDocument,
        "guard": verdict_rows.GuardDocument,
        "artifacts": dict[str, Entry],
        "gitcellar": Policy,
    }


def _schema_of(document: Any) -> dict[str, Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(_as_pydantic(document)).json_schema()


def _as_pydantic(kind: Any) -> Any:
    """A TypedDict as a pydantic model: pydantic takes typing's own only from Python 3.12 on."""
    from pydantic import Field, create_model

    if is_typeddict(kind):
        # By alias, for a document's key `schema` is an attribute of every pydantic model.
        hints = get_type_hints(kind).items()
        fields: dict[str, Any] = {f"{key}_": (_as_pydantic(hint), Field(alias=key)) for key, hint in hints}
        return create_model(kind.__name__, __doc__=kind.__doc__, **fields)
    if get_origin(kind) in (list, dict):
        return get_origin(kind)[tuple(map(_as_pydantic, get_args(kind)))]
    if get_args(kind) and any(is_typeddict(part) for part in get_args(kind)):
        first, *rest = map(_as_pydantic, get_args(kind))
        for part in rest:
            first = first | part
        return first
    return kind
