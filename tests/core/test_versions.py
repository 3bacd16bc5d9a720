"""Which version is which, and which is newer."""

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.errors import InvalidError
from gitcellar.core.versions import Version, find_line, find_version, newest, parse_version

NUMBERS = st.integers(0, 10**6)
IDENTIFIERS = st.one_of(
    st.integers(0, 10**6).map(str), st.from_regex(r"[0-9]*[a-zA-Z-][0-9a-zA-Z-]{0,5}", fullmatch=True)
)
PRERELEASES = st.lists(IDENTIFIERS, max_size=4).map(".".join)
VERSIONS = st.builds(lambda x, y, z, pre: Version((x, y, z), pre), NUMBERS, NUMBERS, NUMBERS, PRERELEASES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.",
        "1.2.3.4",
        "01.2",
        "1.02",
        "1.2\n",
        "1.2 ",
        " 1.2",
        "-1.2",
        "1.2-",
        "1.2-01",
        "1.2-a..b",
        "1.2+",
        "\u0661.2",
        "1.\u0968",
        "1.2.x",
        "vv1.2",
        "1e3.2",
        "1.2-\u00e9",
        "1" * 10 + ".0",
        "1.2/3",
    ],
)
def test_what_is_no_version_is_refused(text: str) -> None:
    assert find_version(text) is None
    with pytest.raises(InvalidError):
        parse_version(text)


@pytest.mark.parametrize(
    "text", ["0.1", "1.2", "1.2.3", "1.3-rc.1", "1.3.0-rc.1", "1.0.0-0a.b-c", "1.0.0+build.5", "0.0"]
)
def test_a_version_is_written_as_it_was_read(text: str) -> None:
    assert str(parse_version(text)) == text
    assert parse_version(f"v{text}") == parse_version(text)


def test_two_numbers_and_three_can_be_the_same_version() -> None:
    assert parse_version("1.2") == parse_version("1.2.0")
    assert hash(parse_version("1.2")) == hash(parse_version("1.2.0"))
    assert parse_version("1.2") != parse_version("1.2.1")
    assert parse_version("1.2") != "1.2"


@given(VERSIONS, VERSIONS)
def test_order_is_that_of_semver(one: Version, other: Version) -> None:
    expected = semver.Version.parse(str(one)).compare(str(other))
    assert (one > other) - (one < other) == expected
    assert (one == other) == (expected == 0)
    assert (one <= other) == (expected <= 0)


@given(st.lists(VERSIONS, max_size=8))
def test_the_newest_is_a_final_one_where_there_is_any(versions: list[Version]) -> None:
    found = newest(versions)
    finals = [version for version in versions if not version.prerelease]
    assert found == max(finals or versions, default=None)


@pytest.mark.parametrize(
    ("text", "line"), [("1", (1,)), ("1.2", (1, 2)), ("1.2.3", None), ("01", None), ("", None), ("1\n", None)]
)
def test_a_line_is_one_number_or_two(text: str, line: tuple[int, ...] | None) -> None:
    assert find_line(text) == line
