"""Does a signature fit, and how is one made? `ssh-keygen -Y`, run on our own files, never on a repository's word.

git's own check is not asked: `gpg.ssh.program` in a repository's config can say Good to anything. May import core.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gitcellar.core.errors import CellarError, NotFoundError, WorldError
from gitcellar.core.signatures import NAMESPACE, Signed, find_ssh_key
from gitcellar.core.ssh_keys import KEY_TYPES, parse_key

_SIGNER = "signer"
_OTHER_KEY = "git config user.signingKey ~/.ssh/id_ed25519.pub"
_FEW = 4  # below this, threads cost more than they save


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key to sign with. `public` is `type base64`; `file` is the private key's or, with an agent, the public one's.

    `program` signs as `ssh-keygen -Y sign` does. An OpenPGP key has no `public` that counts here.
    """

    public: str | None
    file: str
    program: str
    is_openpgp: bool = False


def find_signing_key(config: Mapping[str, str]) -> SigningKey | None:
    """The key that git would sign with, by its settings in lower case; None where none is set.

    Raise WorldError for one that cannot be read. Source: git-config(1), user.signingKey and gpg.format.
    """
    key, form = config.get("user.signingkey"), config.get("gpg.format", "openpgp")
    if form == "openpgp":
        return SigningKey(None, key or "", config.get("gpg.program", "gpg"), is_openpgp=True)
    if form != "ssh" or not key:
        return None
    program = config.get("gpg.ssh.program", "ssh-keygen")
    literal = key.removeprefix("key::")
    if literal.startswith(KEY_TYPES):
        return SigningKey(parse_key(literal).text, "", program)
    path = Path(key).expanduser()
    try:
        return SigningKey(_read_public(path), str(path), program)
    except (OSError, CellarError) as error:
        message = f"the signing key {key!r} cannot be used: {error}"
        raise WorldError(message, hint=_OTHER_KEY) from error


def sign(content: bytes, key: SigningKey, namespace: str = NAMESPACE) -> bytes:
    """The armored signature of `content`, to be appended to it. Raise WorldError where the key cannot sign."""
    if key.is_openpgp:
        who = ["-u", key.file] if key.file else []
        return _run([key.program, "--status-fd=2", "-bsa", *who], content)
    with tempfile.TemporaryDirectory(prefix="gitcellar-") as folder:
        file = key.file
        if not file:
            file = os.path.join(folder, "key.pub")
            Path(file).write_text(f"{key.public}\n")
        source = Path(folder, "content")
        source.write_bytes(content)
        _run([key.program, "-Y", "sign", "-n", namespace, "-f", file, str(source)], b"")
        armor = Path(f"{source}.sig").read_bytes()
    fault = find_ssh_key(armor, namespace)
    if isinstance(fault, str):
        raise WorldError(f"what {os.path.basename(key.program)} signed would not count: it {fault}", hint=_OTHER_KEY)
    return armor


def check_signatures(signed: Sequence[Signed]) -> list[bool]:
    """Whether each signature fits its payload and the key that it names. What was checked before is remembered.

    Remembered by the sha256 of the signed bytes, below this user's cache folder: never in a repository, which may come
    from a stranger with whatever it likes to remember.
    """
    keys = [_digest(each) for each in signed]
    with _memory() as known:
        found = known.find(keys)
        unknown = {key: each for key, each in zip(keys, signed, strict=True) if key not in found}
        if unknown:
            fresh = dict(zip(unknown, _verify_all(list(unknown.values())), strict=True))
            known.keep([key for key, fits in fresh.items() if fits])
            found |= fresh
    return [found[key] for key in keys]


def find_signer(content: bytes, armor: bytes, signers: Path, namespace: str) -> str | None:
    """The principal of an allowed-signers file whose signature of `content` this is, now; None where there is none."""
    if isinstance(find_ssh_key(armor, namespace), str):
        return None
    with tempfile.TemporaryDirectory(prefix="gitcellar-") as folder:
        signature, payload = Path(folder, "signature"), Path(folder, "payload")
        signature.write_bytes(armor)
        payload.write_bytes(content)
        asked = ["-n", namespace, "-f", str(signers), "-s", str(signature)]
        with payload.open("rb") as source:
            found = _start(["ssh-keygen", "-Y", "find-principals", *asked], subprocess.DEVNULL)
            principals = found.stdout.decode("utf-8", "replace").split("\n") if found.returncode == 0 else []
            for principal in principals[:1]:
                done = _start(["ssh-keygen", "-Y", "verify", "-I", principal, *asked], source)
                return principal if done.returncode == 0 else None
    return None


