"""What is so after some events, and what contradicts."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.events import Event
from gitcellar.core.names import ModelName
from gitcellar.core.state import ModelState, fold_events
from gitcellar.core.tags import find_tag_name, parse_listing
from gitcellar.core.versions import parse_version

NAME = ModelName("vit-l/projectA")


def event(tag: str, commit: str | None) -> Event:
    """An event of the model, by the part of its tag after the model's name."""
    named = find_tag_name(f"{NAME}{tag}")
    assert named is not None, tag
    return Event(named.fact, f"{NAME}{tag}", f"tag {tag}", commit)


def fold(*events: tuple[str, str | None]) -> ModelState:
    return fold_events(NAME, [event(tag, commit) for tag, commit in events])


def holders(state: ModelState) -> dict[str, str]:
    return {stage: str(held.version) for stage, held in state.stages.items()}


def codes(state: ModelState) -> list[tuple[str, str]]:
    return [(anomaly.code, anomaly.tag.removeprefix(NAME.text)) for anomaly in state.anomalies]


def test_nothing_happened_to_a_model_without_events() -> None:
    state = fold()
    assert (state.versions, state.latest, dict(state.stages), state.next_counter) == ([], None, {}, 1)


def test_a_stage_holds_what_was_assigned_to_it_last() -> None:
    state = fold(("@1.0.1", "a"), ("@1.0.2", "b"), ("#production#2", "b"), ("#production#1", "a"))
    assert holders(state) == {"production": "1.0.2"}
    assert [(str(v.version), v.stages, v.stage) for v in state.versions] == [
        ("1.0.1", (), "archived"),
        ("1.0.2", ("production",), "production"),
    ]
    assert state.next_counter == 3


def test_two_stages_may_hold_one_version() -> None:
    state = fold(("@1.0.1", "a"), ("#staging#1", "a"), ("#production#2", "a"))
    assert holders(state) == {"staging": "1.0.1", "production": "1.0.1"}
    assert state.versions[0].stage == "production"


def test_nothing_returns_to_a_stage_by_itself() -> None:
    state = fold(("@1.0.1", "a"), ("@1.0.2", "b"), ("#p#1", "a"), ("#p#2", "b"), ("#p!#3", "b"))
    assert holders(state) == {}
    assert [v.stage for v in state.versions] == ["archived", None]


def test_an_assignment_that_names_no_version_empties_the_stage() -> None:
    state = fold(("@1.0.1", "a"), ("#p#1", "a"), ("#p#2", "elsewhere"))
    assert holders(state) == {}
    assert codes(state) == [("unregistered", "#p#2")]


def test_two_events_with_one_counter_leave_nothing_live() -> None:
    state = fold(("@1.0.1", "a"), ("#p#1", "a"), ("#p!#1", "a"))
    assert holders(state) == {}
    assert codes(state) == [("counter-reused", "#p!#1")]


def test_a_withdrawn_version_is_not_the_latest_and_stays_readable() -> None:
    state = fold(("@1.0.1", "a"), ("@1.0.2", "b"), ("@1.0.2!#1", "b"))
    assert state.latest == parse_version("1.0.1")
    assert state.newest_of((1, 0)) == parse_version("1.0.1")
    assert [(str(v.version), v.withdrawn) for v in state.versions] == [("1.0.1", False), ("1.0.2", True)]


def test_gtos_second_registration_takes_a_withdrawal_back() -> None:
    state = fold(("@v1.0.1#1", "a"), ("@v1.0.1!#2", "a"), ("@v1.0.1#3", "b"))
    assert [(v.tag, v.commit, v.withdrawn) for v in state.versions] == [(f"{NAME}@v1.0.1#3", "b", False)]
    assert codes(state) == []


def test_a_second_tag_for_a_version_does_not_count() -> None:
    state = fold(("@v1.0.1", "b"), ("@1.0.1", "a"))
    # Whichever came first, for the listing's order is the names' order, and the cellar's own spelling stands first.
    assert len(state.versions) == 1
    assert [code for code, _ in codes(state)] == ["duplicate-version"]


