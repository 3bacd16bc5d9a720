"""The verbs that judge without writing: check, doctor. May import click, cellar and this door's output and options."""

from __future__ import annotations

from pathlib import Path

import click

from gitcellar.cellar import checking
from gitcellar.cellar.reading import read_model
from gitcellar.cellar.rows import SCHEMA
from gitcellar.cellar.verdict_rows import DoctorDocument, FindingRow
from gitcellar.core.errors import NO, InvalidError
from gitcellar.core.references import parse_reference
from gitcellar.core.tags import find_tag_name
from gitcellar.doors.cli.options import as_json, as_plain, find_repository, in_path
from gitcellar.doors.cli.output import bar, print_json, print_plain, print_table, say
from gitcellar.doors.cli.verdicts import check_document, print_annotations, print_sarif, say_verdict
from gitcellar.policy.judge import RefusedError, Verdict
from gitcellar.store.git import GitRepository


@click.command()
@click.argument("what", nargs=-1, metavar="[PATH…|REF]")
@click.option("--all", "whole", is_flag=True, help="Every event of the cellar, as if it were pushed now.")
@click.option("--range", "commits", metavar="A..B", help="What the commits after A up to B declare, by A's policy.")
@click.option("--data", is_flag=True, help="Of a version's tag, also read the checkpoint and compare its digest.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["human", "json", "sarif", "github"]),
    default="human",
    show_default=True,
    help="How to tell it: sarif and github are for CI.",
)
@as_json
@in_path
@click.pass_context
def check(
    context: click.Context,
    what: tuple[str, ...],
    whole: bool,
    commits: str | None,
    data: bool,
    form: str,
    as_json: bool,
) -> None:
    """Judge without writing: the work tree, a tag, a range, or all.

    Without an argument, what the work tree declares of every model; with paths, of the models that these bear on.
    REF is a tag of the cellar, judged after what came before it, or a version that HEAD might be registered as.

    \b
    Examples:
      gitcellar check
      gitcellar check artifacts.yaml
      gitcellar check vit-l/base@1.3 --data
      gitcellar check --all
      gitcellar check --range origin/main..HEAD --format github
    """
    if bool(what) + whole + (commits is not None) > 1:
        raise click.UsageError("give paths or a REF, --all, or --range: one of them")
    repository = find_repository(context)
    if whole:
        verdict = checking.check_cellar(repository)
    elif commits is not None:
        verdict = _judge_range(repository, commits)
    else:
        verdict = _judge_named(repository, Path(context.obj), what, data=data)
    if as_json or form == "json":
        print_json(check_document(verdict))
    elif form == "sarif":
        print_sarif(verdict)
    elif form == "github":
        print_annotations(verdict)
    else:
        say_verdict(verdict)
        for excepted in verdict.excepted:
            say("Excepted", f"{excepted.violation} ({excepted.exception.reason}, until {excepted.exception.until})")
        if verdict.ok:
            say("Allowed", "the policy has nothing against it")
    context.exit(0 if verdict.ok else NO)


@click.command()
@click.option("--enforcement", is_flag=True, help="Prove which layers refuse, by offering each what it must refuse.")
@click.option("--remote", metavar="NAME", default="origin", show_default=True, help="The remote to look at.")
@as_json
@as_plain
@in_path
@click.pass_context
def doctor(context: click.Context, enforcement: bool, remote: str, as_json: bool, as_plain: bool) -> None:
    """Look for what has gone wrong for somebody before, and say what to do.

    With --enforcement each layer is offered what it must refuse: the pre-commit hook, the pre-push hook, and the
    server by real pushes. A version that gets in is taken back; what could do harm is pushed so that it cannot land.

    \b
    Examples:
      gitcellar doctor
      gitcellar doctor --enforcement --remote origin
    """
    from gitcellar.cellar.enforcement import prove_enforcement
    from gitcellar.cellar.health import examine

    repository = find_repository(context)
    findings = prove_enforcement(repository, remote) if enforcement else examine(repository, remote)
    ok = not any(finding.level == "error" for finding in findings)
    if as_json:
        rows: list[FindingRow] = [
            {"subject": f.subject, "level": f.level, "message": f.message, "hint": f.hint} for f in findings
        ]
        document: DoctorDocument = {"schema": SCHEMA, "ok": ok, "findings": rows}
        print_json(document)
    elif as_plain:
        print_plain([(f.subject, f.level, f.message, f.hint) for f in findings])
    else:
        print_table(("what", "is", "because", "do"), [(f.subject, f.level, f.message, f.hint or "") for f in findings])
    context.exit(0 if ok else NO)


def _judge_range(repository: GitRepository, commits: str) -> Verdict:
    first, dots, last = commits.partition("..")
    if not dots or not first or last.startswith("."):
        raise InvalidError(f"{commits!r} is no range", hint="write it as origin/main..HEAD")
    return checking.check_range(repository, first, last or "HEAD")


def _judge_named(repository: GitRepository, here: Path, what: tuple[str, ...], *, data: bool) -> Verdict:
    """Paths, or one REF; a path that is there is a path."""
    if len(what) == 1 and not (here / what[0]).exists() and ("@" in what[0] or "#" in what[0]):
        return _judge_reference(repository, what[0].removeprefix("refs/tags/"), data=data)
    return checking.check_work_tree(repository, [here / path for path in what])


def _judge_reference(repository: GitRepository, text: str, *, data: bool) -> Verdict:
    if find_tag_name(text) is not None and f"refs/tags/{text}" in repository.find_refs([f"refs/tags/{text}"]):
        return checking.check_tag(repository, text, progress=bar if data else None)
    from gitcellar.cellar import writing
    from gitcellar.cellar.writing import Options

    reference = parse_reference(text)
    if reference.version is None:
        read_model(repository, reference.model)
        hint = "a version that is to be registered is MODEL@1.2; for a stage: gitcellar assign REF STAGE --dry-run"
        raise InvalidError(f"{text!r} is no tag of this cellar and no version", hint=hint)
    try:
        outcome = writing.register(
            repository, reference.model, revision="HEAD", version=reference.version, options=Options(dry_run=True)
        )
    except RefusedError as error:
        return error.verdict
    return Verdict((), outcome.warnings)
