"""Every command that reads, as it is run on a hostile repository; and why the others are not in the list."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click

from gitcellar.doors.cli.main import cli
from tests.hostile.place import MODEL, VERSION, Place

REF = f"{MODEL}@{VERSION}"
STAGE = f"{MODEL}#production"
ZERO = "0" * 40

# What writes, or reads nothing of a repository.
NOT_HERE = {
    "init": "writes the files of a cellar",
    "add": "tracks what the user trained",
    "register": "writes a tag",
    "assign": "writes a tag",
    "archive": "writes a tag",
    "unassign": "writes a tag",
    "rollback": "writes a tag",
    "promote": "writes a tag",
    "withdraw": "writes a tag",
    "recall": "writes a tag",
    "deprecate": "writes a tag",
    "undo": "removes tags of ours",
    "approve": "writes a claim",
    "reject": "writes a claim",
    "ratify": "writes a claim",
    "claim": "writes a claim",
    "evaluate": "runs the commands of the policy, as it is told to",
    "push": "writes to the remotes",
    "hook install": "writes hooks",
    "hook uninstall": "removes hooks",
    "freeze": "writes the policy",
    "unfreeze": "writes the policy",
    "ci init": "writes a pipeline",
    "rulesets": "prints a constant",
    "rules": "prints constants",
    "rule": "prints a constant",
    "schema": "prints a constant",
    "completion": "prints a constant",
}


@dataclass(frozen=True)
class Row:
    """A command: its words, where it is run, and what it is given on stdin.

    `kinds` are those of the gallery that it is run on each time. On the others it is run where HOSTILE=all is set.
    """

    words: tuple[str, ...]
    kinds: frozenset[str]
    folder: str
    stdin: Callable[[Place], str]

    @property
    def name(self) -> str:
        """The command in the words of the command line, for reports."""
        return " ".join((*self.words, *([] if self.folder == "work" else [f"(in {self.folder})"])))

    @property
    def verb(self) -> str:
        """The command's name alone, with that of its group."""
        return " ".join(self.words[:2]) if self.words[0] in ("hook", "ci", "contract") else self.words[0]

    def spell(self, place: Place) -> list[str]:
        """The words for one place: `{…}` are its folders and ids."""
        values = {name: str(getattr(place, name)) for name in ("remote", "out", "status")}
        words = [
            word.replace("{tag}", dict(_list_refs(place, "work")).get(f"refs/tags/{REF}", ZERO)) for word in self.words
        ]
        return [word.format(**values) for word in words]


def list_commands() -> Iterator[str]:
    """Every command of the command line, as `hook pre-push`."""
    yield from _walk(cli, "", click.Context(cli))


def _walk(command: click.Command, name: str, context: click.Context) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield name
        return
    for word in command.list_commands(context):
        inner = command.get_command(context, word)
        if inner is not None:
            yield from _walk(inner, f"{name} {word}".strip(), context)


def _offered(place: Place) -> list[tuple[str, str, str]]:
    """Every ref that the work tree has and the server has not, or otherwise: its name, the old id and the new."""
    there = dict(_list_refs(place, "server"))
    return [(ref, there.get(ref, ZERO), new) for ref, new in _list_refs(place, "work") if there.get(ref) != new]


def _list_refs(place: Place, where: str) -> Iterator[tuple[str, str]]:
    folder = getattr(place, where)
    command = ("git", "for-each-ref", "--format=%(refname) %(objectname)", "refs/tags", "refs/heads", "refs/gitcellar")
    listed = subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout
    for line in listed.decode("utf-8", "surrogateescape").split("\n")[:-1]:
        ref, _, object_id = line.rpartition(" ")
        yield ref, object_id


def _pre_push(place: Place) -> str:
    return "".join(f"{ref} {new} {ref} {old}\n" for ref, old, new in _offered(place))


def _pre_receive(place: Place) -> str:
    return "".join(f"{old} {new} {ref}\n" for ref, old, new in _offered(place))


def _again(place: Place) -> str:
    """The version's tag, offered to a server whose branch is hostile already."""
    ids = dict(_list_refs(place, "work"))
    return f"{ZERO} {ids.get(f'refs/tags/{REF}', ZERO)} refs/tags/{REF}\n"


def _row(*words: str, kinds: str = "", folder: str = "work", stdin: Callable[[Place], str] = lambda place: "") -> Row:
    return Row(words, frozenset(kinds.split()), folder, stdin)


_URL = ("--repo", "file://{remote}")
_PATH = ("--repo", "{remote}")

