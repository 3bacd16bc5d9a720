"""The verbs of CI: init, summary, guard. May import click, cellar, gitops and this door's output and options."""

from __future__ import annotations

import os
from dataclasses import replace

import click

from gitcellar.cellar.guarding import guard as guard_tag
from gitcellar.cellar.proposing import Proposal, read_proposals
from gitcellar.cellar.reading import project_root
from gitcellar.cellar.rows import SCHEMA
from gitcellar.cellar.verdict_rows import GuardDocument, ProposalRow, SummaryDocument
from gitcellar.cellar.writing import Options
from gitcellar.core.ci_variables import find_ci_tag
from gitcellar.core.environments import find_unlocked
from gitcellar.core.errors import NO, InvalidError, NotFoundError
from gitcellar.doors.cli.acting import report_act, writer
from gitcellar.doors.cli.markdown import escape_markdown, format_row
from gitcellar.doors.cli.options import as_json, find_repository, in_path
from gitcellar.doors.cli.output import print_json, print_line, print_text, say
from gitcellar.doors.cli.verdicts import say_verdict
from gitcellar.gitops.pipelines import PIPELINES, read_pipeline
from gitcellar.store.deploy_folder import write_whole
from gitcellar.store.environment import find_version
from gitcellar.store.git_identity import parse_account
from gitcellar.store.inside import find_inside


@click.group()
def ci() -> None:
    """Set up and serve the jobs of a CI host.

    \b
    Examples:
      gitcellar ci init github
      gitcellar ci summary origin/main..HEAD
    """


@ci.command()
@click.argument("host", type=click.Choice(list(PIPELINES)))
@click.option(
    "--install",
    metavar="SPEC",
    help="What its jobs install, as pip reads it: a version with extras, a URL.  [default: this version of gitcellar]",
)
@click.option("--print", "to_stdout", is_flag=True, help="Print the file, and write nothing.")
@in_path
@click.pass_context
def init(context: click.Context, host: str, install: str | None, to_stdout: bool) -> None:
    """Write a workflow for GitHub, GitLab or Jenkins.

    It judges pull requests and says what they change, guards tags, acts on stages, and reconciles on a schedule. Its
    jobs install one exact version of gitcellar. Every ref reaches its scripts through the environment. A file that is
    there already is left alone.

    \b
    Examples:
      gitcellar ci init github
      gitcellar ci init gitlab --print
      gitcellar ci init github --install 'gitcellar[s3]==0.1.0'
    """
    spec = install if install is not None else f"gitcellar=={find_version('gitcellar')}"
    content = read_pipeline(host, spec)
    if find_unlocked("requirements.txt", spec.encode()):
        say("Warning", f"{spec!r} names no exact version, and its jobs may write: whoever publishes it runs there")
    if to_stdout:
        print_text(content)
        return
    path = find_inside(project_root(find_repository(context)), PIPELINES[host])
    if path.exists() and path.read_text() != content:
        hint = f"compare it: gitcellar ci init {host} --print | diff {PIPELINES[host]} -"
        raise InvalidError(f"{PIPELINES[host]} is there already, and says something else", hint=hint)
    write_whole(path, content.encode())
    print_line(PIPELINES[host])
    say("Next", f"git add {PIPELINES[host]} && git commit, and make its checks required")


@ci.command()
@click.argument("commits", metavar="A..B")
@as_json
@in_path
@click.pass_context
def summary(context: click.Context, commits: str, as_json: bool) -> None:
    """Say what a pull request changes about models, as Markdown.

    Numbers against those of the latest version, what the contract breaks, the version that would follow and why, what
    is missing, and the approvals that stages would ask for. It judges nothing: gitcellar check --range does.

    \b
    Examples:
      gitcellar ci summary origin/main..HEAD
      gitcellar ci summary "$BASE..$HEAD" > summary.md
    """
    first, dots, last = commits.partition("..")
    if not dots or not first or last.startswith("."):
        raise InvalidError(f"{commits!r} is no range", hint="write it as origin/main..HEAD")
    proposals, verdict = read_proposals(find_repository(context), first, last or "HEAD")
    if as_json:
        document: SummaryDocument = {"schema": SCHEMA, "ok": verdict.ok, "models": list(map(_row, proposals))}
        print_json(document)
        return
    print_text(_as_markdown(proposals, [str(each) for each in verdict.violations]))


