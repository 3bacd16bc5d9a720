"""Checkpoints on S3 over HTTP: the same laws as on a local folder, against moto's server on loopback."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from gitcellar.cellar.health import examine
from tests.support.cellars import Bench, make_bench
from tests.support.processes import run

BUCKET = "weights"
CREDENTIAL = "only-for-the-test"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket, and credentials in the environment alone."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CREDENTIAL)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket=BUCKET)
    yield client
    for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=item["Key"])
    client.delete_bucket(Bucket=BUCKET)
    client.close()


@pytest.fixture
def stored(s3: Any, endpoint: str, tmp_path: Path) -> Bench:
    """A cellar whose checkpoints are on S3: a file and a folder, registered and pushed."""
    bench = make_bench(tmp_path / "cellar")
    config = f"[core]\n    remote = s\n['remote \"s\"']\n    url = s3://{BUCKET}/dvc\n    endpointurl = {endpoint}\n"
    (bench.work / ".dvc/config").write_text(config)
    bench.commit("storage on S3")
    bench.git("push", "-q", "origin", "main")
    bench.declare("vit-l/base", {"a.bin": "1", "sub/b.bin": "2"})
    assert bench.gitcellar("register", "vit-l/base", "--push").status == 0
    bench.declare("vit-l/projectA", "A 1", base="vit-l/base@0.1")
    done = bench.gitcellar("register", "vit-l/projectA", "--push")
    assert done.status == 0, done.err
    assert bench.gitcellar("assign", "vit-l/projectA", "production", "--push").status == 0
    return bench


def key_of(client: Any, content: bytes) -> str:
    """The key of the object that holds `content`."""
    for item in client.list_objects_v2(Bucket=BUCKET)["Contents"]:
        if client.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read() == content:
            return str(item["Key"])
    raise AssertionError(f"{content!r} is not in the bucket")


def test_a_file_and_a_folder_arrive_from_a_bare_url(stored: Bench, tmp_path: Path) -> None:
    done = run(tmp_path, "gitcellar", "get", "vit-l/projectA#production", "--repo", stored.url, "-o", "file")
    assert done.status == 0, done.err
    assert (tmp_path / "file").read_text() == "A 1"
    done = run(tmp_path, "gitcellar", "get", "vit-l/base@latest", "--repo", stored.url, "-o", "folder")
    assert done.status == 0, done.err
    assert (tmp_path / "folder/sub/b.bin").read_text() == "2"


def test_a_fresh_clone_fetches_what_is_in_stages(stored: Bench) -> None:
    clone = stored.clone("bob")
    done = clone.gitcellar("fetch", "--checkpoints")
    assert done.status == 0, done.err
    cached = [path.read_text() for path in (clone.work / ".dvc/cache/files").rglob("*") if path.is_file()]
    assert "A 1" in cached


def test_a_missing_object_is_told_and_leaves_nothing(stored: Bench, s3: Any, tmp_path: Path) -> None:
    s3.delete_object(Bucket=BUCKET, Key=key_of(s3, b"A 1"))
    to = tmp_path / "to"
    to.mkdir()
    done = run(to, "gitcellar", "get", "vit-l/projectA@latest", "--repo", stored.url, "-o", "file")
    assert (done.status, done.out) == (4, "")
    assert done.err.startswith("Error: models/vit-l-projectA is neither in the DVC cache nor on its remote\n")
    assert list(to.iterdir()) == []


def test_a_tampered_object_is_not_delivered(stored: Bench, s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket=BUCKET, Key=key_of(s3, b"A 1"), Body=b"A !")
    to = tmp_path / "to"
    to.mkdir()
    (to / "file").write_text("before")
    done = run(to, "gitcellar", "get", "vit-l/projectA@latest", "--repo", stored.url, "-o", "file", "--force")
    assert (done.status, done.out) == (4, "")
    assert "models/vit-l-projectA is not what was registered" in done.err
    assert {path.name: path.read_text() for path in to.iterdir()} == {"file": "before"}


def test_a_storage_that_does_not_answer_is_told_and_no_tag_is_written(stored: Bench) -> None:
    stored.declare("vit-l/projectA", "A 2", base="vit-l/base@0.1")
    config = (stored.work / ".dvc/config").read_text()
    (stored.work / ".dvc/config").write_text(config.rpartition("endpointurl")[0] + "endpointurl = http://127.0.0.1:1\n")
    before = stored.git("for-each-ref", "refs/tags")
    done = stored.gitcellar("register", "vit-l/projectA", "HEAD", "--push")
    assert done.status == 4, done.err
    assert done.err.startswith("Error: DVC failed on models/vit-l-projectA: ")
    assert stored.git("for-each-ref", "refs/tags") == before


def test_a_checkpoint_may_stay_where_it_is(stored: Bench, s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket=BUCKET, Key="models/b.bin", Body=b"B 1")
    done = stored.gitcellar("add", "vit-l/projectB", f"s3://{BUCKET}/models/b.bin", "--base", "vit-l/base@0.1")
    assert done.status == 0, done.err
    assert not (stored.work / "vit-l/projectB/b.bin").exists()
    stored.commit()
    done = stored.gitcellar("register", "vit-l/projectB", "--push")
    assert done.status == 0, done.err
    done = run(tmp_path, "gitcellar", "get", "vit-l/projectB@latest", "--repo", stored.url, "-o", "file")
    assert done.status == 0, done.err
    assert (tmp_path / "file").read_bytes() == b"B 1"
    s3.put_object(Bucket=BUCKET, Key="models/b.bin", Body=b"B !")
    done = run(tmp_path, "gitcellar", "get", "vit-l/projectB@latest", "--repo", stored.url, "-o", "again")
    assert done.status == 4
    assert not (tmp_path / "again").exists()


def test_a_remote_that_keeps_versions_itself_is_read_by_path_and_version(
    stored: Bench, s3: Any, tmp_path: Path
) -> None:
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    config = stored.work / ".dvc/config"
    config.write_text(config.read_text().replace(f"{BUCKET}/dvc", "versions/dvc") + "    version_aware = true\n")
    stored.declare("vit-l/projectB", {"a.bin": "A 2", "sub/b.bin": "B 2"}, base="vit-l/base@0.1")
    pushed = run(stored.work, "dvc", "push", "-q", "models/vit-l-projectB.dvc")
    assert pushed.status == 0, pushed.err
    stored.commit_anyhow("with the ids of the versions")
    done = stored.gitcellar("register", "vit-l/projectB", "HEAD", "--push")
    assert done.status == 0, done.err
    done = run(tmp_path, "gitcellar", "get", "vit-l/projectB@latest", "--repo", stored.url, "-o", "folder")
    assert done.status == 0, done.err
    assert (tmp_path / "folder/sub/b.bin").read_text() == "B 2"


def test_the_doctor_tells_a_bucket_that_is_not_there_from_one_that_is_empty(stored: Bench, s3: Any) -> None:
    s3.create_bucket(Bucket="empty")
    config = stored.work / ".dvc/config"
    for bucket, level in (("empty", "ok"), ("nowhere", "error")):
        config.write_text(config.read_text().replace(f"{BUCKET}/dvc", f"{bucket}/dvc"))
        found = next(each for each in examine(stored.repository, "origin") if each.subject == "dvc remote")
        assert (found.level, bucket in found.message or found.level == "ok") == (level, True), found
        config.write_text(config.read_text().replace(f"{bucket}/dvc", f"{BUCKET}/dvc"))
    s3.delete_bucket(Bucket="empty")


def test_credentials_are_written_nowhere(stored: Bench) -> None:
    for path in stored.folder.rglob("*"):
        if path.is_file():
            assert CREDENTIAL.encode() not in path.read_bytes(), path


def test_a_target_says_where_the_object_is(stored: Bench, s3: Any, tmp_path: Path) -> None:
    done = run(tmp_path, "gitcellar", "reconcile", "--repo", stored.url, "--to", "deploy")
    assert done.status == 0, done.err
    (row,) = json.loads((tmp_path / "deploy/deployments.json").read_text())["deployments"]
    assert row["storage"] == f"s3://{BUCKET}/dvc"
    content = s3.get_object(Bucket=BUCKET, Key=f"dvc/{row['key']}")["Body"].read()
    assert content == b"A 1"
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == row["md5"]
