"""What should run: names that fit everywhere, slots that never go back, and words of strangers that become no paths."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.deployments import (
    Deployment,
    Reconciled,
    find_wanted,
    format_reconciled,
    parse_deployment,
    parse_reconciled,
    settle,
)
from gitcellar.core.errors import InvalidError
from gitcellar.core.events import Assigned, Event, Registered, Unassigned
from gitcellar.core.names import ModelName, is_stage_name
from gitcellar.core.slugs import make_slug
from gitcellar.core.state import fold_events
from gitcellar.core.versions import parse_version

GOOD = Deployment(
    "vit-l/base",
    "production",
    "1.0",
    3,
    "vit-l/base#production#3",
    "a" * 40,
    "vit-l/base@1.0",
    "b" * 40,
    "m/x",
    "c" * 64,
    7,
)
# git allows neither '..' nor a part that ends with '.lock', and a name has at most 200 characters.
PART = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,30}[A-Za-z0-9])?", fullmatch=True).filter(is_stage_name)
PATHS = st.lists(PART, min_size=1, max_size=3).map("/".join)
SLOTS = st.tuples(st.lists(PART, min_size=2, max_size=3).map("/".join), PART)


@given(st.lists(SLOTS, unique=True, min_size=2, max_size=8))
def test_a_slug_fits_wherever_it_goes_and_no_two_slots_share_one(slots: list[tuple[str, str]]) -> None:
    slugs = [make_slug(*slot) for slot in slots]
    assert len(set(slugs)) == len(slots)
    # A DNS-1035 label of at most 63 characters, ten of which KServe takes for `-predictor`.
    assert all(re.fullmatch("[a-z]([a-z0-9-]{0,51}[a-z0-9])?", slug) for slug in slugs)


@pytest.mark.parametrize(
    ("model", "stage", "begins"),
    [
        ("3d-unet/base", "production", "m-3d-unet-base-production-"),
        ("3/base", "1", "m-3-base-1-"),
        ("9" * 60, "production", "m-999999999999999999999999999999-"),
        ("a" * 60, "production", "a" * 32 + "-"),
        (f"vit/{'b' * 37}", "canary", f"vit--{'b' * 37}--canary"),
        (f"vit/{'b' * 39}", "canary", f"vit--{'b' * 39}--canary"),
        (f"vit/{'b' * 41}", "canary", f"vit-{'b' * 28}-"),
        ("vit-l/projectA", "production", "vit-l-projecta-production-"),
        ("vit--l/base", "production", "vit-l-base-production-"),
    ],
    ids=["a digit first", "digits alone", "digits for ever", "long", "51", "53", "55", "upper case", "two dashes"],
)
def test_what_does_not_fit_as_it_is_ends_with_a_digest(model: str, stage: str, begins: str) -> None:
    slug = make_slug(model, stage)
    assert slug.startswith(begins)
    assert len(slug) <= 53
    assert slug == begins or len(slug.rpartition("-")[2]) == 20


def test_a_slug_is_too_long_to_be_found_again_by_trying_names() -> None:
    digest = make_slug("vit-l/projectA", "production").rpartition("-")[2]
    assert re.fullmatch("[0-9a-f]{20}", digest)


def test_slots_that_look_alike_have_slugs_of_their_own() -> None:
    alike = [("a-b/c", "d"), ("a/b-c", "d"), ("a--b/c", "d"), ("A-b/c", "d"), ("a/b/c", "d"), ("a.b/c", "d")]
    assert len({make_slug(*slot) for slot in alike}) == len(alike)


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "../x"},
        {"stage": "a/b"},
        {"version": "../../1.0"},
        {"sha256": "../../etc"},
        {"sha256": "C" * 64},
        {"commit": "--upload-pack=x"},
        {"id": "HEAD"},
        {"tag": "x:refs/heads/main"},
        {"event": "-x"},
        {"path": "a/.."},
        {"path": "a/"},
        {"path": "../x"},
        {"path": "/etc/passwd"},
        {"path": "a/../../x"},
        {"path": "a\\b"},
        {"path": "a\tb"},
        {"model": "folder=model"},
        {"version": "1.0-" + "a" * 1000},
        {"sequence": -1},
        {"sequence": 2**53},
        {"sequence": True},
        {"size": "7"},
        {"model": None},
    ],
)
def test_words_that_would_become_other_paths_or_refs_are_refused(changed: dict[str, object]) -> None:
    assert parse_deployment(asdict(GOOD)) == GOOD
    with pytest.raises((TypeError, ValueError)):
        parse_deployment({**asdict(GOOD), **changed})


@given(
    st.text(),
    st.dictionaries(SLOTS.map("#".join), st.integers(0, 2**53 - 1)),
    st.dictionaries(PATHS, st.from_regex("[0-9a-f]{64}", fullmatch=True)),
)
def test_a_state_is_read_back_as_it_was(source: str, sequences: dict[str, int], files: dict[str, str]) -> None:
    state = Reconciled(source, "json", "all", {GOOD.slot: GOOD}, sequences, {"m": "a" * 40}, files, files)
    assert parse_reconciled(format_reconciled(state)) == state


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("files", {"../victim.txt": "a" * 64}),
        ("coming", {"/etc/passwd": "a" * 64}),
        ("files", {".git/hooks/pre-push": "a" * 64}),
        ("files", {".gitcellar/reconciled.json": "a" * 64}),
        ("files", {"a\tb": "a" * 64}),
        ("files", {"a": "../x"}),
        ("files", {"a": None}),
        ("files", ["a"]),
        ("sequences", {"../x#y": 1}),
        ("sequences", {"folder=model#y": 1}),
        ("sequences", {"vit-l/base": 1}),
        ("sequences", {"vit-l/base#production": "1"}),
        ("sequences", {"vit-l/base#production": -1}),
        ("sequences", {"vit-l/base#production": 1.5}),
        ("sequences", {"vit-l/base#production": True}),
        ("sequences", {"vit-l/base#production": 2**53}),
        ("tips", {"vit-l/base": "refs/heads/main"}),
        ("tips", {"-x": "a" * 40}),
        ("deployments", {"vit-l/other#production": asdict(GOOD)}),
        ("source", 1),
        ("render", ["json"]),
        ("scope", "x" * 10_001),
        ("schema", 2),
    ],
)
def test_a_state_whose_words_could_be_something_else_is_refused(key: str, value: object) -> None:
    document = json.loads(format_reconciled(Reconciled(deployments={GOOD.slot: GOOD})))
    parse_reconciled(json.dumps(document).encode())
    with pytest.raises(InvalidError, match="cannot be read"):
        parse_reconciled(json.dumps({**document, key: value}).encode())


@given(st.binary())
def test_any_bytes_are_a_state_or_refused(content: bytes) -> None:
    with contextlib.suppress(InvalidError):
        parse_reconciled(content)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=6), st.integers(0, 6))
def test_a_slot_is_current_changed_or_held_and_never_goes_back(history: list[int], known: int) -> None:
    """After any assignments, a target that knows the first `known` of them sees the newest, and one from later none."""
    name = ModelName("vit-l/base")
    registered = [Event(Registered(parse_version(f"1.{n}")), f"vit-l/base@1.{n}", f"r{n}", f"c{n}") for n in range(3)]
    events = [
        Event(Assigned("production", at), f"vit-l/base#production#{at}", f"e{at}", f"c{n}")
        for at, n in enumerate(history, 1)
    ]
    wanted = find_wanted([fold_events(name, [*registered, *events])])
    slot = "vit-l/base#production"
    held = replace(GOOD, sequence=known, id=f"e{known}")
    before = Reconciled(deployments={slot: held}, sequences={slot: known}) if known else Reconciled()
    (step,) = settle(before, wanted, {})
    expected = "held" if known > len(history) else "current" if known == len(history) else "changed"
    assert step.status == expected
    assert step.version == (f"1.{history[-1]}" if expected == "changed" else held.version)


@pytest.mark.parametrize(
    ("later", "status"),
    [
        ([Event(Unassigned("production", 3), "vit-l/base#production!#3", "e3", "c1")], "removed"),
        # GTO's form without a counter counts after everything.
        ([Event(Unassigned("production", 0), "vit-l/base#production!", "e0", "c1")], "removed"),
        # What was displaced already is taken out once more, as plain git and GTO let anybody do.
        ([Event(Unassigned("production", 3), "vit-l/base#production!#3", "e3", "c0")], "current"),
        ([Event(Assigned("production", 3), "vit-l/base#production#3", "e3", "nowhere")], "held"),
        ([Event(Assigned("production", 3), "vit-l/base#production#3", "e3", None)], "current"),
    ],
    ids=["emptied", "emptied uncounted", "another version taken out", "nothing is registered there", "lightweight"],
)
def test_only_a_stage_that_somebody_emptied_is_empty(later: list[Event], status: str) -> None:
    name = ModelName("vit-l/base")
    registered = [Event(Registered(parse_version(f"1.{n}")), f"vit-l/base@1.{n}", f"r{n}", f"c{n}") for n in range(2)]
    events = [Event(Assigned("production", n), f"vit-l/base#production#{n}", f"e{n}", f"c{n - 1}") for n in (1, 2)]
    slot = "vit-l/base#production"
    before = Reconciled(deployments={slot: replace(GOOD, version="1.1", sequence=2, id="e2")}, sequences={slot: 2})
    (step,) = settle(before, find_wanted([fold_events(name, [*registered, *events, *later])]), {})
    assert step.status == status
