"""OpenPGP: who lists such a key in the policy believes it, as gpgv does on nothing but the policy's keys."""

from __future__ import annotations

import base64
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cellars import Bench
from tests.support.people import STAGES, make_peopled, people, sign_as, write_policy
from tests.support.processes import Result, git, run

pytestmark = pytest.mark.skipif(not shutil.which("gpg") or not shutil.which("gpgv"), reason="GnuPG is not installed")
REF = "vit-l/base@1.0"
LONG_AGO = ("--faked-system-time", "20200101T000000!")


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of GnuPG's own, with a short name, for its agent's socket has no room for a long one."""
    folder = Path(tempfile.mkdtemp(prefix="gpg", dir="/tmp"))
    monkeypatch.setenv("GNUPGHOME", str(folder))
    yield folder
    run(folder, "gpgconf", "--kill", "all")
    shutil.rmtree(folder, ignore_errors=True)


def gpg(folder: Path, *args: str) -> str:
    done = run(folder, "gpg", "--batch", "--quiet", "--passphrase", "", *args)
    assert done.status == 0, done.err
    return done.out


def make_key(keys: Path, name: str, *, kind: str = "ed25519", expires: str = "never", at: tuple[str, ...] = ()) -> str:
    """Make a key, and return it as the policy takes it."""
    address = f"{name}@example.com"
    gpg(keys, *at, "--quick-generate-key", f"{name} <{address}>", kind.partition("+")[0], "sign", expires)
    if kind.endswith("+subkey"):
        primary = re.search(r"^fpr:+([0-9A-F]+):", gpg(keys, "--with-colons", "--list-keys", address), re.MULTILINE)
        assert primary is not None
        gpg(keys, "--quick-add-key", primary[1], "ed25519", "sign", expires)
    return gpg(keys, "--armor", "--export", address)


def sign_with_gpg(bench: Bench, name: str) -> None:
    bench.git("config", "gpg.format", "openpgp")
    bench.git("config", "user.signingKey", f"{name}@example.com")


def approve(bench: Bench) -> Result:
    return bench.gitcellar("approve", REF, "--for", "production", "--yes", "--push")


def counted(bench: Bench) -> list[str]:
    """Why each claim counts for nothing, or who made it."""
    rows = json.loads(bench.gitcellar("claims", REF, "--for", "production", "--json").out)["claims"]
    return [row["fault"] or row["by"] for row in rows]


@pytest.mark.parametrize("kind", ["ed25519", "rsa2048", "ed25519+subkey"])
def test_a_key_of_the_policy_approves_and_every_door_agrees(tmp_path: Path, keys: Path, kind: str) -> None:
    bench = make_peopled(tmp_path / "cellar")
    write_policy(bench, "signed: required\n" + STAGES + people(bench, ada=json.dumps(make_key(keys, "ada", kind=kind))))
    sign_with_gpg(bench, "ada")
    assert approve(bench).status == 0
    sign_as(bench, "cy")
    assert counted(bench) == ["ada@example.com"]
    assert run(bench.work, "git", "verify-tag", "vit-l/base@1.0=approved.production#2").status == 0
    assert bench.gitcellar("verify").status == 0
    assert bench.gitcellar("check", "--all").status == 0
    assert ",ada@example.com," in bench.gitcellar("audit", "--format", "csv").out


def test_a_key_that_the_policy_does_not_list_is_nobodys(tmp_path: Path, keys: Path) -> None:
    bench = make_peopled(tmp_path / "cellar")
    write_policy(bench, "signed: required\n" + STAGES + people(bench, ada=json.dumps(make_key(keys, "ada"))))
    make_key(keys, "mallory")
    sign_with_gpg(bench, "mallory")
    refused = approve(bench)
    assert (refused.status, "is signed with a key of nobody whom the policy knows" in refused.err) == (1, True)
    bench.git("tag", "-s", "-m", "x", "vit-l/base#archived#2", "vit-l/base@1.0^{}")
    pushed = run(bench.work, "git", "push", "origin", "vit-l/base#archived#2")
    assert "A001 vit-l/base#archived#2: it is signed with an OpenPGP key of nobody whom the policy knows" in pushed.err


def test_an_expired_key_counts_no_more(tmp_path: Path, keys: Path) -> None:
    bench = make_peopled(tmp_path / "cellar")
    old = make_key(keys, "ada", expires="1d", at=LONG_AGO)
    write_policy(bench, "signed: required\n" + STAGES + people(bench, ada=json.dumps(old)))
    (keys / "gpg.conf").write_text("faked-system-time 20200101T010000!\n")
    sign_with_gpg(bench, "ada")
    bench.git("tag", "-s", "-m", "x", "vit-l/base#archived#2", "vit-l/base@1.0^{}")
    pushed = run(bench.work, "git", "push", "origin", "vit-l/base#archived#2")
    assert "it is signed with an OpenPGP key that has expired or was revoked" in pushed.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("\n\nx\n", "\n\ny\n"), "has a signature that does not fit"),
        (lambda text: text + "more\n", "has something after its signature, or one that is malformed"),
        (lambda text: text + text.partition("\nx\n")[2], "has something after its signature, or one that is malformed"),
        (lambda text: text.replace("SIGNATURE-----\n\n", "SIGNATURE-----\n", 1), "has something after its signature"),
    ],
    ids=["another message", "something behind it", "two signatures", "no armor"],
)
def test_what_was_changed_under_a_signature_is_refused(
    tmp_path: Path, keys: Path, change: Callable[[str], str], said: str
) -> None:
    bench = make_peopled(tmp_path / "cellar")
    write_policy(bench, "signed: required\n" + STAGES + people(bench, ada=json.dumps(make_key(keys, "ada"))))
    sign_with_gpg(bench, "ada")
    tag = "vit-l/base#archived#2"
    bench.git("tag", "-s", "-m", "x", tag, "vit-l/base@1.0^{}")
    content = run(bench.work, "git", "cat-file", "tag", tag).out
    changed = change(content)
    assert changed != content
    made = run(bench.work, "git", "hash-object", "-t", "tag", "-w", "--stdin", "--literally", stdin=changed).out.strip()
    bench.git("update-ref", f"refs/tags/{tag}", made)
    assert said in run(bench.work, "git", "push", "origin", tag).err
    git(bench.remote, "fetch", "-q", str(bench.work), f"refs/tags/{tag}:refs/tags/{tag}")
    found = json.loads(bench.gitcellar("verify", "--repo", bench.url, "--json").out)["suspicions"]
    assert ("forged", tag) in {(row["code"], row["tag"]) for row in found}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([["-u", "ada@example.com"]], ""),
        ([["-u", "ada@example.com"], ["-u", "ben@example.com"]], "it has a signature that does not fit"),
        # Of a text, spaces at the ends of lines may be changed under the signature.
        ([["-u", "ada@example.com", "--textmode"]], "it has a signature that does not fit"),
        *(
            ([["-u", "ada@example.com", "--digest-algo", digest]], "it has a signature that does not fit")
            for digest in ("SHA1", "RIPEMD160", "SHA224")
        ),
    ],
    ids=["as git makes it", "two in one armor", "of a text", "SHA-1", "RIPEMD-160", "SHA-224"],
)
def test_only_one_signature_of_the_bytes_as_they_are_counts(
    tmp_path: Path, keys: Path, options: list[list[str]], said: str
) -> None:
    bench = make_peopled(tmp_path / "cellar")
    listed = {name: json.dumps(make_key(keys, name)) for name in ("ada", "ben")}
    write_policy(bench, "signed: required\n" + STAGES + people(bench, **listed))
    sign_with_gpg(bench, "ada")
    tag = "vit-l/base#archived#2"
    bench.git("tag", "-s", "-m", "x", tag, "vit-l/base@1.0^{}")
    payload = run(bench.work, "git", "cat-file", "tag", tag).out.partition("-----BEGIN")[0]
    (keys / "payload").write_text(payload)
    for number, how in enumerate(options):
        gpg(keys, *how, "--output", str(keys / f"{number}"), "-b", str(keys / "payload"))
    joined = b"".join((keys / f"{number}").read_bytes() for number in range(len(options)))
    armor = f"-----BEGIN PGP SIGNATURE-----\n\n{base64.encodebytes(joined).decode()}-----END PGP SIGNATURE-----\n"
    made = run(bench.work, "git", "hash-object", "-t", "tag", "-w", "--stdin", stdin=payload + armor).out.strip()
    bench.git("update-ref", f"refs/tags/{tag}", made)
    pushed = run(bench.work, "git", "push", "origin", tag)
    assert (said in pushed.err, "A001" in pushed.err) == (True, bool(said))


def test_a_lying_gpg_of_the_repositorys_config_is_not_asked(tmp_path: Path, keys: Path) -> None:
    bench = make_peopled(tmp_path / "cellar")
    write_policy(bench, STAGES + people(bench, ada=json.dumps(make_key(keys, "ada"))))
    sign_with_gpg(bench, "ada")
    assert approve(bench).status == 0
    liar = tmp_path / "liar"
    liar.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 0\n")
    liar.chmod(0o755)
    sign_as(bench, "ben")
    bench.git("config", "gpg.program", str(liar))
    bench.git("config", "gpg.openpgp.program", str(liar))
    assert counted(bench) == ["ada@example.com"]
    assert not (tmp_path / "ran").exists()


def test_a_key_is_one_persons_and_one_key(tmp_path: Path, keys: Path) -> None:
    bench = make_peopled(tmp_path / "cellar")
    ada, ben = make_key(keys, "ada"), make_key(keys, "ben")
    both = gpg(keys, "--armor", "--export", "ada@example.com", "ben@example.com")
    for changed, said in [
        ({"ada": json.dumps(ada), "ben": json.dumps(ada)}, "its key is that of ada@example.com too"),
        ({"ada": f"{json.dumps(ada)}, {json.dumps(ada)}"}, "a key is listed twice"),
        ({"ada": json.dumps(both)}, "this holds 2 OpenPGP keys, and one is asked for"),
        ({"ada": json.dumps(ben.replace("\n\n", "\n", 1))}, "this is no OpenPGP public key"),
        ({"ada": json.dumps(ben[:120] + "\n-----END PGP PUBLIC KEY BLOCK-----")}, "this OpenPGP public key is broken"),
    ]:
        (bench.work / "gitcellar.yaml").write_text(STAGES + people(bench, **changed))
        refused = bench.gitcellar("check")
        assert (refused.status, said in refused.err) == (1, True), refused.err