@ci.command()
@click.argument("ref", required=False)
@click.option(
    "--identity",
    metavar="'NAME <EMAIL>'",
    envvar="GITCELLAR_IDENTITY",
    default="gitcellar guard <guard@gitcellar.invalid>",
    show_default=True,
    show_envvar=True,
    help="Who writes the tags that take something back; a CI runner has no Git identity.",
)
@writer
@click.pass_context
def guard(context: click.Context, ref: str | None, identity: str, options: Options, as_json: bool) -> None:
    """Judge a tag that was pushed, and take back what it may not do.

    For hosts without server hooks. A new tag withdraws the version that the tag registered, or gives the stage back
    what it held. Versions and stages that were there before the tag do not change. Exit code 1: the tag breaks the
    policy. Without REF, the tag that the CI job runs for is judged.

    \b
    Examples:
      gitcellar ci guard --push
      gitcellar ci guard 'vit-l/projectA#production#7' --dry-run
    """
    tag = ref.removeprefix("refs/tags/") if ref else find_ci_tag(os.environ)
    if tag is None:
        raise NotFoundError("this is no CI job that is known", hint="name the tag: gitcellar ci guard REF")
    found = guard_tag(find_repository(context), tag, replace(options, account=parse_account(identity)))
    if as_json:
        document: GuardDocument = {
            "schema": SCHEMA,
            "tag": tag,
            "ok": found.verdict.ok,
            "violations": [str(violation) for violation in found.verdict.violations],
            "answer": list(found.answer.tags) if found.answer else [],
            "left": found.left,
        }
        print_json(document)
    else:
        say_verdict(found.verdict)
        if found.answer is not None:
            report_act(found.answer, options, as_json=False)
        elif found.left is not None:
            say("Warning", f"{tag} is not taken back: {found.left}")
        else:
            say("Allowed", f"the policy has nothing against {tag or 'what is no tag'}")
    context.exit(0 if found.verdict.ok else NO)


def _row(proposal: Proposal) -> ProposalRow:
    return {
        "model": proposal.model.text,
        "latest": str(proposal.latest) if proposal.latest else None,
        "following": str(proposal.following) if proposal.following else None,
        "reasons": list(proposal.reasons),
        "metrics": [{"name": name, "proposed": new, "latest": old} for name, new, old in proposal.metrics],
        "breaks": [str(each) for each in proposal.differences if each.breaks],
        "differs": [str(each) for each in proposal.differences if not each.breaks],
        "missing": list(proposal.missing),
        "approvals": dict(proposal.stages),
    }


def _as_markdown(proposals: list[Proposal], violations: list[str]) -> str:
    lines = ["## What changes about models", ""]
    if not proposals:
        lines += ["No manifest entry, and nothing that one names.", ""]
    for proposal in proposals:
        following = f" → {proposal.following}" if proposal.following else ""
        title = f"{proposal.model} {proposal.latest or 'new'}{following}"
        lines += [f"### {escape_markdown(title)}", ""]
        lines += [f"- {escape_markdown(reason)}" for reason in proposal.reasons]
        lines += [f"- **breaks** {escape_markdown(str(each))}" for each in proposal.differences if each.breaks]
        lines += [f"- differs: {escape_markdown(str(each))}" for each in proposal.differences if not each.breaks]
        lines += [f"- **missing** {escape_markdown(each)}" for each in proposal.missing]
        lines += [f"- {escape_markdown(f'{stage} will ask for {asked}')}" for stage, asked in proposal.stages]
        lines.append("")
        if proposal.metrics:
            lines += [format_row(("metric", "proposed", str(proposal.latest or "latest"), "difference"))]
            lines += ["|---|---|---|---|"]
            lines += [_metric(*each) for each in proposal.metrics]
            lines.append("")
    if violations:
        lines += ["**Not allowed as it is:**", "", *(f"- {escape_markdown(each)}" for each in violations)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _metric(name: str, new: float | None, old: float | None) -> str:
    difference = "" if new is None or old is None else f"{new - old:+.4g}"
    return format_row((name, *("" if value is None else f"{value:g}" for value in (new, old)), difference))
