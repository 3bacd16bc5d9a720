"""Where the storage keeps a checkpoint: by what a commit says, and nothing where it does not say so."""

from __future__ import annotations

import pytest

from gitcellar.core.dvc_config import parse_committed_config
from gitcellar.core.stored_objects import StoredObject, find_stored
from gitcellar.core.tracking_files import parse_tracking_file

MD5 = "0123456789abcdef0123456789abcdef"
KEY = "files/md5/01/23456789abcdef0123456789abcdef"
OUT = f"outs:\n- md5: {MD5}\n  size: 3\n  hash: md5\n  path: x\n"
LEGACY = f"outs:\n- md5: {MD5}\n  size: 3\n  path: x\n"
OTHER = f"{OUT}  remote: other\n"
FOLDER = f"outs:\n- md5: {MD5}.dir\n  size: 3\n  nfiles: 2\n  hash: md5\n  path: x\n"
IN_PLACE = "frozen: true\ndeps:\n- path: s3://models/b.bin\n  etag: abc\n  size: 3\nouts:\n- hash: md5\n  path: x\n  push: false\n"


def config(url: str, more: str = "") -> str:
    return (
        f"[core]\n    remote = s\n['remote \"s\"']\n    url = {url}\n{more}['remote \"other\"']\n    url = gs://other\n"
    )


@pytest.mark.parametrize(
    ("tracking", "settings", "stored"),
    [
        (OUT, "", StoredObject(md5=MD5)),
        (OUT, config("../storage"), StoredObject(md5=MD5)),
        (OUT, config("s3://bucket/a b"), StoredObject(md5=MD5)),
        (OUT, config("https://user:secret@host/dvc"), StoredObject(md5=MD5)),
        (OUT, config("s3://bucket/dvc", "    version_aware = true\n"), StoredObject(md5=MD5)),
        (OUT, config("s3://bucket/dvc"), StoredObject("s3://bucket/dvc", KEY, MD5)),
        (OUT, config("s3://bucket/dvc/"), StoredObject("s3://bucket/dvc", KEY, MD5)),
        (OUT, config("gs://bucket"), StoredObject("gs://bucket", KEY, MD5)),
        (OUT, config("/srv/a b"), StoredObject("file:///srv/a%20b", KEY, MD5)),
        (OTHER, config("s3://bucket/dvc"), StoredObject("gs://other", KEY, MD5)),
        (LEGACY, config("s3://bucket"), StoredObject("s3://bucket", KEY.removeprefix("files/md5/"), MD5)),
        (FOLDER, config("s3://bucket"), StoredObject("s3://bucket", f"{KEY}.dir", f"{MD5}.dir")),
        (IN_PLACE, config("s3://bucket"), StoredObject("s3://models/b.bin")),
    ],
    ids=[
        "no storage is named",
        "a path that is relative to a clone",
        "a URL with a space",
        "a URL with a password",
        "a storage with versions of its own",
        "S3",
        "a slash at the end",
        "Google's",
        "a path of a machine",
        "a remote of its own",
        "DVC 2",
        "a folder",
        "an import that stays where it is",
    ],
)
def test_an_object_is_where_the_commit_says(tracking: str, settings: str, stored: StoredObject) -> None:
    out = parse_tracking_file(tracking.encode(), "x.dvc")
    assert find_stored(out, "x", parse_committed_config(settings.encode())) == stored


def test_a_file_inside_a_tracked_folder_has_no_object_of_its_own() -> None:
    out = parse_tracking_file(FOLDER.encode(), "x.dvc")
    assert find_stored(out, "x/y", parse_committed_config(config("s3://bucket").encode())) == StoredObject()
    assert find_stored(None, "x", parse_committed_config(b"")) == StoredObject()


@pytest.mark.parametrize(
    "values",
    [
        ("file:///x\ny", None, None),
        ("--upload", None, None),
        ("s3://b", "../../etc", None),
        ("s3://b", f"{KEY}\n", None),
        (None, None, "../x"),
        (None, None, MD5.upper()),
    ],
)
def test_what_is_no_url_key_or_hash_is_refused(values: tuple[str | None, str | None, str | None]) -> None:
    with pytest.raises(ValueError):
        StoredObject(*values)
