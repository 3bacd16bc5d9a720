"""Who is who: one key is one person, a signers file is read as ssh-keygen reads it, and days are those of the calendar."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from gitcellar.core.days import Day
from gitcellar.core.documents import DocumentError
from gitcellar.core.errors import InvalidError
from gitcellar.policy.config import parse_policy
from gitcellar.policy.people import parse_signers
from tests.core.test_openpgp import BODY, KEY, armor, packet
from tests.support.sshsig import key_line, mpint, wire

ADA = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmA0cWLlHYV/dFqNYwHpOAL65Tg4mb3vwT49sU0fPGd"
EVE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIHr9roPh68z7Cal26RcAaWxtwkCMAeBMYRfZ0sObRQ1"
N = 2**2047 + 11


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the keys `ada` and `eve`, and a file `m` that ada signed in the namespace git."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ada", "eve"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)], check=True
        )
    (folder / "m").write_text("message\n")
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", str(folder / "ada"), str(folder / "m")]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def ask_ssh_keygen(folder: Path, signers: bytes, principal: str) -> bool:
    """Whether the real ssh-keygen takes the signature for that of a principal."""
    (folder / "signers").write_bytes(signers)
    options = ["-n", "git", "-f", str(folder / "signers"), "-s", str(folder / "m.sig"), "-I", principal]
    with (folder / "m").open("rb") as message:
        done = subprocess.run(["ssh-keygen", "-Y", "verify", *options], stdin=message, capture_output=True, check=False)
    return done.returncode == 0


# A file, with A and E for the keys of ada and eve, and whether it is read here: where it is, for ada@x. What is not read
# is refused, whatever ssh-keygen makes of it.
FILES = {
    "plain": ("ada@x A\n", True),
    "without a last LF": ("ada@x A", True),
    "two people": ("eve@x E\nada@x A\n", True),
    "two keys of one person": ("ada@x E\nada@x A\n", True),
    "tabs and spaces": ("  ada@x\t \tA\n", True),
    "comments and empty lines": ("# E\n\n  \n\t# c\nada@x A\n", True),
    "a key in the comment": ("ada@x A E\n", True),
    "this namespace": ('ada@x namespaces="git" A\n', True),
    "an option in capitals": ('ada@x NameSpaces="git" A\n', True),
    "from a day on": ('ada@x valid-after="20250101Z" A\n', True),
    "until a day": ('ada@x namespaces="git",valid-before="20990101Z" A\n', True),
    "a form feed in a comment": ("# c\fada@x A\neve@x E\n", True),
    "U+0085 in a comment": ("# c\u0085ada@x A\neve@x E\n", True),
    "U+2028 in a comment": ("# c\u2028ada@x A\neve@x E\n", True),
    "a vertical tab in a comment": ("# c\vada@x A\neve@x E\n", True),
    "U+001C to U+001E in a comment": ("# c\x1cada@x A\x1dada@x A\x1eada@x A\neve@x E\n", True),
    "U+2028 behind a key": ("eve@x E c\u2028ada@x A\n", True),
    "CR in a comment": ("# c\rada@x A\neve@x E\n", False),
    "CR in an entry": ("ada@x\rA\n", False),
    "CRLF": ("ada@x A\r\n", False),
    "NUL": ("# c\0\nada@x A\n", False),
    "a form feed as a space": ("ada@x\fA\n", False),
    "a space of Unicode": ("ada@x\u00a0A\n", False),
    "a byte order mark": ("\ufeffada@x A\n", False),
    "a name with what cannot be seen": ("ada@x\u200b A\n", False),
    "a name in quotes": ('"ada@x" A\n', False),
    "a list of names": ("ada@x,eve@x A\n", False),
    "a wildcard": ("*@x A\n", False),
    "a negation": ("!b@x,*@x A\n", False),
    "a name alone": ("ada@x\n", False),
    "half a key": ("ada@x ssh-ed25519\n", False),
    "a comment for a key": ("ada@x #A\n", False),
    "a type in capitals": ("ada@x SSH-ED25519 B\n", False),
    "another type": ("ada@x ssh-rsa B\n", False),
    "more padding": ("ada@x A=\n", False),
    "an authority": ("ada@x cert-authority A\n", False),
    "another namespace": ('ada@x namespaces="file" A\n', False),
    "namespaces": ('ada@x namespaces="file,git" A\n', False),
    "a pattern of namespaces": ('ada@x namespaces="g*" A\n', False),
    "a namespace in capitals": ('ada@x namespaces="GIT" A\n', False),
    "an escaped quote": ('ada@x namespaces="gi\\"t" A\n', False),
    "no quotes": ("ada@x namespaces=git A\n", False),
    "days without quotes": ("ada@x valid-after=20250101Z A\n", False),
    "a comma at the end": ('ada@x namespaces="git", A\n', False),
    "a comma at the beginning": ('ada@x ,namespaces="git" A\n', False),
    "an option twice": ('ada@x valid-after="20250101Z",valid-after="20260101Z" A\n', False),
    "an option twice in two cases": ('ada@x namespaces="git",Namespaces="git" A\n', False),
    "an unknown option": ("ada@x no-touch-required A\n", False),
    "two fields of options": ('ada@x namespaces="git" valid-after="20250101Z" A\n', False),
    "a day in local time": ('ada@x valid-after="20250101" A\n', False),
    "a moment": ('ada@x valid-after="202501010000Z" A\n', False),
    "a day that is none": ('ada@x valid-before="20990230Z" A\n', False),
    "Arabic digits": ('ada@x valid-after="٢٠٢٥٠١٠١Z" A\n', False),
    "an end before the beginning": ('ada@x valid-after="20250102Z",valid-before="20250101Z" A\n', False),
    "an end at the beginning": ('ada@x valid-after="20250101Z",valid-before="20250101Z" A\n', False),
    "not UTF-8": ("ada@x A \udcff\n", False),
}


@pytest.mark.parametrize(("text", "read"), FILES.values(), ids=FILES)
def test_a_signers_file_is_read_as_ssh_keygen_reads_it_or_is_refused(signed: Path, text: str, read: bool) -> None:
    for letter, name in (("A", "ada"), ("E", "eve")):
        key = " ".join((signed / f"{name}.pub").read_text().split(" ")[:2])
        text = "\n".join(
            line.replace(f" {letter}", f" {key}").replace(f"\t{letter}", f"\t{key}") for line in text.split("\n")
        )
    ada = " ".join((signed / "ada.pub").read_text().split(" ")[:2])
    content = text.replace(" B\n", f" {ada.split(' ')[1]}\n").encode("utf-8", "surrogateescape")
    found, faults = parse_signers(content)
    assert bool(faults) is not read
    if read:
        holds = any(key.text == ada for key in found["ada@x"].keys) if "ada@x" in found else False
        assert holds == ask_ssh_keygen(signed, content, "ada@x")


@pytest.mark.parametrize("text", ["ada@x A\r\n", "# c\rada@x A\n", "ada@x A\0\n"], ids=["CRLF", "CR", "NUL"])
def test_a_line_that_does_not_end_at_lf_alone_is_a_fault_with_its_line(text: str) -> None:
    found = parse_signers(f"# people\n{text}".encode())
    assert found == ({}, [(2, "a line ends at LF alone, and holds neither CR nor NUL")])


def test_a_key_counts_from_its_first_day_until_the_day_before_its_end() -> None:
    """ssh-keygen's valid-before is a moment, the first of its day; `until` is the last day."""
    line = f'ada@x valid-after="20260228Z",valid-before="20280301Z" {ADA}\n'
    (key,) = parse_signers(line.encode())[0]["ada@x"].keys
    assert (key.since, key.until) == ("2026-02-28", "2028-02-29")


