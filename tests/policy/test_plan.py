"""What a request would write."""

from __future__ import annotations

import pytest

from gitcellar.core.errors import InvalidError, NotFoundError
from gitcellar.core.manifest import Entry
from gitcellar.core.state import ModelState
from gitcellar.core.tags import format_tag
from gitcellar.core.versions import parse_version
from gitcellar.policy.plan import (
    Plan,
    plan_assign,
    plan_deprecate,
    plan_register,
    plan_rollback,
    plan_unassign,
    plan_withdraw,
)
from gitcellar.policy.settings import ModelRules
from tests.policy.test_judge import SEMVER, state_of

ENTRY = Entry(path="m", base="vit-l/base@1.2")


def at(number: int) -> str:
    return f"{number:040d}"


def tags(plan: Plan) -> list[str]:
    return [format_tag(proposed.model, proposed.fact) for proposed in plan.tags]


def stage_history(*holders: int) -> ModelState:
    """Versions 1.0, 1.1 and 1.2, and a stage that held those with the given Y, one after the other."""
    from gitcellar.core.events import Event
    from gitcellar.core.state import fold_events
    from gitcellar.core.tags import find_tag_name

    state = state_of("vit-l/base", "@1.0", "@1.1", "@1.2")
    events = list(state.events)
    for counter, y in enumerate(holders, 1):
        named = find_tag_name(f"vit-l/base#production#{counter}")
        assert named is not None
        events.append(Event(named.fact, f"vit-l/base#production#{counter}", "0" * 40, at(y)))
    return fold_events(state.name, events)


def test_a_rollback_to_a_version_needs_one_that_held_the_stage() -> None:
    state = stage_history(0, 1, 2)
    assert plan_rollback(state, ModelRules(), "production", parse_version("1.0")).tags[0].target == at(0)
    assert plan_rollback(state, ModelRules(), "production", parse_version("1.2")).tags == ()
    with pytest.raises(NotFoundError, match="vit-l/base 1.2 never held production"):
        plan_rollback(stage_history(0, 1), ModelRules(), "production", parse_version("1.2"))
    with pytest.raises(NotFoundError, match="vit-l/base 7.0 is not registered"):
        plan_rollback(state, ModelRules(), "production", parse_version("7.0"))


def test_registering_counts_on() -> None:
    state = state_of("vit-l/base", "@1.0", "@1.1")
    plan = plan_register(state, ModelRules(), commit=at(9), entry=ENTRY)
    assert (plan.subject, tags(plan)) == ("Register vit-l/base 1.2", ["vit-l/base@1.2"])
    major = plan_register(state, ModelRules(), commit=at(9), entry=ENTRY, bump="major")
    assert tags(major) == ["vit-l/base@2.0"]


def test_a_project_counts_within_its_manifests_base() -> None:
    state = state_of("vit-l/projectA", "@1.1.1", "@1.2.1", "@1.2.2", "@1.2.2!#1")
    assert tags(plan_register(state, ModelRules(), commit=at(9), entry=ENTRY)) == ["vit-l/projectA@1.2.3"]


def test_registering_what_is_registered_is_nothing_to_do() -> None:
    state = state_of("vit-l/base", "@1.0", "@1.1")
    plan = plan_register(state, ModelRules(), commit=at(1), entry=ENTRY)
    assert (plan.tags, plan.version) == ((), parse_version("1.1"))
    assert plan_register(state, ModelRules(), commit=at(1), entry=ENTRY, version=parse_version("1.1")).tags == ()


@pytest.mark.parametrize(
    ("model", "entry", "bump", "message"),
    [
        ("vit-l/base", ENTRY, "patch", "vit-l/base has versions X.Y, without a patch number"),
        ("vit-l/a", ENTRY, "major", "--bump major is the base's to take: vit-l/a counts within its base's 1.2"),
        (
            "vit-l/a",
            Entry(path="m"),
            None,
            "the manifest entry of vit-l/a names no base, so its version cannot be counted",
        ),
        ("vit-l/a", Entry(path="m", base="vit-l/base@1"), None, "base: 'vit-l/base@1' names no one version"),
        (
            "churn",
            ENTRY,
            None,
            "churn stands in no rack, and the scheme 'cellar' counts only RACK/base and RACK/PROJECT",
        ),
    ],
)
def test_a_step_that_the_scheme_has_not_is_told(model: str, entry: Entry, bump: str | None, message: str) -> None:
    with pytest.raises(InvalidError) as caught:
        plan_register(state_of(model), ModelRules(), commit=at(9), entry=entry, bump=bump)  # type: ignore[arg-type]
    assert caught.value.message == message
    assert caught.value.hint


