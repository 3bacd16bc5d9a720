"""An index that expired stays expired, wherever the clock goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.deployments import Step
from gitcellar.core.errors import CellarError, InvalidError
from gitcellar.gitops.index_times import IndexTimes
from gitcellar.store.environment import read_now
from tests.support.cellars import Bench
from tests.support.live import MODEL, SLOT, agent, from_index, make_live, served, write_live_index

HOUR = 3600


@pytest.fixture
def live(tmp_path: Path) -> Bench:
    """A cellar whose agent serves 1.0 by an index; the index that is there says 1.1, and counts for an hour."""
    bench = make_live(tmp_path / "cellar")
    write_live_index(bench)
    assert agent(bench, from_index(bench)).look().ok
    bench.assign("vit-l/base@1.1", "production", push=True)
    write_live_index(bench)
    return bench


def look(bench: Bench, models: str, monkeypatch: pytest.MonkeyPatch, later: int) -> str:
    """Look with a process of its own, so to speak, at a time so many seconds from now. What is wrong, or nothing."""
    now = read_now() + later
    monkeypatch.setattr("gitcellar.gitops.origins.read_now", lambda: now)
    try:
        return "".join(step.reason or "" for step in agent(bench, from_index(bench), models=models).look().steps)
    except CellarError as error:
        return str(error)


@pytest.mark.parametrize("models", [MODEL, "**"])
def test_an_index_that_expired_stays_expired_when_the_clock_goes_back(
    live: Bench, models: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "counted until" in look(live, models, monkeypatch, 2 * HOUR)
    assert "counted until" in look(live, models, monkeypatch, 0)
    assert "counted until" in look(live, models, monkeypatch, -HOUR)
    assert served(live) == "base 1.0"
    write_live_index(live, valid=2 * HOUR)
    assert look(live, models, monkeypatch, 0) == ""
    assert served(live) == "base 1.1"


def test_an_index_that_expired_while_its_server_was_down_stays_expired(
    live: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look(live, MODEL, monkeypatch, 0) == ""
    (live.folder / "index").rename(live.folder / "away")
    assert "there is no" in look(live, MODEL, monkeypatch, 2 * HOUR)
    (live.folder / "away").rename(live.folder / "index")
    assert "counted until" in look(live, MODEL, monkeypatch, 0)


def test_a_clock_that_jumps_to_the_far_future_costs_one_index_and_no_more(
    live: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "counted until" in look(live, MODEL, monkeypatch, 2**40)
    write_live_index(live, valid=HOUR + 60)
    assert look(live, MODEL, monkeypatch, 0) == ""


@pytest.mark.parametrize("content", [b"", b"{}", b'{"believed": "1", "expired": 0}', b'{"believed": -1, "expired": 0}'])
def test_times_that_cannot_be_read_are_refused_with_what_to_do(live: Bench, content: bytes) -> None:
    (live.folder / "site/.gitcellar/index-times.json").write_bytes(content)
    with pytest.raises(InvalidError, match=r"index-times\.json cannot be read") as raised:
        agent(live, from_index(live)).look()
    assert "rm '" in str(raised.value.hint)
    assert served(live) == "base 1.0"


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_what_has_expired_never_counts_again(met: list[tuple[int, int]]) -> None:
    """Indexes by their ends, met at any times: whatever was found expired stays so, and nothing newer is."""
    times, gone = IndexTimes(), -1
    for until, now in met:
        times = times.at(now).meet(until, now)
        gone = max(gone, until) if now > until else gone
        assert times.expired >= gone
        assert times.expired <= max(each for each, _ in met)


def test_an_agent_that_reads_git_needs_no_clock(live: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitcellar.gitops.origins.read_now", lambda: 2**40)
    assert agent(live).look().steps == (Step(SLOT, "changed", "1.1"),)
