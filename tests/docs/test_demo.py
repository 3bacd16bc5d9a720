"""The demo does what it says, in a folder of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support.processes import git, run

DEMO = Path(__file__).parents[2] / "examples/demo.py"


def test_the_demo_builds_a_cellar_and_predicts_with_what_is_in_production(tmp_path: Path) -> None:
    # As from within a hook of another repository, which must not become the demo's.
    environment = {**os.environ, "GIT_DIR": str(tmp_path / "elsewhere")}
    done = run(tmp_path, sys.executable, str(DEMO), str(tmp_path / "demo"), env=environment)
    assert done.status == 0, done.out[-2000:] + done.err
    assert git(tmp_path / "demo/remote.git", "tag").splitlines() == [
        "digits/base@1.0",
        "digits/base@1.1",
        "digits/inverted#production#2",
        "digits/inverted#staging#1",
        "digits/inverted@1.1.1",
        "digits/noisy#production#2",
        "digits/noisy#production#4",
        "digits/noisy#production#5",
        "digits/noisy#staging#1",
        "digits/noisy#staging#3",
        "digits/noisy@1.0.1",
        "digits/noisy@1.0.2",
        "digits/noisy@1.1.1",
    ]
    assert not (tmp_path / "elsewhere").exists()
    accuracy = float(done.out.rpartition("accuracy: ")[2].split()[0])
    assert accuracy > 0.8
    again = run(tmp_path, sys.executable, str(DEMO), str(tmp_path / "demo"))
    assert again.status == 1
    assert "is not empty" in again.err