def test_a_model_of_any_name_counts_by_semver() -> None:
    plan = plan_register(state_of("churn", "@1.0.0"), SEMVER, commit=at(9), entry=ENTRY, bump="patch")
    assert tags(plan) == ["churn@1.0.1"]


def test_assigning_takes_the_next_counter() -> None:
    state = stage_history(0, 1)
    held = state.find(parse_version("1.2"))
    assert held is not None
    plan = plan_assign(state, held, "staging")
    assert (tags(plan), plan.tags[0].target) == (["vit-l/base#staging#3"], at(2))


def test_assigning_what_is_there_is_nothing_to_do() -> None:
    state = stage_history(0, 1)
    held = state.find(parse_version("1.1"))
    assert held is not None
    assert plan_assign(state, held, "production").tags == ()


def test_a_stage_is_emptied_once() -> None:
    assert tags(plan_unassign(stage_history(0), ModelRules(), "production")) == ["vit-l/base#production!#2"]
    assert plan_unassign(stage_history(0), ModelRules(), "staging").tags == ()


def test_a_version_is_withdrawn_once() -> None:
    state = state_of("vit-l/base", "@1.0", "@1.1", "@1.0!#1")
    first, second = state.versions
    assert plan_withdraw(state, first).tags == ()
    assert tags(plan_withdraw(state, second)) == ["vit-l/base@1.1!#2"]


def test_a_model_is_deprecated_once() -> None:
    assert tags(plan_deprecate(state_of("vit-l/base", "@1.0"))) == ["vit-l/base@deprecated#1"]
    assert plan_deprecate(state_of("vit-l/base", "@1.0", "@deprecated#1")).tags == ()
    with pytest.raises(NotFoundError):
        plan_deprecate(state_of("vit-l/base"))


@pytest.mark.parametrize(
    ("holders", "back_to"),
    [((0, 1), 0), ((0, 1, 2), 1), ((0, 1, 2, 1), 0), ((0, 1, 0), None), ((1, 1, 2), 1)],
    ids=["one back", "the one before", "twice is two back", "to the first is the end", "twice the same"],
)
def test_a_rollback_goes_back_in_what_the_stage_held(holders: tuple[int, ...], back_to: int | None) -> None:
    state = stage_history(*holders)
    if back_to is None:
        with pytest.raises(NotFoundError):
            plan_rollback(state, ModelRules(), "production")
    else:
        plan = plan_rollback(state, ModelRules(), "production")
        assert plan.tags[0].target == at(back_to)
        counter = len(holders) + 1
        assert tags(plan) == [f"vit-l/base#production#{counter}"]


def test_to_archive_is_one_tag_and_nothing_where_it_is_so() -> None:
    state = state_of("vit-l/base", "@1.0", "#staging#1", "#production#2")
    assert tags(plan_assign(state, state.versions[0], "archived")) == ["vit-l/base#archived#3"]
    archived = state_of("vit-l/base", "@1.0", "#staging#1", "#archived#2")
    assert plan_assign(archived, archived.versions[0], "archived").tags == ()


def test_archived_is_neither_emptied_nor_rolled_back() -> None:
    state = state_of("vit-l/base", "@1.0", "#staging#1", "#archived#2")
    for plan in (plan_unassign, plan_rollback):
        with pytest.raises(InvalidError, match="archived is a state and no stage: 1.0 of vit-l/base is archived"):
            plan(state, ModelRules(), "archived")


def test_a_rollback_passes_over_what_was_withdrawn() -> None:
    from gitcellar.core.state import fold_events

    state = stage_history(0, 1, 2)
    withdrawn = state_of("vit-l/base", "@1.1!#9").events
    assert plan_rollback(fold_events(state.name, [*state.events, *withdrawn]), ModelRules(), "production").tags[
        0
    ].target == at(0)


def test_a_rollback_of_a_stage_that_held_nothing_is_told() -> None:
    with pytest.raises(NotFoundError, match="nothing that still stands held production"):
        plan_rollback(state_of("vit-l/base", "@1.0"), ModelRules(), "production")
