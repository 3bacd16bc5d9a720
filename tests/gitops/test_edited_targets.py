"""One edited file holds the stage that it is about, and nothing else: an urgent rollback of another model goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gitcellar.cellar.reading import open_source
from gitcellar.gitops.reconciling import Goal, Outcome, reconcile
from gitcellar.store.deploy_merge import merge_edit
from tests.support.cellars import Bench, copy_bench, make_bench

MODELS = ("cat/base", "dog/base")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Two models, each with two versions, the first of each in production."""
    bench = make_bench(tmp_path_factory.mktemp("built") / "cellar")
    for model in MODELS:
        for number in (1, 2):
            bench.declare(model, f"{model} {number}")
            bench.register(model)
        bench.assign(f"{model}@0.1", "production")
    bench.git("push", "-q", "origin", "main")
    assert bench.gitcellar("push").status == 0
    return bench


@pytest.fixture
def live(built: Bench, tmp_path: Path) -> Bench:
    """The same cellar for each test."""
    return copy_bench(built, tmp_path / "cellar")


def into(bench: Bench, **goal: Any) -> Outcome:
    return reconcile(open_source(bench.url), Goal(str(target_of(bench)), **goal))


def target_of(bench: Bench) -> Path:
    return bench.folder / "deploy"


def promote(bench: Bench, *models: str) -> None:
    for model in models:
        bench.assign(f"{model}@0.2", "production", push=True)


def statuses(outcome: Outcome) -> dict[str, tuple[str, str | None]]:
    return {step.slot.partition("/")[0]: (step.status, step.reason) for step in outcome.steps}


def json_versions(bench: Bench) -> list[str]:
    return [row["version"] for row in json.loads((target_of(bench) / "deployments.json").read_text())["deployments"]]


def test_the_stage_of_an_edited_file_is_held_and_the_others_move(live: Bench) -> None:
    into(live, form="kserve")
    cat, dog = (target_of(live) / f"{name}--base--production.yaml" for name in ("cat", "dog"))
    cat.write_text("mine\n")
    promote(live, *MODELS)
    found = into(live, form="kserve")
    assert not found.ok
    assert statuses(found) == {
        "cat": ("held", "cat--base--production.yaml was edited by hand"),
        "dog": ("changed", None),
    }
    assert cat.read_text() == "mine\n"
    assert '"0.2"' in dog.read_text()
    again = into(live, form="kserve")
    assert (again.ok, again.changed) == (False, False)
    cat.unlink()
    assert statuses(into(live, form="kserve")) == {"cat": ("changed", None), "dog": ("current", None)}
    assert '"0.2"' in cat.read_text()


def test_an_edit_of_what_does_not_change_is_told_too(live: Bench) -> None:
    into(live, form="kserve")
    (target_of(live) / "cat--base--production.yaml").write_text("mine\n")
    found = into(live, form="kserve")
    assert statuses(found)["cat"] == ("held", "cat--base--production.yaml was edited by hand")
    assert not found.ok


def test_an_edited_file_of_a_stage_that_is_emptied_stays(live: Bench) -> None:
    into(live, form="kserve")
    cat = target_of(live) / "cat--base--production.yaml"
    cat.write_text("mine\n")
    assert live.gitcellar("unassign", "cat/base", "production", "--push").status == 0
    assert statuses(into(live, form="kserve"))["cat"][0] == "held"
    assert cat.read_text() == "mine\n"


def test_a_file_of_others_where_a_new_stage_would_be_written_holds_that_stage(live: Bench) -> None:
    target_of(live).mkdir()
    cat = target_of(live) / "cat--base--production.yaml"
    cat.write_text("mine\n")
    for _ in range(2):
        found = into(live, form="kserve")
        assert statuses(found)["cat"][0] == "held"
        assert not found.ok
        assert cat.read_text() == "mine\n"
        assert (target_of(live) / "dog--base--production.yaml").exists()


