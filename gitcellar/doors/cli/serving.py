"""The verb of machines that serve: agent. May import click, gitops and this door's output and options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from gitcellar.cellar.rows import SCHEMA, format_moment
from gitcellar.core.deployments import Step
from gitcellar.core.names import parse_stage_name
from gitcellar.core.sites import parse_site_name
from gitcellar.doors.cli.options import (
    as_json,
    find_source,
    from_repository,
    in_path,
    of_models,
    require_asked,
    warn_of_renamed,
)
from gitcellar.doors.cli.output import bar, print_json, say
from gitcellar.doors.cli.pacing import every, parse_span, repeat
from gitcellar.doors.cli.sinks import find_sinks, tell_step
from gitcellar.doors.cli.steps import spell_step, step_row
from gitcellar.gitops.agents import Agent, Look, Orders, Outside
from gitcellar.gitops.identity import find_url
from gitcellar.gitops.origins import GitOrigin, IndexOrigin, Origin
from gitcellar.gitops.rows import AgentDocument
from gitcellar.store.checkpoints import Progress
from gitcellar.store.commands import split_command
from gitcellar.store.environment import find_host, read_now
from gitcellar.store.git_remote import RefSource
from gitcellar.store.http import is_url
from gitcellar.store.serving import Layout
from gitcellar.store.systemd import ServiceManager, find_service_manager

_WORDS = {
    "changed": "Serving",
    "removed": "Removed",
    "held": "Held",
    "withdrawn": "Withdrawn",
    "kept": "Kept",
    "mended": "Mended",
}


@click.command()
@from_repository
@click.option("--index", metavar="URL|DIR", help="Read an index in place of Git.")
@click.option("--signers", metavar="FILE", help="With --index: who may sign it, as ssh-keygen reads it.")
@click.option("--cellar", metavar="NAME", help="With --index: the cellar it must be of.  [default: the first one seen]")
@click.option("--stage", metavar="STAGE", required=True, help="What is in this stage is served.")
@of_models
@click.option("--into", metavar="DIR", required=True, help="The folder that is kept.")
@click.option("--layout", type=click.Choice(["plain", "triton"]), default="plain", show_default=True, help="Its form.")
@click.option("--on-change", metavar="CMD", help="Run after each change; where it fails, that is taken back.")
@click.option("--check", metavar="CMD|URL", help="Must succeed after each change, or that is taken back.")
@click.option("--within", type=parse_span, default="30s", show_default=True, metavar="TIME", help="… in that time.")
@click.option("--keep", type=click.IntRange(1), default=3, show_default=True, help="How many versions stay here.")
@click.option("--report", metavar="DIR|URL", help="Where it is said what is served, at each look.")
@click.option(
    "--exec", "command", metavar="CMD", help="Run for each slot that is held, mended or withdrawn, as an event."
)
@click.option("--post", "url", metavar="URL", help="Post each of these there, as a CloudEvent.")
@click.option("--site", metavar="NAME", help="The name of this site in reports.  [default: the machine's]")
@click.option(
    "--outside",
    type=click.Choice(["keep", "remove"]),
    help="What becomes of slots in DIR that were asked for earlier.",
)
@click.option(
    "--measure-every",
    type=parse_span,
    default="1h",
    show_default=True,
    metavar="TIME",
    help="How often the weights on the disk are held against their sha256.",
)
@click.option("--once", is_flag=True, help="Look once, and end.")
@every
@as_json
@in_path
@click.pass_context
def agent(
    context: click.Context,
    repo: str | None,
    index: str | None,
    signers: str | None,
    cellar: str | None,
    stage: str,
    models: str,
    into: str,
    layout: Layout,
    on_change: str | None,
    check: str | None,
    within: float,
    keep: int,
    report: str | None,
    command: str | None,
    url: str | None,
    site: str | None,
    outside: Outside | None,
    measure_every: float,
    once: bool,
    every: float,
    as_json: bool,
) -> None:
    """Keep a folder of a serving machine as the registry says.

    What a stage holds is fetched by its content, held against its sha256, and swapped in with one step:
    MODEL/STAGE/current, or repository/SLUG/SEQUENCE for Triton. Where the command or the check fails, what was served
    before is back, and that assignment is not tried again. Nothing that is down stops what is served.

    \b
    Examples:
      gitcellar agent --repo https://example.com/models.git --stage production --into /srv/models
      gitcellar agent --repo models.git --stage production --into m --on-change ./reload.sh --check http://127.0.0.1/ok
      gitcellar agent --index https://example.com/x --signers signers --cellar acme/models --stage production --into m
    """
    if index is not None and signers is None:
        raise click.UsageError("an index is believed for who signed it: --signers FILE")
    if index is None and cellar is not None:
        raise click.UsageError("--cellar says whose index is read: --index URL|DIR")
    name = parse_stage_name(stage)
    first: Callable[[], object] | None = None  # an index says nothing of stages that it does not serve
    if index is not None:
        origin: Origin = IndexOrigin(index, Path(signers or ""), Path(into), cellar)
    else:
        source = find_source(context, repo)
        first = partial(_ask, source, models, name, once=once)
        origin = GitOrigin(source)
    orders = Orders(
        name,
        models,
        Path(into),
        parse_site_name(site or find_host()),
        layout,
        tuple(split_command(on_change)) if on_change else (),
        ((check,) if is_url(check) else tuple(split_command(check))) if check else (),
        within,
        keep,
        report,
        outside,
        measure_every,
        measure_first=not once,
    )
    kept_for = [index or find_url(find_source(context, repo))]
    sinks = find_sinks(lambda: kept_for[-1], command, url)
    manager = find_service_manager()
    keeper = Agent(origin, orders, _watched(manager))
    said: set[str] = set()
    told: set[Step] = set()

    def look() -> bool:
        found = keeper.look()
        kept_for.append(found.source or kept_for[0])
        if as_json:
            _print(found, orders.site)
        else:
            _tell(found, said, by_index=index is not None)
        steps = set(found.steps)
        for step in sorted(steps - told, key=lambda step: step.slot):
            tell_step(sinks, step, format_moment(read_now()))
            told.add(step)
        told.intersection_update(steps)
        return found.ok

    repeat(context, look, every=every, once=once, first=first, manager=manager)


def _ask(source: RefSource, models: str, stage: str, *, once: bool) -> None:
    warn_of_renamed(source, require_asked(source, models, [stage], once=once))


def _watched(manager: ServiceManager) -> Progress:
    """A progress bar that tells systemd that we are alive, however long a download takes."""

    @contextmanager
    def watched(label: str, size: int) -> Iterator[Callable[[int], None]]:
        with bar(label, size) as advance:

            def go_on(count: int) -> None:
                manager.tell_alive()
                advance(count)

            yield go_on

    return watched


def _tell(found: Look, said: set[str], *, by_index: bool) -> None:
    """What is new since the last look: a fleet's logs are read by people."""
    lines = {spell_step(step): step for step in found.steps if step.status in _WORDS}
    if found.cellar is not None and by_index:
        say("Cellar", f"{found.cellar}: only its indexes are read for this folder from now on")
    for file in found.restored:
        say("Restored", f"{file} could not be read and was made anew")
    for line, step in lines.items():
        if line not in said:
            say(_WORDS[step.status], line)
    for fault in found.faults:
        say("Warning", f"not reported: {fault}")
    said.clear()
    said.update(lines)


def _print(found: Look, site: str) -> None:
    document: AgentDocument = {
        "schema": SCHEMA,
        "site": site,
        "cellar": found.cellar,
        "stages": list(map(step_row, found.steps)),
        "faults": list(found.faults),
        "restored": list(found.restored),
        "measured": [
            {"slot": slot, "sha256": each.sha256, "at": format_moment(each.at)} for slot, each in found.measured.items()
        ],
    }
    print_json(document)
