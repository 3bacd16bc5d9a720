"""The workflows that come along for CI hosts, as files of this folder. May import core."""

from __future__ import annotations

from pathlib import Path

from gitcellar.core.errors import NotFoundError

# Where each host looks for its file.
PIPELINES = {"github": ".github/workflows/gitcellar.yml", "gitlab": ".gitlab-ci.yml", "jenkins": "Jenkinsfile"}
_FILES = {"github": "github.yml", "gitlab": "gitlab.yml", "jenkins": "Jenkinsfile"}


def read_pipeline(host: str) -> str:
    """The workflow for a host. Raise NotFoundError for one that is not known."""
    if host not in _FILES:
        raise NotFoundError(f"there is no workflow for {host!r}", hint=f"there are: {', '.join(_FILES)}")
    return (Path(__file__).parent / _FILES[host]).read_text(encoding="utf-8")