def _verify_all(signed: Sequence[Signed]) -> list[bool]:
    with tempfile.TemporaryDirectory(prefix="gitcellar-") as folder:

        def verify(numbered: tuple[int, Signed]) -> bool:
            return _verify(Path(folder, str(numbered[0])), numbered[1])

        if len(signed) < _FEW:
            return [verify(each) for each in enumerate(signed)]
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            return list(pool.map(verify, enumerate(signed)))


def _verify(folder: Path, signed: Signed) -> bool:
    folder.mkdir()
    signers, armor, payload = folder / "signers", folder / "signature", folder / "payload"
    signers.write_text(f'{_SIGNER} namespaces="{NAMESPACE}" {signed.key}\n')
    armor.write_bytes(signed.armor)
    payload.write_bytes(signed.payload)
    with payload.open("rb") as source:
        done = _start(
            ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", _SIGNER, "-f", str(signers), "-s", str(armor)], source
        )
    for path in (signers, armor, payload):
        path.unlink()
    return done.returncode == 0


def _read_public(path: Path) -> str:
    beside = path if path.suffix == ".pub" else path.with_name(f"{path.name}.pub")
    if beside.exists():
        return parse_key(beside.read_text()).text
    return parse_key(_run(["ssh-keygen", "-y", "-f", str(path)], b"").decode()).text


def _run(command: Sequence[str], content: bytes) -> bytes:
    with tempfile.TemporaryFile() as source:
        source.write(content)
        source.seek(0)
        done = _start(command, source)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        raise WorldError(
            f"{os.path.basename(command[0])} could not sign: {said[-1]}", hint="ssh-add -l lists your keys"
        )
    return done.stdout


def _start(command: Sequence[str], source: int | IO[bytes]) -> subprocess.CompletedProcess[bytes]:
    try:
        # The C locale, and no terminal to ask on where a hook runs this.
        return subprocess.run(command, stdin=source, capture_output=True, check=False)
    except FileNotFoundError as error:
        hint = "it comes with OpenSSH 8.2 or later"
        raise NotFoundError(f"{command[0]} is not installed, or not on PATH", hint=hint) from error


def _digest(signed: Signed) -> bytes:
    """What a signature and its payload are remembered by. The size says where one ends and the other begins."""
    return hashlib.sha256(len(signed.payload).to_bytes(8, "big") + signed.payload + signed.armor).digest()


class _Memory:
    """Signatures that fitted, in a small database. One that cannot be used remembers nothing."""

    def __init__(self, path: Path) -> None:
        import sqlite3

        self.errors = sqlite3.Error
        self.database = sqlite3.connect(path, timeout=5, isolation_level=None)

    def find(self, keys: Sequence[bytes]) -> dict[bytes, bool]:
        ask = "SELECT 1 FROM fits WHERE signed = ?"
        try:
            self.database.execute("CREATE TABLE IF NOT EXISTS fits (signed BLOB PRIMARY KEY) WITHOUT ROWID")
            return {key: True for key in keys if self.database.execute(ask, (key,)).fetchone()}
        except self.errors:
            return {}

    def keep(self, keys: Sequence[bytes]) -> None:
        try:
            self.database.execute("BEGIN")
            self.database.executemany("INSERT OR IGNORE INTO fits VALUES (?)", [(key,) for key in keys])
            self.database.execute("COMMIT")
        except self.errors:
            pass  # a full disk or another process


@contextmanager
def _memory() -> Iterator[_Memory]:
    memory = _open_memory()
    with closing(memory.database):
        yield memory


def _open_memory() -> _Memory:
    import sqlite3

    folder = _find_cache()
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return _Memory(folder / "signatures.db")
    except (OSError, sqlite3.Error):
        pass
    return _Memory(Path(":memory:"))


def _find_cache() -> Path | None:
    """This user's cache folder; None without one, and for one inside a repository, as some CI jobs set it."""
    home = os.environ.get("XDG_CACHE_HOME") or (os.path.expanduser("~/.cache") if os.environ.get("HOME") else "")
    folder = Path(home, "gitcellar")
    if not folder.is_absolute() or any((parent / ".git").exists() for parent in folder.parents):
        return None
    return folder
