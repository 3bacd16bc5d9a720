"""A hint is a command that works: each one parses, and in real situations what it says is typed and leads on."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

import gitcellar
from gitcellar.doors.cli.main import cli
from tests.support.asking import Answer, ask
from tests.support.cellars import Bench, make_bench
from tests.support.processes import git

ROOT = Path(gitcellar.__file__).parent
# A value that is put into a hint stands for itself; this one is a REF, a path and a word.
VALUE = "vit-l/base@1.0"
_COMMAND = re.compile(r"gitcellar ([a-z][a-z-]*(?![\w/@-])(?: .*)?)", re.DOTALL)
# Where a command ends and the sentence goes on. A word of the sentence is lower case, and no option or value.
_END = re.compile(r"[,;:)`\n]| (?:&&|or|and|to|in|is|it|then|with|where|puts|\||>) | — ")
# What follows the name of the program where a sentence is about it, and where it is a person's.
_PROSE = frozenset(
    [
        "count",
        "counts",
        "does",
        "for",
        "guard",
        "import",
        "move",
        "names",
        "on",
        "prints",
        "reads",
        "says",
        "signs",
        "takes",
        "that",
        "write",
        "writes",
        "wrote",
    ]
)
_ARGUMENT = re.compile(r"-.+|[A-Z][A-Z.…0-9-]*|\[.*|.*[@#=/'{}*].*|[0-9].*")


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """Every text of a module that a user may read, with its line; what is put into one is VALUE."""
    tree = ast.parse(path.read_text())
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else VALUE for part in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


def commands_of(text: str) -> Iterator[list[str]]:
    """The commands that a text names, each as its words without those of the sentence around it."""
    for line in text.split("gitcellar ")[1:]:
        found = _COMMAND.match(f"gitcellar {line}")
        if found is None:
            continue
        words = _END.split(f"{found[1]} ")[0].split()
        if not words or words[0] in _PROSE:
            continue
        kept = words[:1]
        for word in words[1:]:
            if _ARGUMENT.fullmatch(word) is None and not is_part(kept, word):
                break
            kept.append(word.strip("'\"."))
        # The value of a last option is a sentence of its own.
        yield kept[:-1] if kept[-1].startswith("-") and takes_value(kept) else kept


def is_part(words: list[str], word: str) -> bool:
    """Whether a lower-case word is a command of a group, or a value that an argument may have."""
    command, rest = find_command(words)
    if isinstance(command, click.Group):
        return word in command.commands
    choices = [each.type.choices for each in command.params if isinstance(each.type, click.Choice)] if command else []
    stages = {"staging", "production", "archived", "artifacts", "origin"}
    return any(word in each for each in choices) or word in stages or (bool(rest) and rest[-1].startswith("--"))


def takes_value(words: list[str]) -> bool:
    """Whether the last of some words is an option that needs a value behind it."""
    command, _ = find_command(words)
    found = [each for each in command.params if words[-1] in each.opts] if command else []
    return any(isinstance(each, click.Option) and not each.is_flag for each in found)


def find_command(words: list[str]) -> tuple[click.Command | None, list[str]]:
    """The command of some words, and those that follow it."""
    command: click.Command | None = cli
    context = click.Context(cli)
    rest = list(words)
    while isinstance(command, click.Group) and rest:
        command = command.get_command(context, rest.pop(0))
    return command, rest


HINTS = sorted(
    {
        (f"{path.relative_to(ROOT)}", " ".join(words))
        for path in ROOT.rglob("*.py")
        for _, text in texts_of(path)
        for words in commands_of(text)
    }
)


def test_there_are_hints_to_hold() -> None:
    assert len(HINTS) > 100
    assert ("policy/checks/contracts.py", f"register {VALUE} --bump major") in HINTS


@pytest.mark.parametrize(("file", "words"), HINTS, ids=lambda value: value)
def test_every_command_that_a_text_names_parses(file: str, words: str) -> None:
    command, rest = find_command(words.split())
    assert command is not None, f"there is no command {words!r}"
    names = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    for word in rest:
        assert not word.startswith("-") or word in {*names, "--help"}, f"{words!r}: no option {word}"
    context = click.Context(command, resilient_parsing=True, ignore_unknown_options=False)
    _, left, _ = command.make_parser(context).parse_args(list(rest))
    assert isinstance(command, click.Group) or not left, f"{words!r}: {left} too many"


def hinted(answer: Answer) -> list[str]:
    """The words of the command that a hint names."""
    (words,) = commands_of(answer.hint or "") if "gitcellar " in (answer.hint or "") else [[]]
    assert words, answer
    return words


def a_stage_before(bench: Bench) -> tuple[str, ...]:
    return ("assign", "vit-l/base@1.0", "production")


def two_stages_before(bench: Bench) -> tuple[str, ...]:
    return ("assign", "vit-l/base@1.0", "live")


def an_undeclared_model(bench: Bench) -> tuple[str, ...]:
    (bench.work / "PATH").write_text("w")
    return ("register", "bert/base")


def a_raised_number(bench: Bench) -> tuple[str, ...]:
    for size in (1, 2):
        contract = {"outputs": {"scores": {"dtype": "float32", "shape": [size]}}}
        bench.declare("bert/base", str(size), contract=contract)
        if size == 1:
            bench.register("bert/base", version="1.0")
    return ("register", "bert/base", "--version", "1.1")


def a_clone_without_tips(bench: Bench) -> tuple[str, ...]:
    assert ask(bench.work, "push").status == 0
    for ref in ("refs/gitcellar/vit-l/base@tip", "refs/gitcellar-remotes/origin/vit-l/base@tip"):
        git(bench.work, "update-ref", "-d", ref)
    return ("verify",)


def a_whole_freeze(bench: Bench) -> tuple[str, ...]:
    assert ask(bench.work, "freeze", "**", "--why", "x", "--until", "2099-01-01").status == 0
    return ("unfreeze", "**", "staging")


SITUATIONS: dict[str, Callable[[Bench], tuple[str, ...]]] = {
    each.__name__.replace("_", " "): each
    for each in (
        a_stage_before,
        two_stages_before,
        an_undeclared_model,
        a_raised_number,
        a_clone_without_tips,
        a_whole_freeze,
    )
}
POLICY = """\
stages:
  staging: {from: [none, production, archived]}
  production: {from: [staging, archived]}
  live: {from: [production]}
  archived: {from: [staging, production]}
