"""What DVC's tracking files may say, and what is refused before DVC or anything else heeds it."""

from __future__ import annotations

import hashlib
import json

import pytest

from gitcellar.core.errors import InvalidError
from gitcellar.core.tracking_files import find_locked_output, is_inside, parse_folder_list, parse_tracking_file

FILE_NAME = "models/base.dvc"
MD5 = hashlib.md5(b"1", usedforsecurity=False).hexdigest()
ARABIC = "\u0663" * 32
FILE = f"{{md5: {MD5}, size: 1, hash: md5, path: base}}"
PARTIAL = "outs: [{hash: md5, path: base}]\nfrozen: true\n"

HOSTILE = {
    "a hash that is an absolute path": ("outs: [{md5: 'ab/home/thesis.txt', path: base}]", "outs.0.md5 is no md5"),
    "a hash that leads up": ("outs: [{md5: ../../../thesis.txt, path: base}]", "outs.0.md5 is no md5"),
    "a hash with a line end": (f'outs: [{{md5: "{MD5}\\n", path: base}}]', "outs.0.md5 is no md5"),
    "a hash of arabic digits": (f"outs: [{{md5: {ARABIC}, path: base}}]", "outs.0.md5 is no md5"),
    "a hash in capitals": (f"outs: [{{md5: {MD5.upper()}, path: base}}]", "outs.0.md5 is no md5"),
    "a hash that is a number": ("outs: [{md5: 123, path: base}]", "outs.0.md5 is no md5"),
    "another algorithm": (f"outs: [{{md5: {MD5}, hash: sha256, path: base}}]", "is hashed with 'sha256'"),
    "a size that is text": (f"outs: [{{md5: {MD5}, size: many, path: base}}]", "outs.0.size is no number"),
    "a size below nothing": (f"outs: [{{md5: {MD5}, size: -1, path: base}}]", "outs.0.size is no number"),
    "a size that is true": (f"outs: [{{md5: {MD5}, size: true, path: base}}]", "outs.0.size is no number"),
    "two outputs": (f"outs: [{FILE}, {FILE}]", "outs tracks one file or folder"),
    "no outputs": ("outs: []", "outs tracks one file or folder"),
    "a path elsewhere": (f"outs: [{{md5: {MD5}, path: ../../x}}]", "tracks something else than models/base"),
    "a working folder elsewhere": (f"wdir: ..\nouts: [{FILE}]", "tracks something else than models/base"),
    "a remote that is a path": (f"outs: [{{md5: {MD5}, remote: ../x, path: base}}]", "is no name of a remote"),
    "a cloud that is a path": (f"outs: [{{md5: {MD5}, cloud: {{../x: {{}}}}, path: base}}]", "names no single remote"),
    "a name that no file system takes": (
        f"outs: [{{path: base, files: [{{relpath: {'a' * 300}}}]}}]",
        "would not stay inside the folder",
    ),
    "files that lead up": ("outs: [{path: base, files: [{relpath: ../../x}]}]", "would not stay inside the folder"),
    "files twice": ("outs: [{path: base, files: [{relpath: x}, {relpath: x}]}]", "names 'x' a second time"),
    "settings of a storage": (f"outs: [{{md5: {MD5}, path: base, fs_config: {{a: b}}}}]", "says 'fs_config'"),
    "an import of a local file": (f"{PARTIAL}deps: [{{path: /home/thesis.txt}}]", "where only plain"),
    "an import through a remote": (f"{PARTIAL}deps: [{{path: 'remote://s/x'}}]", "imports 'remote://s/x'"),
    "an import of file://": (f"{PARTIAL}deps: [{{path: 'file:///home/thesis.txt'}}]", "where only plain"),
    "an import without encryption": (f"{PARTIAL}deps: [{{path: 'http://example.com/x'}}]", "where only plain"),
    "an import of two dots": (f"{PARTIAL}deps: [{{path: 'https://../thesis.txt'}}]", "where only plain"),
    "an import that leads up": (f"{PARTIAL}deps: [{{path: 's3://b/../x'}}]", "where only plain"),
    "an import with a password": (f"{PARTIAL}deps: [{{path: 'https://u:p@example.com/x'}}]", "where only plain"),
    "an import through a local repository": (
        f"{PARTIAL}deps: [{{path: 'http://../x', repo: {{url: /any/folder}}}}]",
        "repo.url is no plain https or ssh URL",
    ),
    "an import through a program": (
        f"{PARTIAL}deps: [{{path: x, repo: {{url: 'ssh://-oProxyCommand=x/y'}}}}]",
        "repo.url is no plain https or ssh URL",
    ),
    "an import with a config of its own": (
        f"{PARTIAL}deps: [{{path: x, repo: {{url: 'https://example.com/x', config: /etc/passwd}}}}]",
        "says 'config', which is not allowed here",
    ),
    "an import with settings": (
        f"{PARTIAL}deps: [{{path: 's3://b/x', fs_config: {{endpointurl: 'http://127.0.0.1:1'}}}}]",
        "says 'fs_config', which is not allowed here",
    ),
    "an import whose etag is a path": (
        f"{PARTIAL}deps: [{{path: 's3://b/x', etag: 'ab/home/thesis.txt'}}]",
        "deps.0.etag is no ETag",
    ),
    "an import whose etag leads up": (f"{PARTIAL}deps: [{{path: 's3://b/x', etag: ..x}}]", "deps.0.etag is no ETag"),
    "an import that asks a database": (f"{PARTIAL}deps: [{{db: {{query: y}}}}]", "says 'db'"),
    "two imports": (f"{PARTIAL}deps: [{{path: 's3://b/x'}}, {{path: 's3://b/y'}}]", "is a second source"),
    "a list": ("[]", "it is no mapping"),
    "a link": ("../../thesis.txt", "it is no mapping"),
}


