"""Text of strangers in terminals, job logs, comments and tables: it is shown, and nothing obeys it."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gitcellar.doors.cli import output
from gitcellar.doors.cli.markdown import escape_markdown, format_row
from tests.support.cellars import Bench, make_bench, tag
from tests.support.terminals import run_here

# What a terminal obeys or hides, and what CI hosts run: at the start of a line, after white space, and anywhere.
EVIL = (
    "evil\n::add-mask::x\n \u00a0::add-mask::y\n##[add-mask]z ##vso[task.setvariable]v ##teamcity[x]\r::add-mask::r"
    "\x1b[31m\x1b]0;title\x07\x9b31m\x85::add-mask::n\u2028::add-mask::l\u202eturned\u2066\u200bhidden\U000e0041\ufeff\x00\x7f"
)
# A tag's message keeps its lines; git takes no NUL there, and no newline in a name.
NAME = EVIL.replace("\n", " ").replace("\x00", "")


def is_visible(text: str) -> bool:
    return not [c for c in text if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs")]


def find_commands(printed: str) -> list[str]:
    """The lines that a CI host would run."""
    return [
        line
        for line in re.split("[\n\r]", printed)
        if line.lstrip().startswith("::") or re.search(r"##\w*\[", line) or "\x1b" in line
    ]


# Format characters that are drawn: marks over Arabic, Syriac and Kaithi numbers, and Egyptian quadrats.
DRAWN = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}


def test_no_character_that_is_obeyed_or_hidden_is_printable() -> None:
    for number in range(0x110000):
        letter = chr(number)
        unsafe = unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp", "Cs") and number not in DRAWN
        if unsafe and letter not in "\t\n":
            assert output.printable(letter) == "\ufffd", hex(number)
    for number in (0xFE0F, 0x34F, 0x115F, 0x3164, 0xFFA0, 0xE0100, 0x2065):
        assert output.printable(chr(number)) == "\ufffd", hex(number)
    shown = "\ta/b-1.2 é ß 漢字 עברית عربى ไทย क्षि 😀 → … ´ ~\n"
    assert output.printable(shown) == shown


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A cellar in which every text that somebody may choose is hostile."""
    bench = make_bench(tmp_path_factory.mktemp("evil") / "cellar")
    bench.declare("vit-l/base", "base 1")
    bench.git("config", "user.name", NAME)
    path = bench.work / "artifacts.yaml"

    def write(manifest: dict[str, object]) -> None:
        # YAML takes no surrogates, which JSON writes in place of letters beyond U+FFFF.
        path.write_text(json.dumps(manifest).replace("\\udb40\\udc41", "\\U000e0041"))

    entry = {"path": "models/vit-l-base", "type": EVIL, "description": EVIL, "labels": [EVIL], "custom": {EVIL: EVIL}}
    write({"vit-l/base": entry | {"metrics": {EVIL: 1.0}, "params": {EVIL: EVIL}}})
    bench.commit_anyhow(EVIL.replace("\x00", ""))
    for name in ("vit-l/base@1.0", "vit-l/base#production#1"):
        bench.git("tag", "-a", "--cleanup=verbatim", "-m", f"{NAME}\n\n{EVIL}".replace("\x00", ""), name)
    claim = "Claim\n\nModel: vit-l/base\nVersion: 1.0\nMetric: a=1e999\nMetric: b=0.9\n"
    bench.git("tag", "-a", "-m", claim, "vit-l/base@1.0=evaluated.x#2", "vit-l/base@1.0")
    tag(bench, "vit-l/base#production#7", "HEAD~1")
    write({"vit-l/base": entry | {EVIL: EVIL}, EVIL: entry, "vit-l/projectA": {"path": EVIL, "base": EVIL}})
    bench.commit_anyhow("faults")
    (bench.work / EVIL.replace("\x00", "").replace("/", "")[:80]).write_text("x")
    return bench


