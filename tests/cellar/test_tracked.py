"""What teams track with DVC goes on being read: parts of folders, and what DVC 2 left behind."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gitcellar.cellar.getting import get_checkpoint
from gitcellar.cellar.moving import fetch_checkpoints
from gitcellar.core.names import ModelName
from gitcellar.core.references import parse_reference
from tests.support.cellars import Bench, tag

LATEST = parse_reference("vit-l/base@latest")


def test_a_checkpoint_may_be_a_part_of_a_tracked_folder(bench: Bench, tmp_path: Path) -> None:
    bench.declare("vit-l/base", {"run/best.bin": "best", "run/last.bin": "last"})
    manifest = bench.work / "artifacts.yaml"
    manifest.write_text(manifest.read_text().replace("models/vit-l-base", "models/vit-l-base/run/best.bin"))
    bench.commit_anyhow("the best one alone")
    bench.register("vit-l/base", push=True)
    get_checkpoint(bench.repository, LATEST, to=tmp_path / "out")
    assert (tmp_path / "out").read_text() == "best"


def test_a_checkpoint_of_dvc_2_is_read_from_where_dvc_2_put_it(bench: Bench, tmp_path: Path) -> None:
    bench.declare("vit-l/base", "new")
    md5 = hashlib.md5(b"old", usedforsecurity=False).hexdigest()
    place = bench.storage / md5[:2] / md5[2:]
    place.parent.mkdir(parents=True)
    place.write_text("old")
    (bench.work / "models/vit-l-base.dvc").write_text(f"outs:\n- md5: {md5}\n  size: 3\n  path: vit-l-base\n")
    bench.commit_anyhow("as DVC 2 wrote it")
    tag(bench, "vit-l/base@0.1")
    assert fetch_checkpoints(bench.repository, [(ModelName("vit-l/base"), bench.git("rev-parse", "HEAD"))]) == 1
    assert (bench.work / ".dvc/cache" / md5[:2] / md5[2:]).read_text() == "old"
    get_checkpoint(bench.repository, LATEST, to=tmp_path / "out")
    assert (tmp_path / "out").read_text() == "old"


def test_what_somebody_wrote_into_a_tracking_file_outlives_a_new_version_of_the_data(bench: Bench) -> None:
    bench.declare("vit-l/base", "1")
    file = bench.work / "models/vit-l-base.dvc"
    file.write_text("# ours\n" + file.read_text() + "  desc: the first\nmeta: {run: 7}\n")
    bench.declare("vit-l/base", "2")
    md5 = hashlib.md5(b"2", usedforsecurity=False).hexdigest()
    for kept in ("# ours", "desc: the first", "run: 7", md5):
        assert kept in file.read_text()