@pytest.mark.parametrize(("content", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_tracking_file_that_dvc_did_not_write_is_refused(content: str, reason: str) -> None:
    with pytest.raises(InvalidError) as raised:
        parse_tracking_file(content.encode(), FILE_NAME)
    assert reason in raised.value.message
    assert "\n" not in raised.value.message


def test_what_dvc_writes_is_read() -> None:
    out = parse_tracking_file(
        f"outs:\n- md5: {MD5}\n  size: 1\n  hash: md5\n  path: base\n  desc: ours\n".encode(), FILE_NAME
    )
    assert out is not None
    assert (out.path, out.md5, out.recorded.size, out.legacy, dict(out.annotations)) == (
        "models/base",
        MD5,
        1,
        False,
        {"desc": "ours"},
    )


@pytest.mark.parametrize(
    ("content", "legacy", "has_list", "imported", "source"),
    [
        (f"outs: [{{md5: {MD5}, path: base}}]", True, False, False, None),
        (f"outs: [{{md5: {MD5}.dir, nfiles: 2, hash: md5, path: base}}]", False, True, False, None),
        (
            f"outs: [{FILE}]\ndeps: [{{path: x, repo: {{url: 'git@example.com:a/b.git', rev_lock: abc}}}}]\nfrozen: true",
            False,
            False,
            True,
            None,
        ),
        (f"{PARTIAL}deps: [{{path: 's3://b/x', etag: abc, size: 3}}]", False, False, True, "s3://b/x"),
        (
            f"{PARTIAL}deps: [{{path: 'https://example.com/x', checksum: 'W/\"5f-1\"'}}]",
            False,
            False,
            True,
            "https://example.com/x",
        ),
        (
            f"outs: [{{md5: {MD5}, hash: md5, path: base, push: false, cloud: {{s: {{etag: a, version_id: b}}}}}}]",
            False,
            False,
            False,
            None,
        ),
    ],
    ids=["DVC 2", "a folder", "from another repository", "s3, left there", "https, left there", "a version of a cloud"],
)
def test_what_teams_have_is_read(
    content: str, legacy: bool, has_list: bool, imported: bool, source: str | None
) -> None:
    out = parse_tracking_file(content.encode(), FILE_NAME)
    assert out is not None
    assert (out.legacy, out.has_list, out.imported) == (legacy, has_list, imported)
    assert (out.source.url if out.source else None) == source


def test_the_output_of_a_pipeline_is_found_in_its_lock() -> None:
    lock = f"schema: '2.0'\nstages: {{train: {{cmd: x, outs: [{{path: out/base, hash: md5, md5: {MD5}}}]}}}}".encode()
    out = find_locked_output(lock, "models/dvc.lock", "models/out/base/model.bin")
    assert out is not None
    assert (out.path, out.file, out.produced) == ("models/out/base", "models/dvc.lock", True)
    assert find_locked_output(lock, "models/dvc.lock", "models/out/basement") is None


def test_the_hash_of_a_pipelines_output_is_no_path_either() -> None:
    lock = b"stages: {train: {cmd: x, outs: [{path: base, md5: ab/home/thesis.txt}]}}"
    with pytest.raises(InvalidError, match="md5 is no md5"):
        find_locked_output(lock, "dvc.lock", "base")


@pytest.mark.parametrize(
    ("path", "md5"),
    [
        ("../../evil", MD5),
        ("/tmp/evil", MD5),
        ("a//b", MD5),
        ("a\\..\\evil", MD5),
        ("a\0b", MD5),
        (".git/config", MD5),
        ("sub/.GIT/hooks/post-checkout", MD5),
        ("", MD5),
        ("a.bin", "ab/home/thesis.txt"),
        ("a.bin", "../../../../../../home/thesis.txt"),
        ("a.bin", f"{MD5}.dir"),
        ("a.bin", ""),
    ],
)
def test_a_list_with_a_file_that_leads_elsewhere_is_refused(path: str, md5: str) -> None:
    content = json.dumps([{"md5": md5, "relpath": path}]).encode()
    with pytest.raises(InvalidError, match="the list of models/base: 0"):
        parse_folder_list(content, listed(content), "models/base")


@pytest.mark.parametrize(
    "content", [b"{", b"[" * 100_000, b"{}", b"[1]", b"\xff"], ids=["cut", "deep", "map", "number", "bytes"]
)
def test_a_list_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidError):
        parse_folder_list(content, listed(content), "models/base")


def test_a_list_that_is_not_the_one_that_was_tracked_is_refused() -> None:
    content = json.dumps([{"md5": MD5, "relpath": "a.bin"}]).encode()
    assert [file.path for file in parse_folder_list(content, listed(content), "models/base")] == ["a.bin"]
    with pytest.raises(InvalidError, match="is not the one that was tracked"):
        parse_folder_list(content, f"{MD5}.dir", "models/base")


@pytest.mark.parametrize("path", ["a" * 201, "/".join(["a" * 100] * 11), "\ud800"])
def test_what_no_file_system_takes_is_not_inside(path: str) -> None:
    assert not is_inside(path)


@pytest.mark.parametrize("path", ["a", "a/b.bin", "odd name", "\u0663", "..a", "a..", ".gitignore"])
def test_a_path_inside_is_any_other_name(path: str) -> None:
    assert is_inside(path)


def listed(content: bytes) -> str:
    return f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}.dir"
