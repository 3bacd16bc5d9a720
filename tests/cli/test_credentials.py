"""A password in a URL is nobody's to read: not in a terminal, a log, a document, or a file for a report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gitcellar.core.urls import strip_credentials
from gitcellar.doors.cli import main
from tests.support.cellars import Bench, make_bench
from tests.support.terminals import run_here

# Nobody listens at port 1, and git quotes the URL when it says so.
URL = "http://user:secret@127.0.0.1:1/x.git"

TEXTS = {
    "password": ("http://user:secret@host/x.git", "http://host/x.git"),
    "token as user": ("https://ghp_secret@host/x.git", "https://host/x.git"),
    "token as password": ("https://x-access-token:secret@host:1/x", "https://host:1/x"),
    "at signs in the password": ("https://u:secret@secret@host/x", "https://host/x"),
    "token in a query": ("https://host/x.git?private_token=secret&a=b#main", "https://host/x.git#main"),
    "signed link in a sentence": ("no 's3+https://host/x?sig=secret' here", "no 's3+https://host/x' here"),
    "one slash": ("http:/user:secret@host/x", "http:/host/x"),
    "two URLs": ("http://u:secret@a/b to ssh://u:secret@c/d", "http://a/b to ssh://c/d"),
    "SSH takes no password there": ("git@host:a/x.git", "git@host:a/x.git"),
    "a version in a path": ("https://host/vit-l/base@1.2", "https://host/vit-l/base@1.2"),
    "a file": ("file:///srv/a@b.git", "file:///srv/a@b.git"),
    "no URL": ("vit-l/base@1.2: a?b", "vit-l/base@1.2: a?b"),
}


@pytest.mark.parametrize(("text", "stripped"), TEXTS.values(), ids=TEXTS)
def test_what_logs_in_is_no_part_of_a_url_that_is_told(text: str, stripped: str) -> None:
    assert strip_credentials(text) == stripped


def test_a_text_of_any_length_is_stripped_at_once() -> None:
    for text in (
        "://" * 300_000,
        "http:" * 300_000,
        "a" * 1_000_000 + "://",
        "://" + "a@" * 500_000,
        "://" + "a" * 1_000_000,
    ):
        assert strip_credentials(text).count("@") == 0


@pytest.fixture(scope="module")
def behind_a_password(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A cellar whose remote is at a URL with a password."""
    bench = make_bench(tmp_path_factory.mktemp("password") / "cellar")
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base", version="1.0")
    bench.git("remote", "set-url", "origin", URL)
    return bench


COMMANDS = {
    "show": ("show", "--repo", URL),
    "show --json": ("show", "--repo", URL, "--json"),
    "resolve": ("resolve", "vit-l/base@1.0", "--repo", URL),
    "describe": ("describe", "vit-l/base@1.0", "--repo", URL),
    "history": ("history", "--repo", URL),
    "get": ("get", "vit-l/base@1.0", "--repo", URL),
    "verify": ("verify", "--repo", URL),
    "verify --json": ("verify", "--repo", URL, "--json"),
    "fetch": ("fetch",),
    "push": ("push",),
    "assign --push": ("assign", "vit-l/base@1.0", "staging", "--push"),
    "doctor": ("doctor",),
    "doctor --json": ("doctor", "--json"),
    "doctor --enforcement": ("doctor", "--enforcement"),
    "event": ("event", "vit-l/base@1.0", "--repo", URL),
    "event of the clone": ("event", "vit-l/base@1.0", "--json"),
    "event --follow": ("event", "--follow", "--once", "--repo", URL, "--place", "place.db"),
    "reconcile": ("reconcile", "--to", "deploy", "--repo", URL),
    "reconcile --to": ("reconcile", "--to", f"{URL}#main"),
    "reconcile --to --json": ("reconcile", "--to", f"{URL}#main", "--json"),
    "reconcile without a branch": ("reconcile", "--to", URL, "--json"),
    "agent": ("agent", "--stage", "production", "--into", "served", "--once", "--repo", URL),
    "agent --json": ("agent", "--stage", "production", "--into", "served", "--once", "--repo", URL, "--json"),
    "diff-live": ("diff-live", URL),
    "no URL after all": ("show", "--repo", "http:/user:secret@host"),
    "wrong usage": ("show", "a", URL),
    "no such command": (URL,),
    "no such choice": ("check", "--format", URL),
}


@pytest.mark.parametrize("allowed", ["http", "https"])
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_no_command_prints_a_password(
    behind_a_password: Bench,
    words: tuple[str, ...],
    allowed: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", allowed)
    monkeypatch.chdir(tmp_path)
    done = run_here(capfd, behind_a_password.work, *words)
    assert done.out + done.err
    assert "secret" not in done.out + done.err
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"secret" not in path.read_bytes()


def test_a_log_for_a_report_holds_no_password(capfd: pytest.CaptureFixture[str]) -> None:
    def break_down() -> None:
        raise RuntimeError(f"{URL} \x1b[31m\udcff")

    assert main._guarded(break_down) == 70
    said = capfd.readouterr().err
    found = re.search(r"this log: (.+)", said)
    assert found is not None
    log = Path(found[1])
    written = log.read_text(encoding="utf-8")
    log.unlink()
    assert "RuntimeError: http://127.0.0.1:1/x.git" in written
    for text in (said, written):
        assert "secret" not in text
        assert "\x1b" not in text
