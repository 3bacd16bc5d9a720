"""A site's report is a stranger's text: values of a known form, or refused."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.errors import InvalidError
from gitcellar.core.sites import MAX_REASON, Status, format_status, parse_statuses

GOOD = Status("here", "vit-l/base", "production", "a" * 64, "2026-11-21T00:00:00Z", "1.0", None, "why\nnot")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("site", ""),
        ("site", "a\nb"),
        ("site", "\x1b[2J"),
        ("site", "x" * 201),
        ("site", None),
        ("model", "../x"),
        ("model", "x\n"),
        ("model", "folder=name"),
        ("model", "x" * 300),
        ("stage", "a/b"),
        ("stage", "-x"),
        ("digest", "A" * 64),
        ("digest", "a" * 63),
        ("digest", 7),
        ("at", "yesterday"),
        ("at", "2026-13-01T00:00:00Z"),
        ("at", "2026-11-21 00:00:00Z"),
        ("at", "2026-11-21T00:00:00"),
        ("at", "٢026-11-21T00:00:00Z"),
        ("at", "2026-11-21T00:00:00Z\n"),
        ("version", "latest"),
        ("failed", "../x"),
        ("reason", "x" * (MAX_REASON + 1)),
        ("reason", ["x"]),
    ],
)
def test_a_report_with_a_word_of_another_form_is_refused(key: str, value: object) -> None:
    document = json.loads(format_status(GOOD))
    assert parse_statuses(json.dumps(document).encode(), "x") == [GOOD]
    with pytest.raises(InvalidError, match="^x is no status report, or half of one$"):
        parse_statuses(json.dumps({**document, key: value}).encode(), "x")


@pytest.mark.parametrize("at", ["2026-11-21T00:00:00+01:00", "2026-11-21t23:59:60.123z"])
def test_a_moment_is_one_of_rfc_3339(at: str) -> None:
    document = {**json.loads(format_status(GOOD)), "at": at}
    assert parse_statuses(json.dumps([document]).encode(), "x")[0].at == at


@pytest.mark.parametrize("content", ["{}", "[[]]", "7", "null", '["x"]'])
def test_what_is_no_report_is_refused(content: str) -> None:
    with pytest.raises(InvalidError):
        parse_statuses(content.encode(), "x")


@given(st.binary())
def test_any_bytes_are_reports_or_refused(content: bytes) -> None:
    with contextlib.suppress(InvalidError):
        parse_statuses(content, "x")
