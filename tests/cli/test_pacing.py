"""How often something is done again: who cannot be asked is asked with pauses that grow, and a fleet not all at once."""

from __future__ import annotations

import click
import pytest

from gitcellar.core.errors import WorldError
from gitcellar.doors.cli import pacing


class EnoughError(Exception):
    """The test has seen what it wanted."""


def pauses_of(monkeypatch: pytest.MonkeyPatch, answers: list[bool | None], every: float) -> list[float]:
    """The pauses after each answer; None is a failure."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    left = iter(answers)

    def look() -> bool:
        try:
            answer = next(left)
        except StopIteration:
            raise EnoughError from None
        if answer is None:
            raise WorldError("down")
        return answer

    with pytest.raises(EnoughError):
        pacing.repeat(click.Context(click.Command("x")), look, every=every, once=False)
    return pauses


def test_pauses_grow_while_nobody_answers_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = pauses_of(monkeypatch, [True, False, None, None, None, True], every=10)
    for pause, expected in zip(pauses, (10, 10, 20, 40, 60, 10), strict=True):
        assert expected * 0.9 <= pause <= expected * 1.1


def test_a_fleet_does_not_ask_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = pauses_of(monkeypatch, [True] * 50, every=60)
    assert max(pauses) - min(pauses) > 5


@pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("10s", 10), ("1.5m", 90), ("2h", 7200)])
def test_spans_of_time(text: str, seconds: float) -> None:
    assert pacing.parse_span(text) == seconds


@pytest.mark.parametrize("text", ["10", "0s", "-1s", "1d", "", "1s2"])
def test_what_is_no_span_of_time(text: str) -> None:
    with pytest.raises(click.BadParameter):
        pacing.parse_span(text)
