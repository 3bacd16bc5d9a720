"""An agent's folder: it may change what it is kept for, and a truncated file of it is restored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.deployments import STATE_FILE, Step
from gitcellar.core.errors import InvalidError
from gitcellar.core.sites import name_report
from gitcellar.gitops.agent_memory import MEMORY_FILE
from tests.support.cellars import Bench
from tests.support.live import MODEL, SLOT, agent, current, make_live, served

STAGING = f"{MODEL}#staging"
OUTSIDE = "this agent does not ask for it: --outside keep leaves it, --outside remove removes it"


@pytest.fixture
def live(tmp_path: Path) -> Bench:
    """A cellar with 1.0 in production and 1.1 in staging."""
    bench = make_live(tmp_path / "cellar")
    bench.assign("vit-l/base@1.1", "staging", push=True)
    return bench


def test_what_an_agent_no_longer_asks_for_is_left_and_told_until_somebody_decides(live: Bench) -> None:
    assert agent(live).look().ok
    for _ in range(2):
        found = agent(live, stage="staging").look()
        assert not found.ok
        assert Step(SLOT, "held", "1.0", OUTSIDE) in found.steps
    assert (served(live), served(live, "staging")) == ("base 1.0", "base 1.1")


def test_what_is_outside_is_kept_where_the_agent_is_told_to(live: Bench) -> None:
    agent(live).look()
    keeper = agent(live, stage="staging", outside="keep")
    assert keeper.look().steps == (Step(STAGING, "changed", "1.1"), Step(SLOT, "kept", "1.0"))
    assert keeper.look().ok
    assert served(live) == "base 1.0"


def test_what_is_outside_is_removed_where_the_agent_is_told_to(live: Bench) -> None:
    agent(live).look()
    keeper = agent(live, stage="staging", outside="remove")
    assert keeper.look().steps == (Step(STAGING, "changed", "1.1"), Step(SLOT, "removed", "1.0"))
    assert keeper.look().steps == (Step(STAGING, "current", "1.1"),)
    assert not current(live).exists()
    assert len(list((live.folder / "site/.gitcellar/weights").iterdir())) == 1


@pytest.mark.parametrize("models", ["vit-l/projectA", "tools/**"])
def test_models_that_are_no_longer_asked_for_are_outside_too(live: Bench, models: str) -> None:
    agent(live).look()
    assert Step(SLOT, "held", "1.0", OUTSIDE) in agent(live, models=models).look().steps


def test_a_slot_that_comes_back_into_scope_does_not_go_back(live: Bench) -> None:
    live.assign("vit-l/base@1.1", "production", push=True)
    agent(live).look()
    agent(live, stage="staging", outside="remove").look()
    live.git("push", "-q", "origin", ":refs/tags/vit-l/base#production#3", ":refs/gitcellar/vit-l/base@tip")
    step = agent(live).look().steps[0]
    assert (step.status, step.reason) == ("held", "the registry says #1, and #3 was here already")


@pytest.mark.parametrize("content", [b"", b'{"deployments": {"vit', b"\xff\xfe", b"\0" * 512])
@pytest.mark.parametrize("file", [STATE_FILE, MEMORY_FILE])
def test_a_truncated_file_is_restored_from_the_other_one(live: Bench, file: str, content: bytes) -> None:
    live.assign("vit-l/base@1.1", "production", push=True)
    agent(live).look()
    place = live.folder / "site" / file
    before = json.loads(place.read_bytes())
    place.write_bytes(content)
    inode = (current(live) / "vit-l-base").stat().st_ino
    found = agent(live).look()
    assert (found.steps, found.restored) == ((Step(SLOT, "current", "1.1"),), (file,))
    # What was measured is measured again, at another time.
    assert {**json.loads(place.read_bytes()), "measured": {}} == {**before, "measured": {}}
    assert (current(live) / "vit-l-base").stat().st_ino == inode
    assert agent(live).look().restored == ()


def test_a_restored_state_still_refuses_to_go_back(live: Bench) -> None:
    live.assign("vit-l/base@1.1", "production", push=True)
    agent(live).look()
    (live.folder / "site" / STATE_FILE).write_bytes(b"{")
    live.git("push", "-q", "origin", ":refs/tags/vit-l/base#production#3", ":refs/gitcellar/vit-l/base@tip")
    assert [step.reason for step in agent(live).look().steps] == ["the registry says #1, and #3 was here already"]


def test_where_both_files_are_truncated_the_weights_on_the_disk_are_not_downloaded_again(live: Bench) -> None:
    agent(live).look()
    for file in (STATE_FILE, MEMORY_FILE):
        (live.folder / "site" / file).write_bytes(b"{")
    (live.storage / "files").rename(live.storage / "gone")
    found = agent(live).look()
    assert (found.steps, set(found.restored)) == ((Step(SLOT, "changed", "1.0"),), {STATE_FILE, MEMORY_FILE})
    assert served(live) == "base 1.0"


def test_a_state_that_is_whole_and_says_what_cannot_be_is_refused(live: Bench) -> None:
    agent(live).look()
    place = live.folder / "site" / STATE_FILE
    place.write_text(place.read_text().replace("vit-l/base#production", "../x#production"))
    with pytest.raises(InvalidError, match="cannot be read"):
        agent(live).look()


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200)
NAMES = st.tuples(TEXT, st.sampled_from(["vit-l/base", "vit/l-base", "vit-l-base", "a/" * 90 + "b"]), TEXT)


@given(st.lists(NAMES, unique=True, min_size=2, max_size=6))
def test_each_report_has_a_file_of_its_own_that_every_file_system_takes(names: list[tuple[str, str, str]]) -> None:
    files = [name_report(*each) for each in names]
    assert len(set(files)) == len(names)
    assert all(len(file.encode()) <= 205 and file.isascii() and not set(file) & set('/\\:*?"<>|') for file in files)


def test_slots_that_look_alike_have_a_report_each() -> None:
    assert name_report("s", "vit-l/base", "p") == "s@vit-l%2Fbase@p.json"
    assert name_report("s", "vit/l-base", "p") == "s@vit%2Fl-base@p.json"


def test_a_site_with_a_long_name_reports(live: Bench) -> None:
    assert agent(live, site="\u6771" * 200).look().ok
    found = live.gitcellar("diff-live", str(live.folder / "status"), "--json")
    assert [row["site"] for row in json.loads(found.out)["sites"]] == ["\u6771" * 200]