@pytest.mark.parametrize(("moment", "good"), [("20991231235959Z", True), ("21000101000001Z", False)])
def test_ssh_keygen_ends_a_key_at_the_first_moment_of_the_day(signed: Path, moment: str, good: bool) -> None:
    ada = " ".join((signed / "ada.pub").read_text().split(" ")[:2])
    (signed / "signers").write_text(f'ada@x valid-before="21000101Z" {ada}\n')
    options = ["-n", "git", "-f", str(signed / "signers"), "-s", str(signed / "m.sig"), "-I", "ada@x"]
    command = ["ssh-keygen", "-Y", "verify", "-O", f"verify-time={moment}", *options]
    with (signed / "m").open("rb") as message:
        done = subprocess.run(command, stdin=message, capture_output=True, check=False)
    assert (done.returncode == 0) == good


@pytest.mark.parametrize(
    ("day", "before"),
    [
        ("2026-11-30", "2026-11-29"),
        ("2026-12-01", "2026-11-30"),
        ("2027-01-01", "2026-12-31"),
        ("2028-03-01", "2028-02-29"),
    ],
)
def test_the_day_before_is_that_of_the_calendar(day: str, before: str) -> None:
    assert Day(day).before == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-02-29",
        "2026-02-30",
        "2026-04-31",
        "2026-00-01",
        "2026-01-00",
        "2026-1-1",
        "0999-12-31",
        "2026-01-01\n",
        "٢٠٢٦-٠١-٠١",
    ],
)
def test_what_the_calendar_does_not_have_is_no_day(text: str) -> None:
    with pytest.raises(InvalidError):
        Day(text)


