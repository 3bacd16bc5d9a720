"""From a tag to a running model, and everything that goes wrong on the way: the demo is the test."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from tests.support.processes import run

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_what_git_says_is_what_answers(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES), "GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/x"}
    done = run(tmp_path, sys.executable, str(EXAMPLES / "gitops/run.py"), str(tmp_path / "demo"), env=environment)
    assert done.status == 0, done.out[-3000:] + done.err
    took = re.search(r"answers with 0\.2, ([0-9.]+) s after the push", done.out)
    assert took is not None
    assert float(took[1]) < 2
    assert done.out.rstrip().endswith("what is in production according to Git is what ran, and stayed so.")
