"""The verbs that give account: audit, verify, stale. May import click, cellar and this door's output and options."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timezone

import click

from gitcellar.cellar.auditing import Audit, list_broken, list_excepted
from gitcellar.cellar.auditing import audit as read_audit
from gitcellar.cellar.proving import Proof
from gitcellar.cellar.proving import verify as read_proof
from gitcellar.cellar.rows import SCHEMA, event_row
from gitcellar.cellar.staleness import Limits, find_stale
from gitcellar.cellar.verdict_rows import AuditDocument, AuditRow, StaleDocument, StaleRow, SuspicionRow, VerifyDocument
from gitcellar.core.errors import NO
from gitcellar.core.names import parse_model_name
from gitcellar.doors.cli.markdown import format_row
from gitcellar.doors.cli.options import (
    as_json,
    as_plain,
    find_clone,
    find_repository,
    find_source,
    in_path,
    optional_model,
    reader,
)
from gitcellar.doors.cli.output import (
    print_json,
    print_plain,
    print_table,
    print_text,
    say,
    say_unratified,
    say_withdrawn,
)
from gitcellar.store.environment import read_now

_DAY = click.DateTime(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"])
_FORMULAS = ("=", "+", "-", "@", "\t", "\n")
_COLUMNS = (
    "at",
    "author",
    "email",
    "event",
    "model",
    "version",
    "stage",
    "tag",
    "commit",
    "message",
    "signer",
    "evidence",
    "policy",
    "breaks",
    "excepted",
)


@click.command()
@optional_model
@click.option("--since", type=_DAY, help="From this day or moment on, UTC: 2026-11-01, 2026-11-01T12:00:00Z.")
@click.option("--until", type=_DAY, help="Before this day or moment, UTC.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["human", "json", "csv", "md"]),
    default="human",
    show_default=True,
    help="For whom: csv for a spreadsheet, md for a report.",
)
@as_json
@in_path
@click.pass_context
def audit(
    context: click.Context, model: str | None, since: datetime | None, until: datetime | None, form: str, as_json: bool
) -> None:
    """Give account of who did what, and where it is not by the rules.

    Every event of MODEL, or of all models, the oldest first, by its tagger's clock; with who signed it, the approvals
    and gates on which it rests, the rules of today's policy that it breaks, and the exceptions that excuse it. Then
    every exception of the policy, in force or ended.

    \b
    Examples:
      gitcellar audit
      gitcellar audit vit-l/projectA --since 2026-01-01 --format md > report.md
      gitcellar audit --format csv
    """
    name = parse_model_name(model) if model else None
    found = read_audit(find_repository(context), name, since=_seconds(since), until=_seconds(until))
    say_withdrawn(found.states)
    say_unratified(found.states)
    document = _document(found)
    if as_json or form == "json":
        print_json(document)
    elif form == "csv":
        _print_csv(document)
    elif form == "md":
        _print_markdown(document)
    else:
        _print_human(document)


@click.command()
@optional_model
@click.option("--remote", metavar="NAME", default="origin", show_default=True, help="Whose remembered tips count.")
@reader
@click.pass_context
def verify(
    context: click.Context, model: str | None, remote: str, repo: str | None, as_json: bool, as_plain: bool
) -> None:
    """Look for history that was rewritten, trusting no server.

    Every event names the one before it, and a model's tip the newest. Reported are tags that were moved, deleted,
    forged, replayed under another name, forked off, tips that were rewound, and bases that were swapped; and, as
    warnings, events that stand in no chain, as what git or GTO wrote.

    \b
    Examples:
      gitcellar verify
      gitcellar verify vit-l/projectA --repo https://example.com/models.git
    """
    name = parse_model_name(model) if model else None
    clone = None if repo is None else find_clone(context)
    proof = read_proof(find_source(context, repo), name, clone=clone, remote=remote)
    rows: list[SuspicionRow] = [
        {
            "model": suspected.text,
            "code": found.code,
            "level": "error" if found.grave else "warning",
            "tag": found.tag,
            "message": found.message,
        }
        for suspected, found in proof.suspicions
    ]
    if as_json:
        document: VerifyDocument = {
            "schema": SCHEMA,
            "ok": proof.ok,
            "models": len(proof.models),
            "events": proof.events,
            "suspicions": rows,
        }
        print_json(document)
    elif as_plain:
        print_plain([(row["level"], row["code"], row["tag"], row["message"]) for row in rows])
    else:
        for row in rows:
            say("Warning" if row["level"] == "warning" else "Suspect", f"{row['code']} {row['tag']}: {row['message']}")
        say("Verified", f"{proof.events} events of {len(proof.models)} models: {_sum_up(proof)}")
        if not proof.ok and not proof.is_rewritten:
            say("Hint", "for events from before a rule, write an entry below exceptions: in gitcellar.yaml")
    context.exit(0 if proof.ok else NO)


def _sum_up(proof: Proof) -> str:
    if proof.ok:
        return "nothing was rewritten"
    return "history was rewritten" if proof.is_rewritten else "nothing was rewritten, but some events break the policy"


@click.command()
@optional_model
@click.option(
    "--majors", type=click.IntRange(1), default=2, show_default=True, help="How far ahead in X a base may be."
)
@click.option("--days", type=click.IntRange(1), default=180, show_default=True, help="How long without an evaluation.")
@as_json
@as_plain
@in_path
@click.pass_context
def stale(context: click.Context, model: str | None, majors: int, days: int, as_json: bool, as_plain: bool) -> None:
    """List what is live and looked after by nobody.

    Without owner or description; with a base that was withdrawn or outlived; not evaluated for long; withdrawn or
    deprecated and still live; promoted by broken glass. Exit code 1 says that there is something.

    \b
    Examples:
      gitcellar stale
      gitcellar stale vit-l/projectA --days 90 --json
    """
    name = parse_model_name(model) if model else None
    found = find_stale(find_repository(context), name, Limits(majors, days, read_now()))
    rows: list[StaleRow] = [
        {
            "model": each.model.text,
            "version": str(each.version),
            "stage": each.stage,
            "code": each.code,
            "message": each.message,
        }
        for each in found
    ]
    if as_json:
        document: StaleDocument = {"schema": SCHEMA, "stale": rows}
        print_json(document)
    elif as_plain:
        print_plain([(r["code"], r["model"], r["version"], r["stage"], r["message"]) for r in rows])
    elif rows:
        table = [(f"{r['model']}@{r['version']}", r["stage"], r["message"], r["code"]) for r in rows]
        print_table(("live", "in", "because", ""), table)
    else:
        say("Fresh", "everything that is live is looked after")
    context.exit(NO if rows else 0)


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.replace(tzinfo=timezone.utc).timestamp())


def _document(found: Audit) -> AuditDocument:
    events: list[AuditRow] = [
        {
            **event_row(each.state, each.event.event, each.event.details),
            "signer": each.signer,
            "evidence": list(each.evidence),
            "policy": each.policy,
            "breaks": list(list_broken(each.verdict)),
            "excepted": list(list_excepted(each.verdict)),
        }
        for each in found.events
    ]
    return {
        "schema": SCHEMA,
        "events": events,
        "live_withdrawn": [
            {"model": state.name.text, "version": str(version), "stage": stage}
            for state in found.states
            for stage, version in state.live_withdrawn.items()
        ],
        "exceptions": [
            {
                "rule": e.rule,
                "match": e.match,
                "reason": e.reason,
                "until": e.until,
                "line": e.line,
                "ended": found.day > e.until,
            }
            for e in found.exceptions
        ],
    }


def _cells(row: AuditRow) -> list[str]:
    values: dict[str, object] = dict(row)
    cells = [values[column] for column in _COLUMNS]
    return ["; ".join(cell) if isinstance(cell, list) else str(cell or "") for cell in cells]


def _exceptions(document: AuditDocument) -> list[tuple[str, ...]]:
    return [
        (e["rule"], e["match"], e["reason"], e["until"], "ended" if e["ended"] else "in force")
        for e in document["exceptions"]
    ]


def _print_human(document: AuditDocument) -> None:
    rows = []
    for row in document["events"]:
        remarks = [f"breaks {each}" for each in row["breaks"]] + [f"excepted {each}" for each in row["excepted"]]
        who = row["signer"] or row["author"] or ""
        rows.append((row["at"] or "", who, row["event"], row["tag"], "; ".join([*row["evidence"], *remarks])))
    print_table(("when", "who", "what", "tag", "remarks"), rows)
    if document["exceptions"]:
        print_text("")
        print_table(("exception", "for", "because", "until", "is"), _exceptions(document))


def _print_csv(document: AuditDocument) -> None:
    """Events as CSV (RFC 4180). A cell that a spreadsheet would run as a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in document["events"]:
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULAS) else cell for cell in _cells(row)])
    print_text(text.getvalue())


def _print_markdown(document: AuditDocument) -> None:
    events = [_cells(row) for row in document["events"]]
    for title, header, rows in (
        ("Events", _COLUMNS, events),
        ("Exceptions", ("rule", "models", "reason", "until", "state"), _exceptions(document)),
    ):
        lines = [f"## {title}", "", format_row(header), f"|{'---|' * len(header)}", *map(format_row, rows), "", ""]
        print_text("\n".join(lines))