def policy_with(**keys: str) -> str:
    return "people:\n" + "".join(f"  {name}@x: {{keys: [{written}]}}\n" for name, written in keys.items())


def quoted(text: str) -> str:
    return '"' + text.replace("\n", "\\n") + '"'


RSA = key_line(wire(b"ssh-rsa", mpint(65537), mpint(N)))
OTHER = BODY[:1] + bytes(4) + BODY[5:]  # the same key with another creation time, and so another fingerprint
# The Ed25519 key inside of an OpenPGP key, as `gpg --export-ssh-key` prints one.
POINT = wire(b"ssh-ed25519", BODY[-32:])
WITH_SUBKEY = armor(packet(6, BODY[:-32] + base64.b64decode(EVE.split(" ")[1])[-32:]) + packet(14, BODY))
REFUSED = {
    "one key": ({"ada": ADA, "ben": ADA}, "ben@x: its key is that of ada@x too, and one key is one person's"),
    "twice": ({"ada": f"{ADA}, {ADA}"}, "ada@x: a key is listed twice"),
    "zeros in an exponent": (
        {"ada": RSA, "ben": key_line(wire(b"ssh-rsa", b"\0" + mpint(65537), mpint(N)))},
        "a number in it is not positive, or has superfluous zeros",
    ),
    "another exponent": (
        {"ada": RSA, "ben": key_line(wire(b"ssh-rsa", mpint(3), mpint(N)))},
        "ben@x: its key is that of ada@x too",
    ),
    "bytes behind": (
        {"ada": ADA, "ben": key_line(base64.b64decode(ADA.split(" ")[1]) + b"x")},
        "it is cut short, or has bytes behind its end",
    ),
    "another OpenPGP packet": (
        {"ada": quoted(KEY), "ben": quoted(armor(packet(6, OTHER)))},
        "ben@x: its key is that of ada@x too",
    ),
    "an OpenPGP key as one of SSH": (
        {"ada": quoted(KEY), "ben": key_line(POINT)},
        "ben@x: its key is that of ada@x too",
    ),
    "an OpenPGP key as a subkey": (
        {"ada": quoted(KEY), "ben": quoted(WITH_SUBKEY)},
        "ben@x: its key is that of ada@x too",
    ),
    "one subkey of two": (
        {"ada": quoted(armor(packet(6, BODY[:-32] + b"e" * 32) + packet(14, OTHER))), "ben": quoted(WITH_SUBKEY)},
        "ben@x: its key is that of ada@x too",
    ),
    "no day": ({"ada": f"{{key: {ADA}, until: '2026-02-30'}}"}, "'2026-02-30' is no day of the calendar"),
    "an end before the beginning": (
        {"ada": f"{{key: {ADA}, from: 2026-03-02, until: 2026-03-01}}"},
        "it would end on 2026-03-01, before it begins on 2026-03-02",
    ),
}


@pytest.mark.parametrize(("keys", "said"), REFUSED.values(), ids=REFUSED)
def test_a_policy_whose_keys_do_not_identify_is_refused(keys: dict[str, str], said: str) -> None:
    with pytest.raises(DocumentError) as refused:
        parse_policy(policy_with(**keys).encode())
    assert said in str(refused.value)


ACCEPTED = {
    "two keys": {"ada": f"{ADA}, {RSA}", "ben": EVE},
    "one day": {"ada": f"{{key: {ADA}, from: 2026-03-01, until: 2026-03-01}}"},
    # gpg-agent serves a subkey to ssh, and its owner may list both.
    "an OpenPGP key as one of SSH, of one person": {"ada": f"{quoted(KEY)}, {key_line(POINT)}", "ben": ADA},
}


@pytest.mark.parametrize("keys", ACCEPTED.values(), ids=ACCEPTED)
def test_a_person_may_have_several_keys(keys: dict[str, str]) -> None:
    assert set(parse_policy(policy_with(**keys).encode()).people.persons) == {f"{name}@x" for name in keys}


def test_a_principal_holds_nothing_that_cannot_be_seen() -> None:
    with pytest.raises(DocumentError, match="a name holds nothing that cannot be seen"):
        parse_policy(f'people:\n  "ada@x\\u200b": {{keys: [{ADA}]}}\n'.encode())


def test_the_signers_file_and_the_policy_share_no_key_of_two_people() -> None:
    with pytest.raises(DocumentError, match="eve@x: its key is that of ada@x too"):
        parse_policy(policy_with(ada=ADA).encode(), signers=f"eve@x {ADA}\n".encode())