"""


@pytest.fixture
def registered(tmp_path: Path) -> Bench:
    bench = make_bench(tmp_path / "cellar", policy=POLICY)
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base", version="1.0")
    return bench


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS)
def test_what_a_hint_says_is_typed_and_leads_on(
    registered: Bench, situation: Callable[[Bench], tuple[str, ...]]
) -> None:
    """Each hint works, no hint comes twice, and in the end what was asked for is done or is another question."""
    command = situation(registered)
    typed: list[list[str]] = []
    while (answer := ask(registered.work, *command)).status and len(typed) < 5:
        words = hinted(answer)
        assert words not in typed, f"a circle: {typed}"
        typed.append(words)
        done = ask(registered.work, *words)
        assert done.status == 0, (words, done)
        if words[:2] == list(command[:2]) and words[0] in ("register", "unfreeze"):
            return  # it was done the other way
        registered.git("add", "-A")
        registered.git("commit", "-q", "--allow-empty", "-m", "what the hint said")
    assert answer.status == 0, answer


def test_where_no_stages_lead_there_no_stage_is_hinted_at(tmp_path: Path) -> None:
    policy = "stages: {staging: {from: [production]}, production: {from: [staging]}}\n"
    bench = make_bench(tmp_path / "cellar", policy=policy + "models: [{match: churn, scheme: semver}]\n")
    bench.declare("churn", "1")
    bench.register("churn", version="1.0.0")
    for stage in ("staging", "production"):
        refused = ask(bench.work, "assign", "churn@1.0.0", stage)
        said = f"no stages lead from there to {stage}: see 'from:' of the stages in gitcellar.yaml"
        assert (refused.status, refused.hint) == (1, said)


BARE = {
    "resolve": ("resolve",),
    "describe": ("describe",),
    "archive": ("archive",),
    "withdraw": ("withdraw",),
    "gate": ("gate", "{}", "production"),
    "claims": ("claims",),
    "approve": ("approve", "{}", "--for", "production", "--yes"),
    "reject": ("reject", "{}", "--for", "production", "--why", "x"),
    "evaluate": ("evaluate", "{}", "production"),
    "get": ("get",),
    "add --base": ("add", "vit-l/projectB", "models/b", "--base", "{}"),
}


@pytest.mark.parametrize("verb", BARE)
def test_a_bare_name_of_no_model_is_told_as_that(verb: str, stocked: Bench) -> None:
    assert (said := bare(stocked, verb, "vit-l/projecta")).status == 3
    assert (said.error, said.hint) == ("there is no model vit-l/projecta", "did you mean vit-l/projectA?")


@pytest.mark.parametrize("verb", BARE)
def test_a_bare_name_of_a_model_is_told_with_references_that_are_there(verb: str, stocked: Bench) -> None:
    stocked.assign("vit-l/projectA@1.0.1", "staging")
    assert (said := bare(stocked, verb, "vit-l/projectA")).status == 3
    assert said.error == "'vit-l/projectA' names no version"
    assert said.hint == "say which: vit-l/projectA@1.0.1, vit-l/projectA#staging"


def bare(bench: Bench, verb: str, name: str) -> Answer:
    words = BARE[verb] if "{}" in BARE[verb] else (*BARE[verb], "{}")
    (bench.work / "models" / "b").write_text("b")
    return ask(bench.work, *(word.format(name) for word in words))