ROWS: tuple[Row, ...] = (
    _row("show"),
    _row("show", "--json"),
    _row("show", "--plain"),
    _row("show", MODEL, kinds="refs told"),
    _row("show", MODEL, "--plain"),
    _row("show", "--at", "2030-01-01"),
    _row("show", *_URL),
    _row("show", *_PATH),
    _row("history", kinds="told"),
    _row("history", "--json"),
    _row("history", "--plain"),
    _row("history", MODEL, *_URL),
    _row("describe", REF, kinds="said told refs"),
    _row("describe", REF, "--json", kinds="manifest"),
    _row("describe", REF, "--plain"),
    _row("describe", STAGE, *_URL),
    _row("resolve", STAGE),
    _row("resolve", STAGE, "--json"),
    _row("resolve", STAGE, *_URL),
    _row("get", REF, "-o", "{out}/got", "--force", kinds="tracking"),
    _row("get", REF, *_URL, "-o", "{out}/got", "--force"),
    _row("get", REF, *_PATH, "-o", "{out}/got", "--force", "--json"),
    _row("claims", REF, "--for", "production"),
    _row("claims", REF, "--json"),
    _row("gate", REF, "production", kinds="manifest policy"),
    _row("gate", REF, "production", "--json"),
    _row("policy"),
    _row("policy", MODEL, kinds="policy"),
    _row("policy", "--json"),
    _row("stale"),
    _row("stale", "--json"),
    _row("contract", "diff", f"{MODEL}@1.1", REF),
    _row("contract", "diff", f"{MODEL}@1.1", REF, *_URL),
    _row("verify", kinds="refs"),
    _row("verify", "--json"),
    _row("verify", *_URL),
    _row("verify", *_PATH),
    _row("audit"),
    _row("audit", "--json"),
    _row("audit", "--format", "csv", kinds="told"),
    _row("audit", "--format", "md", kinds="told policy"),
    _row("audit", folder="remote"),
    _row("doctor", kinds="tracking clone refs"),
    _row("doctor", "--json"),
    _row("check"),
    _row("check", "--format", "github"),
    _row("check", "--format", "sarif", kinds="said"),
    _row("check", "artifacts.yaml"),
    _row("check", REF),
    _row("check", f"{MODEL}@1.3", kinds="clone"),
    _row("check", REF, "--data"),
    _row("check", "--all", kinds="policy"),
    _row("check", "--all", folder="remote"),
    _row("check", "--range", "origin/main..HEAD", kinds="manifest said"),
    _row("check", "--range", "origin/main..HEAD", "--json"),
    _row("check", "--range", "origin/main..HEAD", "--format", "github", kinds="said"),
    _row("check", "--range", "origin/main..HEAD", "--format", "sarif"),
    _row("ci", "summary", "origin/main..HEAD", kinds="said"),
    _row("ci", "summary", "origin/main..HEAD", "--json"),
    _row("ci", "guard", REF, "--dry-run"),
    _row("ci", "guard", f"{MODEL}#production#3", "--dry-run"),
    _row("ci", "guard", REF, "--dry-run", "--json"),
    _row("event", REF, kinds="told"),
    _row("event", f"{MODEL}#production#3", "--env", kinds="told"),
    _row("event", f"{MODEL}#production#3", "--json"),
    _row("event", REF, "--github-output", kinds="told"),
    _row("event", REF, *_URL, "--json"),
    _row("event", stdin=_pre_receive, kinds="refs"),
    _row("event", "--follow", "--once", "--from-start", "--place", "{out}/place.db", *_URL),
    _row("reconcile", "--to", "{out}/deploy", kinds="target"),
    _row("reconcile", "--to", "{out}/kustomize", "--render", "kustomize", *_URL),
    _row("reconcile", "--to", "{out}/triton", "--render", "triton", "--edited", "overwrite", *_URL, kinds="target"),
    _row("diff-live", "{status}", kinds="report"),
    _row("diff-live", "{status}", "--json", kinds="report"),
    _row("diff-live", "{status}", *_URL),
    _row("index", "--out", "{out}/index", kinds="target"),
    _row("index", "--out", "{out}/index", *_URL),
    _row("agent", "--stage", "production", "--into", "{out}/agent", "--once", kinds="target"),
    _row(
        *("agent", "--stage", "production", "--into", "{out}/triton-agent", "--layout", "triton", "--once", *_URL),
        kinds="target",
    ),
    _row("hook", "pre-commit"),
    _row("hook", "pre-push", "origin", "{remote}", stdin=_pre_push, kinds="clone"),
    _row("hook", "pre-receive", folder="server", stdin=_pre_receive, kinds="tracking refs"),
    _row("hook", "pre-receive", folder="remote", stdin=_again),
    _row("hook", "update", f"refs/tags/{REF}", ZERO, "{tag}", folder="remote"),
    _row("fetch", kinds="clone"),
    _row("fetch", MODEL, "--checkpoints", kinds="tracking"),
)