def test_a_release_candidate_and_its_final_version_share_a_commit() -> None:
    state = fold(("@1.0.1-rc.1", "a"), ("@1.0.1", "a"), ("#p#1", "a"))
    assert holders(state) == {"p": "1.0.1"}
    assert codes(state) == []


def test_of_two_versions_at_a_commit_the_higher_one_counts_and_it_is_told() -> None:
    state = fold(("@1.0.1", "a"), ("@1.0.2", "a"), ("#p#1", "a"))
    assert holders(state) == {"p": "1.0.2"}
    assert codes(state) == [("commit-shared", "@1.0.2")]


def test_a_lightweight_tag_does_not_count() -> None:
    state = fold(("@1.0.1", None), ("@1.0.2", "b"))
    assert [str(v.version) for v in state.versions] == ["1.0.2"]
    assert codes(state) == [("lightweight", "@1.0.1")]


def test_a_claim_or_withdrawal_of_nothing_is_told() -> None:
    state = fold(("@1.0.1", "a"), ("@1.0.2!#1", "b"), ("@1.0.3=approved.p#2", "b"))
    assert codes(state) == [("unregistered", "@1.0.2!#1"), ("unregistered", "@1.0.3=approved.p#2")]


def test_a_stage_without_a_counter_is_older_than_any_with_one() -> None:
    assert holders(fold(("@1.0.1", "a"), ("@1.0.2", "b"), ("#p#1", "b"), ("#p", "a"))) == {"p": "1.0.2"}
    assert holders(fold(("@1.0.1", "a"), ("#p", "a"))) == {"p": "1.0.1"}


def test_what_takes_back_without_a_counter_comes_after_everything() -> None:
    assert holders(fold(("@1.0.1", "a"), ("#p!", "a"), ("#p#1", "a"))) == {}
    assert fold(("@v1.0.1#1", "a"), ("@v1.0.1!", "a")).latest is None


def test_a_stage_keeps_its_version_when_another_one_is_taken_out() -> None:
    assert holders(fold(("@1.0.1", "a"), ("@1.0.2", "b"), ("#p#1", "a"), ("#p#2", "b"), ("#p!#3", "a"))) == {
        "p": "1.0.2"
    }


def test_deprecation_is_of_the_model() -> None:
    assert fold(("@1.0.1", "a"), ("@deprecated#1", "a")).deprecated


ACTS = st.lists(
    st.tuples(st.sampled_from(["assign", "out", "withdraw"]), st.sampled_from("xy"), st.integers(1, 3)), max_size=12
)


@given(ACTS, st.randoms())
def test_the_state_is_that_of_a_dictionary_and_any_order_of_listing_gives_it(
    acts: list[tuple[str, str, int]], random: Random
) -> None:
    events: list[tuple[str, str | None]] = [(f"@1.0.{number}", f"commit {number}") for number in (1, 2, 3)]
    slots: dict[str, str] = {}
    withdrawn: set[str] = set()
    for counter, (act, stage, number) in enumerate(acts, 1):
        version = f"1.0.{number}"
        if act == "assign":
            slots[stage] = version
            events.append((f"#{stage}#{counter}", f"commit {number}"))
        elif act == "out":
            if slots.get(stage) == version:
                del slots[stage]
            events.append((f"#{stage}!#{counter}", f"commit {number}"))
        else:
            withdrawn.add(version)
            events.append((f"@{version}!#{counter}", f"commit {number}"))
    state = fold(*events)
    assert holders(state) == slots
    assert {str(version) for version in state.withdrawn} == withdrawn
    assert state.next_counter == len(acts) + 1
    assert state.anomalies == []
    random.shuffle(events)
    shuffled = fold(*events)
    assert (shuffled.versions, shuffled.stages) == (state.versions, state.stages)


