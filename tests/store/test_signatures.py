"""Signatures against the real ssh-keygen: what it lets pass and we do not, and what is remembered of them."""

from __future__ import annotations

import base64
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitcellar.core.errors import InvalidError, WorldError
from gitcellar.core.signatures import UNTOUCHED, Signed, find_signed
from gitcellar.store.signatures import SigningKey, check_signatures, find_signer, find_signing_key, sign
from tests.support import sshsig
from tests.support.sshsig import SOFT_KEYS, SoftKey, key_line

PAYLOAD = b"object\n\nmessage\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of each test's own; return where its database is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/gitcellar/signatures.db"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name, *options in (("ed", "-t", "ed25519"), ("weak", "-t", "rsa", "-b", "1024")):
        subprocess.run(["ssh-keygen", "-q", *options, "-N", "", "-f", str(folder / name)], check=True)
    return folder


def as_signed(armor: bytes) -> Signed:
    found = find_signed(PAYLOAD + armor)
    assert isinstance(found, Signed), found
    return found


def made_by(keys: Path, name: str = "ed") -> Signed:
    return as_signed(sign(PAYLOAD, SigningKey(None, str(keys / name), "ssh-keygen")))


def forged(signed: Signed) -> Signed:
    return Signed(signed.payload + b"more\n", signed.armor, signed.key)


def takes(folder: Path, key: SoftKey, armor: bytes) -> bool:
    """Whether ssh-keygen takes the signature of a hardware key."""
    (folder / "signers").write_text(f"ada@x {key_line(key.public)}\n")
    (folder / "signature").write_bytes(armor)
    options = ["-n", "git", "-I", "ada@x", "-f", str(folder / "signers"), "-s", str(folder / "signature")]
    done = subprocess.run(["ssh-keygen", "-Y", "verify", *options], input=PAYLOAD, capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("key", SOFT_KEYS.values(), ids=SOFT_KEYS)
def test_a_hardware_key_counts_where_it_was_touched(tmp_path: Path, key: SoftKey) -> None:
    touched, untouched = key.sign(PAYLOAD, sshsig.TOUCHED), key.sign(PAYLOAD, sshsig.UNTOUCHED)
    assert takes(tmp_path, key, touched)
    assert takes(tmp_path, key, untouched)
    assert check_signatures([as_signed(touched)]) == [True]
    assert find_signed(PAYLOAD + untouched) == UNTOUCHED
    signers = tmp_path / "signers"
    assert find_signer(PAYLOAD, touched, signers, "git") == "ada@x"
    assert find_signer(PAYLOAD, untouched, signers, "git") is None


@pytest.mark.parametrize("key", SOFT_KEYS.values(), ids=SOFT_KEYS)
def test_the_touch_is_signed_and_cannot_be_added(key: SoftKey) -> None:
    """The flag stands in the signature's last five bytes, and is part of what the key signed."""
    untouched = key.sign(PAYLOAD, sshsig.UNTOUCHED)
    blob = base64.b64decode(b"".join(untouched.split(b"\n")[1:-2]))
    changed = sshsig.armor(blob[:-5] + bytes([sshsig.TOUCHED]) + blob[-4:])
    assert check_signatures([as_signed(changed)]) == [False]


def test_a_key_that_does_not_count_does_not_sign(keys: Path) -> None:
    with pytest.raises(WorldError, match="it is signed with an RSA key of fewer than 2048 bits"):
        sign(PAYLOAD, SigningKey(None, str(keys / "weak"), "ssh-keygen"))
    with pytest.raises(WorldError, match="cannot be used: .* it has 1024 bits, and 2048 is the least for RSA"):
        find_signing_key({"gpg.format": "ssh", "user.signingkey": str(keys / "weak.pub")})
    with pytest.raises(InvalidError, match="bytes behind its end"):
        key = key_line(SOFT_KEYS["sk-ecdsa"].public + b"x")
        find_signing_key({"gpg.format": "ssh", "user.signingkey": f"key::{key}"})


def test_what_fitted_is_remembered_and_what_did_not_is_not(keys: Path, cache: Path) -> None:
    good = made_by(keys)
    assert check_signatures([good, forged(good)]) == [True, False]
    with sqlite3.connect(cache) as database:
        assert database.execute("SELECT count(*) FROM fits").fetchone() == (1,)
    database.close()
    assert check_signatures([good, forged(good)]) == [True, False]


def test_one_concatenation_split_in_two_ways_is_two_signatures(keys: Path) -> None:
    good = made_by(keys)
    assert check_signatures([good]) == [True]
    moved = Signed(good.payload + good.armor[:1], good.armor[1:], good.key)
    assert check_signatures([moved]) == [False]


def _garbage(path: Path) -> None:
    path.write_bytes(b"no database\n" * 100)


def _folder(path: Path) -> None:
    path.mkdir()


def _other_table(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE fits (other)")
    database.close()


def _view(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE VIEW fits AS SELECT missing FROM nowhere")
    database.close()


def _cut_short(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE fits (signed BLOB PRIMARY KEY) WITHOUT ROWID")
    database.close()
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize("spoil", [_garbage, _folder, _other_table, _view, _cut_short])
def test_a_database_that_cannot_be_used_is_worked_without(
    keys: Path, cache: Path, spoil: Callable[[Path], None]
) -> None:
    cache.parent.mkdir(parents=True)
    spoil(cache)
    good = made_by(keys)
    assert check_signatures([good, forged(good)]) == [True, False]


def test_a_memory_inside_a_repository_is_not_believed(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CI jobs set XDG_CACHE_HOME to a folder of the checkout, and a stranger may have committed a database there."""
    good = made_by(keys)
    clone = tmp_path / "clone"
    subprocess.run(["git", "init", "-q", str(clone)], check=True)
    (clone / ".cache/gitcellar").mkdir(parents=True)
    for home in (str(clone / ".cache"), ".cache"):
        monkeypatch.setenv("XDG_CACHE_HOME", home)
        monkeypatch.chdir(clone)
        assert check_signatures([good, forged(good)]) == [True, False]
        assert not list((clone / ".cache/gitcellar").iterdir())
