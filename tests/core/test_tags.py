"""Which tag states what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.errors import InvalidError
from gitcellar.core.events import Assigned, Claimed, Deprecated, Fact, Registered, Unassigned, Withdrawn
from gitcellar.core.names import ModelName
from gitcellar.core.tags import find_tag_name, format_tag, model_patterns, parse_listing, tip_ref
from gitcellar.core.versions import Version, parse_version

ID = "1" * 40
COMMIT = "2" * 40

NAMES = st.sampled_from(["vit-l/base", "vit-l/projectA", "vit/vit-l/base", "churn", "models:churn", "a.b/c"]).map(
    ModelName
)
COUNTERS = st.integers(1, 999_999_999)
STAGES = st.sampled_from(["staging", "production", "a.b_c"])
BASE_VERSIONS = st.builds(lambda x, y: Version((x, y)), st.integers(0, 99), st.integers(0, 99))
OTHER_VERSIONS = st.builds(
    lambda numbers, pre: Version(numbers, pre),
    st.tuples(*[st.integers(0, 99)] * 3),
    st.sampled_from(["", "rc.1", "a-b.0"]),
)


@st.composite
def stated(draw: st.DrawFn) -> tuple[ModelName, Fact]:
    """A model, and a fact that may be stated of it."""
    name = draw(NAMES)
    versions = BASE_VERSIONS if name.kind == "base" else OTHER_VERSIONS
    facts: list[st.SearchStrategy[Fact]] = [
        st.builds(Registered, versions),
        st.builds(Withdrawn, versions, COUNTERS),
        st.builds(Assigned, STAGES, COUNTERS),
        st.builds(Unassigned, STAGES, COUNTERS),
        st.builds(Deprecated, COUNTERS),
        st.builds(Claimed, versions, st.just("approved.production"), COUNTERS),
    ]
    return name, draw(st.one_of(facts))


@given(stated())
def test_what_is_written_is_read_back(statement: tuple[ModelName, Fact]) -> None:
    name, fact = statement
    found = find_tag_name(format_tag(name, fact))
    assert found is not None
    assert (found.model, found.fact) == (name, fact)


@given(stated())
def test_the_gto_dialect_is_read_back_as_the_same_fact(statement: tuple[ModelName, Fact]) -> None:
    name, fact = statement
    if "." in name.text:
        with pytest.raises(InvalidError):
            format_tag(name, fact, dialect="gto")
        return
    found = find_tag_name(format_tag(name, fact, dialect="gto"))
    assert found is not None
    assert (found.model, found.fact) == (name, fact)


@pytest.mark.parametrize(
    ("tag", "fact"),
    [
        ("vit-l/base@1.2", Registered(parse_version("1.2"))),
        ("vit-l/base@v1.2.0", Registered(parse_version("1.2"))),
        ("vit-l/projectA@v1.2.3#4", Registered(parse_version("1.2.3"), 4)),
        ("vit-l/projectA@1.2.3!#4", Withdrawn(parse_version("1.2.3"), 4)),
        ("churn@v1.2.3!", Withdrawn(parse_version("1.2.3"), 0)),
        ("churn#prod", Assigned("prod", 0)),
        ("churn#prod!", Unassigned("prod", 0)),
        ("churn@deprecated", Deprecated(0)),
        ("vit-l/projectA@1.2.3=approved.production#8", Claimed(parse_version("1.2.3"), "approved.production", 8)),
    ],
)
def test_either_dialect_is_read(tag: str, fact: Fact) -> None:
    found = find_tag_name(tag)
    assert found is not None
    assert found.fact == fact


def test_a_base_models_zero_patch_of_gto_is_its_two_numbers() -> None:
    found = find_tag_name("vit-l/base@v1.2.0")
    assert found is not None
    assert isinstance(found.fact, Registered)
    assert str(found.fact.version) == "1.2"


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "v1.0",
        "@1.0",
        "#prod",
        "vit-l/base",
        "vit-l/base@",
        "vit-l/base#",
        "vit-l/base@1",
        "vit-l/base@created",
        "vit-l/base@01.2",
        "vit-l/base@1.2#0",
        "vit-l/base@1.2#01",
        "vit-l/base#a/b#1",
        "vit-l/base#a#1#2",
        "-x/base@1.0",
        "vit-l/base@1.2\n",
        "vit-l/base@1.\u0662",
        "vit-l/base@1.2!x",
        "vit-l/base@1.2=x",
        "vit-l/base@1.2=a/b#1",
        "vit-l/base@deprecated!#1",
        "vit-l/base#prod#9999999999",
        "a b/base@1.0",
        "vit-l/base@v",
        "vit-l/base@1.2!#",
    ],
)
def test_what_states_nothing_is_ignored(tag: str) -> None:
    assert find_tag_name(tag) is None
    tag = tag.rstrip("\n")  # no ref holds one, and in a listing it ends the line
    assert find_tag_name(tag) or parse_listing(f"{ID} refs/tags/{tag}\n{COMMIT} refs/tags/{tag}^{{}}\n") == {}


@given(st.text())
def test_any_text_is_read_without_a_crash(text: str) -> None:
    find_tag_name(text)
    parse_listing(text)


@pytest.mark.parametrize("separator", [" ", "\t"])
@pytest.mark.parametrize("width", [40, 64])
def test_a_listing_is_grouped_by_model_with_peeled_commits(separator: str, width: int) -> None:
    lines = [
        ("a", "refs/tags/vit-l/base@1.0"),
        ("b", "refs/tags/vit-l/base@1.0^{}"),
        ("c", "refs/tags/vit-l/base@1.1"),
        ("d", "refs/tags/unrelated"),
        ("e", "refs/tags/unrelated^{}"),
        ("f", "refs/heads/vit-l/base@1.2"),
        ("a", "refs/tags/churn#prod#1"),
        ("b", "refs/tags/churn#prod#1^{}"),
    ]
    listing = "\n".join(f"{digit * width}{separator}{ref}" for digit, ref in lines)
    models = parse_listing(listing)
    assert [name.text for name in models] == ["vit-l/base", "churn"]
    annotated, lightweight = models[ModelName("vit-l/base")]
    assert (annotated.tag, annotated.object_id, annotated.commit) == ("vit-l/base@1.0", "a" * width, "b" * width)
    assert (lightweight.tag, lightweight.commit) == ("vit-l/base@1.1", None)


def test_a_ref_that_holds_another_refs_line_is_not_read_as_two() -> None:
    models = parse_listing(
        f"{ID} refs/tags/{'a' * 40}/refs/tags/vit-l/base@9.9\n{COMMIT} refs/tags/vit-l/base@1.0^{{}}\n"
    )
    assert ModelName("vit-l/base") not in models


def test_globs_and_tips_are_a_models_own() -> None:
    name = ModelName("vit-l/base")
    assert model_patterns(name) == ("refs/tags/vit-l/base@*", "refs/tags/vit-l/base#*")
    assert tip_ref(name) == "refs/gitcellar/vit-l/base@tip"