def test_one_malformed_tag_does_not_stop_the_rest() -> None:
    listing = "\n".join(
        f"{digit * 40} refs/tags/{tag}"
        for digit, tag in [
            ("1", "vit-l/base@1.0"),
            ("2", "vit-l/base@1.0^{}"),
            ("3", "vit-l/base@1.0.0.0"),
            ("4", "x@"),
        ]
    )
    ((name, events),) = parse_listing(listing).items()
    assert [str(v.version) for v in fold_events(name, events).versions] == ["1.0"]


# Archived is a state and no slot


def stages_of(state: ModelState) -> list[tuple[str, tuple[str, ...], str | None]]:
    return [(str(held.version), held.stages, held.stage) for held in state.versions]


def test_an_archived_version_is_in_no_stage_and_any_number_are_archived() -> None:
    state = fold(
        ("@1.0.1", "a"), ("@1.0.2", "b"), ("#staging#1", "a"), ("#production#2", "a"), ("#production#3", "b"),
        ("#archived#4", "a"), ("#archived#5", "b"),
    )  # fmt: skip
    assert holders(state) == {}
    assert stages_of(state) == [("1.0.1", (), "archived"), ("1.0.2", (), "archived")]
    assert codes(state) == []


def test_a_rollback_of_a_cellar_that_archived_by_tags_leaves_nothing_both_archived_and_live() -> None:
    """As promotions were written before: a tag for what enters, and one for what was displaced."""
    state = fold(
        ("@1.0.1", "a"), ("@1.0.2", "b"),
        ("#production#1", "a"),
        ("#production#2", "b"), ("#archived#3", "a"),
        ("#production#4", "a"), ("#archived#5", "b"),
    )  # fmt: skip
    assert holders(state) == {"production": "1.0.1"}
    assert stages_of(state) == [("1.0.1", ("production",), "production"), ("1.0.2", (), "archived")]


def test_a_version_is_archived_once_it_leaves_the_last_stage_that_held_it() -> None:
    both = [("@1.0.1", "a"), ("@1.0.2", "b"), ("#staging#1", "a"), ("#production#2", "a"), ("#production#3", "b")]
    assert stages_of(fold(*both))[0] == ("1.0.1", ("staging",), "staging")
    assert stages_of(fold(*both, ("#staging#4", "b")))[0] == ("1.0.1", (), "archived")
    assert stages_of(fold(*both, ("#staging!#4", "a")))[0] == ("1.0.1", (), None)


def test_what_is_archived_leaves_its_stages_at_another_moment_of_them() -> None:
    before = [("@1.0.1", "a"), ("@1.0.2", "b"), ("#staging#1", "b"), ("#production#2", "a")]
    state = fold(*before, ("#archived#3", "a"))
    assert (state.stage_counter("production"), state.stage_counter("staging")) == (3, 1)
    assert (state.emptied["production"].tag, holders(state)) == (f"{NAME}#archived#3", {"staging": "1.0.2"})


def test_a_version_that_was_archived_may_enter_a_stage_again_or_lose_its_state() -> None:
    before = [("@1.0.1", "a"), ("#staging#1", "a"), ("#archived#2", "a")]
    assert stages_of(fold(*before, ("#staging#3", "a"))) == [("1.0.1", ("staging",), "staging")]
    assert stages_of(fold(*before, ("#archived!#3", "a"))) == [("1.0.1", (), None)]


def test_nothing_is_archived_where_no_version_is_registered() -> None:
    state = fold(("@1.0.1", "a"), ("#p#1", "a"), ("#archived#2", "elsewhere"))
    assert holders(state) == {"p": "1.0.1"}
    assert codes(state) == [("unregistered", "#archived#2")]


def test_of_two_events_with_one_counter_archiving_comes_last() -> None:
    assert holders(fold(("@1.0.1", "a"), ("#p#1", "a"), ("#archived#1", "a"))) == {}
