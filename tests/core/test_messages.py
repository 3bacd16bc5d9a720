"""What a tag's message says: trailers, digests, lineage and the chain."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.chain import read_links, walk_back
from gitcellar.core.digests import Digest, digest_folder, find_digest
from gitcellar.core.errors import InvalidError
from gitcellar.core.lineage import find_base, find_checkpoint
from gitcellar.core.trailers import format_message, parse_message
from gitcellar.core.versions import parse_version

WORDS = st.text(
    st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp"), blacklist_characters="\x85"), min_size=1
).map(str.strip)


@given(WORDS.filter(bool), st.lists(WORDS.filter(bool), max_size=3).map("\n\n".join))
def test_a_message_is_read_back(subject: str, body: str) -> None:
    trailers = [("Model", "vit-l/base"), ("Version", "1.2")]
    message = parse_message(format_message(subject, body, trailers))
    assert message.subject == subject
    assert message.body == body
    assert message.trailers == tuple(trailers)


def test_what_a_person_types_cannot_pass_for_a_trailer() -> None:
    message = parse_message(format_message("Register x 1.0", "Version: 9.9", [("Version", "1.0")]))
    assert message.find("version") == "1.0"
    assert message.body == "Version: 9.9"


def test_what_follows_a_signature_says_nothing() -> None:
    text = (
        format_message("s", "", [("Version", "1.0")])
        + "-----BEGIN SSH SIGNATURE-----\nx\n-----END SSH SIGNATURE-----\n\nVersion: 9.9\n"
    )
    assert parse_message(text).find("Version") == "1.0"


@pytest.mark.parametrize("body", ["a\0b", "x\n-----BEGIN SSH SIGNATURE-----\ny", "-----BEGIN PGP SIGNATURE-----"])
def test_a_message_that_could_pass_for_signed_is_refused(body: str) -> None:
    with pytest.raises(InvalidError):
        format_message("s", body, [])


def test_the_lines_of_a_message_end_at_lf_as_gits_do() -> None:
    body = "a\u2028b\x85c\fd\r\ne  \n"
    assert parse_message(format_message("s", body, [("Version", "1.0")])).body == "a\u2028b\x85c\fd\ne"


@pytest.mark.parametrize("value", ["x\nVersion: 9.9", "x\n\nVersion: 9.9", "\n", ""], ids=ascii)
def test_a_trailer_that_is_not_one_line_is_refused(value: str) -> None:
    with pytest.raises(InvalidError, match="is no line of a tag's message"):
        format_message("s", "", [("Version", "1.0"), ("Metric", value)])


@given(st.text())
def test_any_message_is_read_without_a_crash(text: str) -> None:
    parse_message(text)


def test_git_reads_the_same_trailers(tmp_path: Path) -> None:
    text = format_message("Register x 1.0", "Why: because.", [("Model", "x/base"), ("Version", "1.0")])
    done = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=text.encode(), cwd=tmp_path, capture_output=True, check=True
    )
    assert done.stdout.decode() == "Model: x/base\nVersion: 1.0\n"


def test_a_digest_is_read_back_and_nothing_else_is() -> None:
    digest = Digest("ab" * 32, 346112000)
    assert str(digest) == f"sha256:{'ab' * 32} 346112000 bytes"
    assert find_digest(str(digest)) == digest
    for text in ("", "sha256:xy 1 bytes", f"sha256:{'ab' * 32} 1 bytes\n", f"sha256:{'AB' * 32} 1 bytes", f"{digest} "):
        assert find_digest(text) is None


def test_a_folders_digest_is_what_sha256sum_says(tmp_path: Path) -> None:
    contents = {"b": b"2", "a/c": b"", "a.b": b"3", "Z": b"4", "odd\nname": b"5", "back\\slash": b"6", "\u00e9": b"7"}
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    recipe = "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
    done = subprocess.run(["bash", "-c", recipe], cwd=tmp_path, capture_output=True, check=True)
    files = {}
    for name in contents:
        one = subprocess.run(["sha256sum"], input=contents[name], capture_output=True, check=True)
        files[name] = Digest(one.stdout.decode()[:64], len(contents[name]))
    assert digest_folder(files) == Digest(done.stdout.decode()[:64], 6)


def test_lineage_is_read_from_trailers() -> None:
    message = parse_message(f"s\n\nBase: vit-l/base@1.2 {'5e' * 20}\nCheckpoint: sha256:{'ab' * 32} 3 bytes\n")
    base = find_base(message)
    assert base is not None
    assert (base.model.text, base.version, base.object_id) == ("vit-l/base", parse_version("1.2"), "5e" * 20)
    assert find_checkpoint(message) == Digest("ab" * 32, 3)


@pytest.mark.parametrize(
    "base", ["", "vit-l/base@1.2", "vit-l/base#prod#1 " + "5e" * 20, "x " + "5e" * 20, "vit-l/base@1.2 nope"]
)
def test_a_base_that_names_no_registration_is_none(base: str) -> None:
    assert find_base(parse_message(f"s\n\nBase: {base}\n")) is None


def test_the_chain_is_walked_from_its_tip_and_a_loop_ends_it() -> None:
    links = read_links({"c": "s\n\nPrevious: b\n", "b": "s\n\nPrevious: a\n", "a": "s\n\nModel: x\n"})
    assert walk_back("c", links) == ["c", "b", "a"]
    assert walk_back("nowhere", links) == []
    assert walk_back(None, links) == []
    assert walk_back("x", {"x": "y", "y": "x"}) == ["x", "y"]