@pytest.mark.parametrize("slot", ["cat", "dog"])
def test_in_a_file_of_several_stages_the_edit_and_the_others_changes_stand_together(live: Bench, slot: str) -> None:
    into(live)
    file = target_of(live) / "deployments.json"
    document = json.loads(file.read_text())
    row = document["deployments"][("cat", "dog").index(slot)]
    file.write_text(file.read_text().replace(f'"sha256": "{row["sha256"]}"', '"sha256": "mine"'))
    promote(live, *MODELS)
    found = into(live)
    other = {"cat": "dog", "dog": "cat"}[slot]
    assert statuses(found)[slot] == (
        "held",
        f"deployments.json was edited by hand, where {slot}/base#production changes it",
    )
    assert statuses(found)[other] == ("changed", None)
    assert '"sha256": "mine"' in file.read_text()
    assert json_versions(live) == (["0.1", "0.2"] if slot == "cat" else ["0.2", "0.1"])
    before = file.read_text()
    again = into(live)
    assert (again.ok, again.changed, again.edited) == (False, False, ("deployments.json",))
    assert file.read_text() == before
    assert into(live, edited="overwrite").ok
    assert json_versions(live) == ["0.2", "0.2"]


def test_what_somebody_added_to_a_shared_file_stays_and_every_stage_moves(live: Bench) -> None:
    into(live, form="compose")
    file = target_of(live) / "compose.yaml"
    file.write_text(f"# Ask Ada before changing this.\n{file.read_text()}")
    promote(live, *MODELS)
    found = into(live, form="compose")
    assert {status for status, _ in statuses(found).values()} == {"changed"}
    assert not found.ok  # the edit is told until somebody decides
    assert file.read_text().startswith("# Ask Ada before changing this.\n")
    assert file.read_text().count('gitcellar.version: "0.2"') == 2
    assert into(live, form="compose", edited="keep").ok


def test_nothing_of_a_shared_file_that_was_never_ours_is_overwritten(live: Bench) -> None:
    target_of(live).mkdir()
    (target_of(live) / "deployments.json").write_text("mine\n")
    for _ in range(2):
        assert {status for status, _ in statuses(into(live)).values()} == {"held"}
        assert (target_of(live) / "deployments.json").read_text() == "mine\n"


def test_other_templates_do_not_merge_with_an_edit_of_what_the_old_ones_made(live: Bench) -> None:
    templates = live.folder / "templates"
    templates.mkdir()
    template = templates / "all.txt.j2"
    template.write_text("{% for each in deployments %}{{ each.model }}\n\n{{ each.version }}\n\n{% endfor %}")
    into(live, form=str(templates))
    made = target_of(live) / "all.txt"
    made.write_text(f"mine\n{made.read_text()}")
    before = made.read_text()
    template.write_text("{% for each in deployments %}{{ each.version }}\n{% endfor %}")
    promote(live, "dog/base")
    assert statuses(into(live, form=str(templates)))["dog"][0] == "held"
    assert made.read_text() == before


def test_a_file_of_others_where_other_templates_put_a_held_stage_stays(live: Bench) -> None:
    templates = live.folder / "templates"
    templates.mkdir()
    (templates / "__slug__.old.j2").write_text("{{ version }}\n")
    into(live, form=str(templates))
    (target_of(live) / "cat--base--production.old").write_text("mine\n")
    (target_of(live) / "cat--base--production.new").write_text("mine too\n")
    (templates / "__slug__.old.j2").rename(templates / "__slug__.new.j2")
    assert live.gitcellar("unassign", "cat/base", "production", "--push").status == 0
    found = into(live, form=str(templates))
    assert statuses(found)["cat"][0] == "held"
    assert (target_of(live) / "cat--base--production.old").read_text() == "mine\n"
    assert (target_of(live) / "cat--base--production.new").read_text() == "mine too\n"
    assert (target_of(live) / "dog--base--production.new").read_text() == "0.1\n"


@pytest.mark.parametrize(
    ("before", "edited", "after", "merged"),
    [
        (b"\x00", b"\x00a", b"\x00b", None),
        (b"", b"a\n", b"b\n", None),
        (b"a\nb\n", b"a\nc\n", b"a\nd\n", None),
        (b"a\nb\n", b"a\nc\n", b"a\nc\n", b"a\nc\n"),
        (b"a\r\nx\r\nb\r\n", b"A\r\nx\r\nb\r\n", b"a\r\nx\r\nB\r\n", b"A\r\nx\r\nB\r\n"),
    ],
    ids=["no text", "both began it", "the same line", "the same change", "other line ends"],
)
def test_an_edit_and_a_change_merge_where_they_touch_different_lines(
    before: bytes, edited: bytes, after: bytes, merged: bytes | None
) -> None:
    assert merge_edit(before, edited, after) == merged
