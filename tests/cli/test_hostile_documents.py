"""Hostile text in a commit, from its bytes to the answer of a command: a value, a refusal, and never a bug of ours."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gitcellar.core.errors import CellarError
from gitcellar.doors.cli.main import cli
from tests.support.cellars import Bench, make_bench, tag
from tests.support.processes import git

GOOD = "vit-l/base: {path: models/base}\n"

# What stands in artifacts.yaml and in the files that it names, and why it is refused; None where it is text for us.
DOCUMENTS: dict[str, tuple[str, dict[str, bytes], str | None]] = {
    "a number in base 60": (
        "vit-l/base: {path: models/base, params: {a: " + ":".join(["1"] * 100_000) + "}}", {}, None,
    ),
    "a number of 6,000 digits": (
        "vit-l/base:\n  path: models/base\n  params: {a: " + "1" * 6_000 + "}",
        {},
        "artifacts.yaml:3: vit-l/base.params.a: a number has at most 100 digits",
    ),
    "a day": ("vit-l/base: {path: models/base, custom: {day: 2001-01-01, none: 2001-13-45}}", {}, None),
    "no numbers": ("vit-l/base: {path: models/base, custom: [.nan, .inf]}", {}, None),
    "bytes": (
        "vit-l/base: {path: models/base, custom: !!binary aGk=}",
        {},
        "artifacts.yaml:1: vit-l/base.custom: the tag tag:yaml.org,2002:binary is not allowed here",
    ),
    "an empty int": (
        'vit-l/base: {path: models/base, custom: !!int ""}',
        {},
        "artifacts.yaml:1: vit-l/base.custom: the tag tag:yaml.org,2002:int is not allowed here",
    ),
    "keys that are no text": ("vit-l/base: {path: models/base, params: {1: a, true: b, 2001-01-01: c, ~: d}}", {}, None),
    "control characters": (
        'vit-l/base: {path: models/base, custom: {"a\\e[2J\\0\\n::error::x": "\\e\\0\\a\\u202e"}}', {}, None,
    ),
    "control characters in a key that is unknown": (
        'vit-l/base: {path: models/base, "a\\e[2J\\n::error::x": 1}',
        {},
        "artifacts.yaml:1: vit-l/base.a\\x1b[2J\\n::error::x: unknown key 'a\\x1b[2J\\n::error::x'",
    ),
    "an entry that a comment hides": (
        "# as before\u2028vit-l/base: {path: models/base}\n",
        {},
        "artifacts.yaml:1: a line ends here for some readers of YAML and not for others",
    ),
    "parameters in JSON": (
        "vit-l/base: {path: models/base, params: p.json}",
        {"p.json": b'{"a": ' + b"[" * 100_000},
        None,
    ),
    "parameters that JSON does not know": (
        "vit-l/base: {path: models/base, params: p.json, metrics: m.json}",
        {"p.json": b'{"a": NaN, "b": 1e-5}', "m.json": b'{"a": NaN, "b": 1e-5}'},
        None,
    ),
    "metrics in TOML": (
        "vit-l/base: {path: models/base, metrics: m.toml}",
        {"m.toml": b"a." * 30_000 + b"b = 1"},
        "m.toml:1: more than 100 dots on one line",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def cellar(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A cellar whose production asks for a metric, so that metrics files are read."""
    policy = "stages: {production: {gates: [{metric: b, at_least: 0}]}}\n"
    bench = make_bench(tmp_path_factory.mktemp("hostile") / "cellar", policy=policy)
    bench.declare("vit-l/base", "base")
    bench.git("push", "-q", "origin", "main")
    return bench


def call(folder: Path, *args: str, stdin: str = "") -> Result:
    """The command in this process; anything but a refusal, an error of ours or wrong usage is a bug."""
    result = CliRunner().invoke(cli, ["-C", str(folder), *args], input=stdin, standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, CellarError):
        raise result.exception
    return result


@pytest.mark.parametrize("name", DOCUMENTS)
def test_hostile_text_is_a_value_or_refused_at_every_door(cellar: Bench, name: str) -> None:
    manifest, files, fault = DOCUMENTS[name]
    version = f"0.{list(DOCUMENTS).index(name)}"
    (cellar.work / "artifacts.yaml").write_bytes(manifest.replace("models/base", "models/vit-l-base").encode())
    for path, content in files.items():
        (cellar.work / path).write_bytes(content)
    cellar.git("add", "-A")
    judged = [call(cellar.work, "hook", "pre-commit"), call(cellar.work, "check")]
    cellar.commit_anyhow(name)
    tag(cellar, f"vit-l/base@{version}")
    judged.append(call(cellar.work, "hook", "pre-push", "origin", stdin=_line(cellar, version)))
    for result in judged:
        told = str(result.exception or result.stderr)
        assert (fault or "") in told
        assert ("M002" in told) == (fault is not None)
        assert "\x1b" not in told
        assert not any(line.startswith("::") for line in told.splitlines())

    described = call(cellar.work, "describe", f"vit-l/base@{version}", "--json")
    if described.exception is None:
        assert json.loads(described.stdout, parse_constant=pytest.fail)["version"] == version
    else:
        assert isinstance(described.exception, CellarError)
        assert described.exception.exit_code == 3
    call(cellar.work, "describe", f"vit-l/base@{version}")
    assert call(cellar.work, "show", "--json").exception is None


def test_a_file_beyond_all_limits_fills_no_memory(cellar: Bench) -> None:
    (cellar.work / "artifacts.yaml").write_text(
        "vit-l/base: {path: models/vit-l-base, params: p.json, metrics: m.json}"
    )
    for file in ("p.json", "m.json", "dvc.yaml", "models/vit-l-base.dvc"):
        with open(cellar.work / file, "wb") as sparse:
            sparse.truncate(100_000_000)
    cellar.commit_anyhow("100 MB that compress to 100 kB")
    tag(cellar, "vit-l/base@7.0")
    tracemalloc.start()
    try:
        assert json.loads(call(cellar.work, "describe", "vit-l/base@7.0", "--json").stdout)["params"] == {}
        got = call(cellar.work, "get", "vit-l/base@7.0", "-o", str(cellar.folder / "got"))
        assert "the file has 4194305 bytes, and 4194304 are the most" in str(got.exception)
        assert call(cellar.work, "event", "vit-l/base@7.0").exception is None
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


def _line(cellar: Bench, version: str) -> str:
    ref = f"refs/tags/vit-l/base@{version}"
    return f"{ref} {git(cellar.work, 'rev-parse', ref)} {ref} {'0' * 40}\n"
