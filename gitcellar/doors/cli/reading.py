"""The verbs that ask: show, history, describe, resolve. May import click, cellar and this door's output and options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timezone

import click

from gitcellar.cellar import reading, rows
from gitcellar.core.names import parse_model_name
from gitcellar.core.references import find_referenced
from gitcellar.core.state import ModelState
from gitcellar.doors.cli.options import find_source, optional_model, reader, reference_argument
from gitcellar.doors.cli.output import (
    print_json,
    print_line,
    print_plain,
    print_table,
    say,
    say_unratified,
    say_withdrawn,
)
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RefSource

_at_moment = click.option(
    "--at",
    type=click.DateTime(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    help="As it was then, UTC: at the end of 2026-03-01, or at 2026-03-01T12:00:00Z.",
)


@click.command()
@optional_model
@reader
@_at_moment
@click.pass_context
def show(
    context: click.Context, model: str | None, repo: str | None, as_json: bool, as_plain: bool, at: datetime | None
) -> None:
    """Show every model, or one with all its versions.

    \b
    Examples:
      gitcellar show
      gitcellar show vit-l/projectA
      gitcellar show --at 2026-03-01
      gitcellar show --repo https://example.com/cellar.git --json
    """
    source = find_source(context, repo)
    if at is not None:
        states = reading.read_past(source, parse_model_name(model) if model else None, _seconds(at))
    elif model is None:
        states = list(reading.read_cellar(source).values())
    else:
        states = [reading.read_model(source, parse_model_name(model))]
    shown = [state for state in states if state.events]
    if as_json:
        print_json(rows.show_document(states))
    elif shown and model is not None:
        _show_model(shown[0], as_plain)
        _say_alarms(shown)
        if not as_plain and at is None:
            _say_unnamed(source, shown)
    elif as_plain:
        print_plain([_overview(state) for state in shown])
        _say_alarms(shown)
    elif shown:
        print_table(("model", "latest", "stages", "versions", ""), [_overview_row(state) for state in shown])
        _warn(shown)
        _say_alarms(shown)
        if source.is_shallow():
            say("Warning", "this clone is shallow, so tags are missing here; bring them with: git fetch --tags")
    elif at is not None and (model is not None or reading.read_cellar(source)):
        say("Nothing", f"{model or 'this registry'} had no event by {rows.format_moment(_seconds(at))}")
        say("Hint", f"gitcellar history {model}" if model else "gitcellar history")
    else:
        say("Nothing", "this repository has no registry tag yet")
        say("Hint", "gitcellar init sets a cellar up; git fetch --tags brings tags of a remote")


@click.command()
@optional_model
@reader
@click.option("-n", "--max-count", type=click.IntRange(1), help="Stop after so many events.")
@click.pass_context
def history(
    context: click.Context, model: str | None, repo: str | None, as_json: bool, as_plain: bool, max_count: int | None
) -> None:
    """Show what happened, newest first: when, who, what.

    With --plain only ref names are read, so a URL is not cloned.

    \b
    Examples:
      gitcellar history vit-l/projectA
      gitcellar history -n 10 --json
      gitcellar history vit-l/projectA --plain --repo https://example.com/cellar.git
    """
    source = find_source(context, repo)
    name = parse_model_name(model) if model else None
    if as_plain:
        listed = [rows.event_row(state, event, None) for state, event in reading.read_events(source, name)]
        print_plain(
            [
                (r["event"], r["model"], r["version"], r["stage"], str(r["counter"] or ""), r["tag"], r["commit"])
                for r in listed[:max_count]
            ]
        )
        return
    found = [rows.event_row(state, e.event, e.details) for state, e in reading.read_history(source, name)][:max_count]
    if as_json:
        print_json({"schema": rows.SCHEMA, "events": found})
        return
    print_table(
        ("when", "who", "what", "message"),
        [
            (r["at"] or "", r["author"] or "", _what(r), (r["message"] or "").partition("\n\n")[2].partition("\n")[0])
            for r in found
        ],
    )


@click.command()
@reference_argument
@reader
@_at_moment
@click.pass_context
def resolve(
    context: click.Context, ref: str, repo: str | None, as_json: bool, as_plain: bool, at: datetime | None
) -> None:
    """Print which version, commit and tag a REF means.

    The line is MODEL@VERSION, the commit and the tag, separated by tabs; with --plain also the stages.

    \b
    Examples:
      gitcellar resolve 'vit-l/projectA#production'
      gitcellar resolve vit-l/base@1 --json
      gitcellar resolve 'vit-l/projectA#production' --at 2026-03-01T12:00:00Z
      git checkout "$(gitcellar resolve vit-l/base@latest | cut -f2)"
    """
    source = find_source(context, repo)
    reference = reading.read_reference(source, ref)
    if at is None:
        state, held = reading.read_version(source, reference)
    else:
        state = reading.read_past(source, reference.model, _seconds(at))[0]
        held = find_referenced(reference, state)
    if as_json:
        print_json(rows.resolve_document(reference.model, held))
    else:
        line = [f"{reference.model}@{held.version}", held.commit, held.tag]
        print_plain([[*line, ",".join(held.stages)] if as_plain else line])
    if held.withdrawn:
        say("Warning", f"{reference.model} {held.version} was withdrawn")
    if not as_json:
        say_unratified([state])


@click.command()
@reference_argument
@reader
@click.pass_context
def describe(context: click.Context, ref: str, repo: str | None, as_json: bool, as_plain: bool) -> None:
    """Show everything about one version.

    Who registered it and when, base, data, parameters, metrics, checkpoint, stages past and present.

    \b
    Examples:
      gitcellar describe vit-l/projectA@1.2.3
      gitcellar describe 'vit-l/projectA#production' --json
    """
    from gitcellar.cellar.describing import read_description
    from gitcellar.doors.cli.describing import describe_document, describe_lines

    source = find_source(context, repo)
    description = read_description(source, reading.read_reference(source, ref))
    document = describe_document(description)
    lines = describe_lines(document)
    width = max(len(label) for label, _ in lines)
    if as_json:
        print_json(document)
    elif as_plain:
        print_plain(lines)
    else:
        for label, value in lines:
            print_line(f"{label:<{width}}  {value}")
    if document["withdrawn"]:
        live = f" and is live in {', '.join(document['stages'])}" if document["stages"] else ""
        say("Warning", f"{document['model']} {document['version']} was withdrawn{live}")


def _say_alarms(states: Sequence[ModelState]) -> None:
    say_withdrawn(states)
    say_unratified(states)


def _seconds(moment: datetime) -> int:
    """The moment in seconds UTC; of a day alone, its end."""
    day = 0 if moment.time() != time.min else 86399
    return int(moment.replace(tzinfo=timezone.utc).timestamp()) + day


def _overview(state: ModelState) -> tuple[str, str, str, str, str]:
    stages = ",".join(f"{stage}={held.version}" for stage, held in sorted(state.stages.items()))
    return (
        state.name.text,
        str(state.latest or ""),
        stages,
        str(len(state.registrations)),
        ",".join(_remarks(state)),
    )


def _overview_row(state: ModelState) -> tuple[str, ...]:
    return tuple(cell.replace("=", ": ").replace(",", ", ") for cell in _overview(state))


def _remarks(state: ModelState) -> list[str]:
    remarks = ["deprecated"] if state.deprecated else []
    remarks += [f"withdrawn={stage}" for stage in state.live_withdrawn]
    return [*remarks, f"anomalies={len(state.anomalies)}"] if state.anomalies else remarks


def _show_model(state: ModelState, as_plain: bool) -> None:
    listed = [
        (str(v.version), ",".join(v.stages), v.stage or "", "withdrawn" if v.withdrawn else "", v.commit, v.tag)
        for v in reversed(state.versions)
    ]
    if as_plain:
        print_plain(listed)
        return
    print_table(
        ("version", "stages", "state", "", "commit", "tag"),
        [
            (version, stages, stage, withdrawn, commit[:7], tag)
            for version, stages, stage, withdrawn, commit, tag in listed
        ],
    )
    if state.deprecated:
        say("Warning", f"{state.name} is deprecated")
    for anomaly in state.anomalies:
        say("Warning", f"{anomaly.tag}: {anomaly.message} ({anomaly.code})")


def _say_unnamed(source: RefSource, states: list[ModelState]) -> None:
    """Warn of stages that the policy does not name any more. The answer itself needs no policy, and waits for none."""
    from gitcellar.cellar.asking import find_unnamed_stages
    from gitcellar.cellar.policies import find_known_policy

    policy = find_known_policy(source) if isinstance(source, GitRepository) else None
    for message in find_unnamed_stages(policy, states) if policy is not None else ():
        say("Warning", message)


def _warn(states: Iterable[ModelState]) -> None:
    odd = [state.name.text for state in states if state.anomalies]
    if odd:
        say("Warning", f"tags that contradict: {', '.join(odd[:5])}{' …' if len(odd) > 5 else ''}")
        say("Hint", f"gitcellar show {odd[0]}")


def _what(row: rows.EventRow) -> str:
    what = f"{row['event']} {row['model']}"
    what += f" {row['version']}" if row["version"] else ""
    if row["stage"]:
        what += f" {'to' if row['event'] == 'assigned' else 'from'} {row['stage']}"
    return what
