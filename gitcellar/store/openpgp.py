"""Does an OpenPGP signature fit, and whose is it? `gpgv`, run with a keyring that is made of the policy's keys alone.

Neither the keyring nor the trust of whoever runs this counts. May import core.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gitcellar.core.errors import NotFoundError
from gitcellar.core.openpgp import EXPIRED, PREFIX, UNKNOWN
from gitcellar.core.signatures import BROKEN, Signed

_STATUS = "[GNUPG:] "
_FAULTS = {"NO_PUBKEY": UNKNOWN, "EXPKEYSIG": EXPIRED, "EXPSIG": EXPIRED, "REVKEYSIG": EXPIRED}
_BINARY = "00"  # the class of a signature of bytes as they are
_DIGESTS = ("8", "9", "10")  # SHA-256, SHA-384 and SHA-512 (RFC 4880, section 9.4)
# In a key's own signatures too, which bind its subkeys and say when it ends. MD5 is weak to GnuPG anyway.
_WEAK = ("--weak-digest", "SHA1", "--weak-digest", "RIPEMD160")


def check_openpgp(signed: Sequence[Signed], keyring: bytes) -> list[tuple[str | None, str | None]]:
    """The key, `openpgp FINGERPRINT`, that made each signature; or else why none counts, in words that follow "it"."""
    if not signed or not keyring:
        return [(None, UNKNOWN)] * len(signed)
    with tempfile.TemporaryDirectory(prefix="gitcellar-") as folder:
        Path(folder, "keyring").write_bytes(keyring)

        def check(numbered: tuple[int, Signed]) -> tuple[str | None, str | None]:
            return _check(Path(folder), *numbered)

        with ThreadPoolExecutor() as pool:
            return list(pool.map(check, enumerate(signed)))


def find_own_key(program: str, key: str) -> str | None:
    """The key, `openpgp FINGERPRINT`, with which GnuPG would sign; None where it has none, or is not there."""
    command = [program, "--batch", "--with-colons", "--list-secret-keys", *([key] if key else [])]
    try:
        listed = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL).stdout
    except OSError:
        return None
    rows = [line.split(":") for line in listed.decode("utf-8", "replace").split("\n")]
    return next((f"{PREFIX} {row[9]}" for row in rows if row[0] == "fpr" and len(row) > 9), None)


def _check(folder: Path, number: int, signed: Signed) -> tuple[str | None, str | None]:
    armor, payload = folder / f"{number}.asc", folder / f"{number}"
    armor.write_bytes(signed.armor)
    payload.write_bytes(signed.payload)
    options = ["--homedir", str(folder), "--keyring", str(folder / "keyring"), *_WEAK]
    command = ["gpgv", *options, "--status-fd", "1", str(armor), str(payload)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        message = "gpgv is not installed, or not on PATH, and the policy lists OpenPGP keys"
        raise NotFoundError(message, hint="it comes with GnuPG 2") from error
    for path in (armor, payload):
        path.unlink()
    return _read_statuses(_parse(done.stdout), done.returncode)


def _parse(output: bytes) -> dict[str, list[list[str]]]:
    """The words of each status, by its keyword."""
    found: dict[str, list[list[str]]] = {}
    for line in output.decode("utf-8", "replace").split("\n"):
        if line.startswith(_STATUS):
            keyword, *words = line.removeprefix(_STATUS).split(" ")
            found.setdefault(keyword, []).append(words)
    return found


def _read_statuses(found: Mapping[str, list[list[str]]], exit_code: int) -> tuple[str | None, str | None]:
    fault = next((fault for keyword, fault in _FAULTS.items() if keyword in found), None)
    good, valid = found.get("GOODSIG", []), found.get("VALIDSIG", [])
    # Exactly one signature, of one key: of several GnuPG would say Good for any.
    alone = len(found.get("NEWSIG", [])) == len(good) == len(valid) == 1 and len(valid[0]) >= 10
    if fault is None and exit_code == 0 and alone and valid[0][7] in _DIGESTS and valid[0][8] == _BINARY:
        return f"{PREFIX} {valid[0][9]}", None
    return None, fault or BROKEN