COMMANDS = {
    "show": ("show",),
    "show --plain": ("show", "vit-l/base", "--plain"),
    "history": ("history",),
    "history --json": ("history", "--json"),
    "describe": ("describe", "vit-l/base@1.0"),
    "describe --plain": ("describe", "vit-l/base@1.0", "--plain"),
    "describe --json": ("describe", "vit-l/base@1.0", "--json"),
    "resolve": ("resolve", "vit-l/base@1.0"),
    "event": ("event", "vit-l/base@1.0"),
    "event --env": ("event", "vit-l/base@1.0", "--env"),
    "event --json": ("event", "vit-l/base@1.0", "--json"),
    "check": ("check",),
    "check --all": ("check", "--all"),
    "check --range": ("check", "--range", "HEAD~2..HEAD"),
    "check --range --format json": ("check", "--range", "HEAD~2..HEAD", "--format", "json"),
    "check --range --format sarif": ("check", "--range", "HEAD~2..HEAD", "--format", "sarif"),
    "ci summary": ("ci", "summary", "HEAD~2..HEAD~1"),
    "ci summary of faults": ("ci", "summary", "HEAD~2..HEAD"),
    "ci summary --json": ("ci", "summary", "HEAD~2..HEAD~1", "--json"),
    "ci guard": ("ci", "guard", "vit-l/base#production#7", "--dry-run"),
    "audit": ("audit",),
    "audit --format csv": ("audit", "--format", "csv"),
    "audit --format md": ("audit", "--format", "md"),
    "verify": ("verify",),
    "claims": ("claims", "vit-l/base@1.0"),
    "claims --json": ("claims", "vit-l/base@1.0", "--json"),
    "stale": ("stale",),
    "gate": ("gate", "vit-l/base@1.0", "production"),
    "contract diff": ("contract", "diff", "vit-l/base@1.0", "vit-l/base@1.0"),
    "register": ("register", "vit-l/base", "--dry-run"),
    "an argument": ("show", EVIL),
    "one argument too many": ("show", "a", EVIL),
    "a command": (EVIL,),
    "an option": (f"--{EVIL}",),
    "a choice": ("check", "--format", EVIL),
    "a rule": ("rule", EVIL),
    "a schema": ("schema", EVIL),
    "a repository": ("show", "--repo", EVIL.replace("\x00", "")),
    "a range": ("ci", "summary", EVIL.replace("\x00", "")),
    "a metric that is no number": (
        "claim",
        "vit-l/base@1.0",
        "evaluated.x",
        "--metric",
        "a=nan",
        "--dry-run",
        "--json",
    ),
    "a metric": ("claim", "vit-l/base@1.0", "evaluated.x", "--metric", EVIL),
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_what_strangers_wrote_is_no_command_to_a_terminal_or_a_ci_host(
    evil: Bench, words: tuple[str, ...], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    done = run_here(capfd, evil.work, *words)
    printed = done.out + done.err
    assert done.status != 70, printed
    assert printed
    assert is_visible(printed)
    assert find_commands(printed) == []


def test_a_metric_is_a_number(evil: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    (claim,) = json.loads(run_here(capfd, evil.work, "claims", "vit-l/base@1.0", "--json").out)["claims"]
    assert claim["metrics"] == {"b": 0.9}
    for value in ("nan", "-inf", "1e999", "", "x"):
        words = ("claim", "vit-l/base@1.0", "evaluated.x", "--metric", f"a={value}", "--dry-run")
        done = run_here(capfd, evil.work, *words)
        assert (done.status, done.err.splitlines()[0]) == (3, f"Error: 'a={value}' is no metric")


def test_annotations_are_the_only_commands_and_hold_no_other(evil: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    done = run_here(capfd, evil.work, "check", "--range", "HEAD~2..HEAD", "--format", "github")
    assert done.status == 1
    assert is_visible(done.out)
    assert "add-mask" in done.out
    for line in done.out.splitlines():
        assert re.fullmatch(r"::(error|warning) title=[^:,]*(,file=[^:,]*,line=[0-9]+)?::.*", line)


def test_every_value_keeps_its_own_line(evil: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    """A stranger's newline begins no line that looks like one of ours."""
    lines = run_here(capfd, evil.work, "describe", "vit-l/base@1.0").out.splitlines()
    labels = "version registered commit tag checkpoint type description labels custom metrics params message event event event"
    assert [re.split(r"[ .]", line)[0] for line in lines] == labels.split()
    plain = run_here(capfd, evil.work, "describe", "vit-l/base@1.0", "--plain").out
    assert {line.count("\t") for line in plain.splitlines()} == {1}


def test_a_shell_reads_back_what_a_ci_host_must_not_run(evil: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(run_here(capfd, evil.work, "event", "vit-l/base@1.0", "--env").out)
    assert f"GITCELLAR_ACTOR={output.printable(NAME).strip()}" in words
    assert "\n::add-mask::x\n \u00a0::add-mask::y\n##[add-mask]z ##vso[" in words[-1]


def test_outputs_of_a_github_step_hold_a_hostile_name(
    evil: Bench, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    assert run_here(capfd, evil.work, "event", "vit-l/base@1.0", "--github-output").status == 0
    text = (tmp_path / "outputs").read_text(encoding="utf-8")
    names = re.findall(r"^(\w+)<<(end-[0-9a-f]{32})\n(?:.*?)^\2\n", text, re.MULTILINE | re.DOTALL)
    assert ("actor" in dict(names), len(names)) == (True, 15)


def test_a_spreadsheet_runs_no_formula(capfd: pytest.CaptureFixture[str], evil: Bench) -> None:
    rows = list(csv.reader(io.StringIO(run_here(capfd, evil.work, "audit", "--format", "csv").out)))
    assert {len(row) for row in rows} == {15}
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]


def test_json_is_exact_and_holds_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    document = {EVIL: [EVIL, "##[", "###", '"##', "\\##["]}
    output.print_json(document)
    printed = capsys.readouterr().out
    assert json.loads(printed) == document
    assert printed.isascii()
    assert "##" not in printed
    with pytest.raises(ValueError, match="not JSON compliant"):
        output.print_json({"accuracy": float("nan")})


MARKS = st.text(st.sampled_from("ab1 `*_[]()<>!|\\#@:/.~&;-+=\n\t\"'$www.GH-12https://x"), max_size=40)


@given(MARKS)
def test_a_strangers_text_is_nothing_but_text_in_markdown(text: str) -> None:
    flat = text.replace("\n", " ").strip()
    tokens = MarkdownIt("commonmark").enable("table").parse(f"- {escape_markdown(text)}\n")
    shape = [token.type for token in tokens]
    assert shape.count("list_item_open") == 1
    inline = [child for token in tokens if token.type == "inline" for child in token.children or []]
    assert [child.type for child in inline] == (["text" if child.type == "text" else "code_inline" for child in inline])
    assert "".join(child.content for child in inline) == flat
    if flat and inline[0].type == "text":
        # Hosts read the text once more, and make links of what is not code.
        assert not re.search(r"[@#~$&<>`*_\[\]|\\]|://|:\S|www\.|gh-", flat, re.IGNORECASE)


@given(MARKS, MARKS)
def test_a_strangers_text_stays_in_its_cell(first: str, second: str) -> None:
    table = f"| a | b |\n|---|---|\n{format_row((first, second))}\n"
    tokens = MarkdownIt("commonmark").enable("table").parse(table)
    assert [token.type for token in tokens].count("td_open") == 2
    cells = [
        "".join(child.content for child in token.children or [])
        for before, token in pairwise(tokens)
        if before.type == "td_open"
    ]
    assert cells == [text.replace("\n", " ").strip().replace("\\|", "\\ |") for text in (first, second)]


LINKS = (
    "https://evil.example",
    "www.evil.example",
    "@somebody",
    "owner/name#12",
    "#12",
    "GH-12",
    "a@b.example",
    ":+1:",
)


@pytest.mark.parametrize("text", [*LINKS, "<img src=x>", "![](//x)", "$x$", "~~x~~", "1. x", "- x", "> x", "# x"])
def test_what_hosts_make_links_of_is_code(text: str) -> None:
    assert escape_markdown(text) == f"`{text}`"


def test_sentences_of_ours_stay_readable() -> None:
    for text in (
        "X rises, for an application of 1.0 must change",
        "vit-l/base 1.0 → 2.0",
        "M003: no owner",
        "+0.03",
        "1.0",
        "2026-11-21T10:00:00Z",
    ):
        assert escape_markdown(text) == text


def test_a_label_is_no_markup_to_the_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr", stream)
    with output.bar("models/[/b]\x1b[2J", 10**9) as advance:
        advance(10**9)
    assert "[/b]" in stream.getvalue()
    assert "\x1b[2J" not in stream.getvalue()
