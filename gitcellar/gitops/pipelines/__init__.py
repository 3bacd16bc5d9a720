"""The workflows that come along for CI hosts, as files of this folder."""

from __future__ import annotations

import re
from pathlib import Path

from gitcellar.core.errors import InvalidError, NotFoundError

# Where each host looks for its file.
PIPELINES = {"github": ".github/workflows/gitcellar.yml", "gitlab": ".gitlab-ci.yml", "jenkins": "Jenkinsfile"}
_FILES = {"github": "github.yml", "gitlab": "gitlab.yml", "jenkins": "Jenkinsfile"}
_INSTALL = "@INSTALL@"
# It stands in quotes of YAML and Groovy: nothing here ends them, and neither a shell nor a host expands anything.
_SPEC = re.compile(r"[A-Za-z0-9./][A-Za-z0-9 ._~:/@=<>!,+#&?%\[\]-]{0,499}")


def read_pipeline(host: str, install: str) -> str:
    """The workflow for a host, which installs what `install` says in the way of pip, such as `gitcellar[s3]==0.1.0`.

    Raise NotFoundError for a host that is not known, InvalidError for what is no requirement, path or URL.
    """
    if host not in _FILES:
        raise NotFoundError(f"there is no workflow for {host!r}", hint=f"there are: {', '.join(_FILES)}")
    if not _SPEC.fullmatch(install):
        raise InvalidError(
            f"{install!r:.100} is nothing that pip installs", hint="name a version, such as gitcellar[s3]==0.1.0"
        )
    return (Path(__file__).parent / _FILES[host]).read_text(encoding="utf-8").replace(_INSTALL, install)
