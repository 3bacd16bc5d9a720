"""Who did what: for a person, a spreadsheet, a report and a program."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.support.cellars import Bench, make_bench, tag

POLICY = """\
stages: [staging, production]
exceptions:
- {rule: V003, match: "vit-l/*", reason: the import of 2025, until: 2099-12-31}
- {rule: S001, match: "**", reason: long ago, until: 2020-12-31}
"""


@pytest.fixture
def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = make_bench(tmp_path / "cellar", policy=POLICY)
    bench.declare("vit-l/base", "base 1")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-03-01T10:00:00Z")
    bench.register("vit-l/base", version="0.1")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-04-01T10:00:00Z")
    bench.assign("vit-l/base@0.1", "staging", message="=cmd|' /C calc'!A0")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-05-01T10:00:00Z")
    bench.declare("vit-l/base", "base 3")
    tag(bench, "vit-l/base@0.3")
    tag(bench, "vit-l/base#live#2")
    return bench


def test_every_event_stands_there_with_what_todays_policy_says(audited: Bench) -> None:
    document = json.loads(audited.gitcellar("audit", "--json").out)
    assert [(row["at"], row["tag"], row["author"], row["breaks"], row["excepted"]) for row in document["events"]] == [
        ("2026-03-01T10:00:00Z", "vit-l/base@0.1", "Ann", [], []),
        ("2026-04-01T10:00:00Z", "vit-l/base#staging#1", "Ann", [], []),
        ("2026-05-01T10:00:00Z", "vit-l/base@0.3", "Ann", [], ["V003: the import of 2025 (until 2099-12-31)"]),
        (
            "2026-05-01T10:00:00Z",
            "vit-l/base#live#2",
            "Ann",
            ["S001: 'live' is none of the policy's stages: staging, production"],
            [],
        ),
    ]
    assert [(e["rule"], e["line"], e["ended"]) for e in document["exceptions"]] == [
        ("V003", 3, False),
        ("S001", 4, True),
    ]


def test_a_span_is_from_a_moment_and_before_another(audited: Bench) -> None:
    def tags(*options: str) -> list[str]:
        return [row["tag"] for row in json.loads(audited.gitcellar("audit", "--json", *options).out)["events"]]

    assert tags("--since", "2026-04-01", "--until", "2026-05-01") == ["vit-l/base#staging#1"]
    assert tags("--since", "2026-04-01T10:00:01Z") == ["vit-l/base@0.3", "vit-l/base#live#2"]
    assert tags("vit-l/base", "--until", "2026-03-02") == ["vit-l/base@0.1"]
    assert audited.gitcellar("audit", "--since", "yesterday").status == 2
    assert audited.gitcellar("audit", "vit-l/bas").status == 3


def test_a_spreadsheet_runs_nothing_of_it(audited: Bench) -> None:
    rows = list(csv.DictReader(io.StringIO(audited.gitcellar("audit", "--format", "csv").out)))
    assert len(rows) == 4
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_a_report_has_a_row_for_each_and_the_exceptions(audited: Bench) -> None:
    out = audited.gitcellar("audit", "--format", "md").out
    assert out.count("\n| 2026-") == 4
    assert "| V003 | `vit-l/*` | the import of 2025 | 2099-12-31 | in force |" in out
    assert "=cmd\\|' /C calc'!A0" in out
    text = audited.gitcellar("audit").out
    assert "excepted V003: the import of 2025 (until 2099-12-31)" in text
    assert "S001       **" in text
