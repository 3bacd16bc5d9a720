"""How is DVC opened? The one place that makes its repository objects, with a config that no stranger wrote.

DVC merges four levels: the system's, the user's, the repository's and the clone's (`.dvc/config.local`). Here the
repository's is `core.dvc_config`'s reading of it, and DVC never sees the file itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gitcellar.core.dvc_config import CONFIG, CommittedConfig, parse_committed_config
from gitcellar.core.errors import InvalidError, WorldError
from gitcellar.store.checkpoints.errors import explained
from gitcellar.store.git import GitRepository
from gitcellar.store.work_files import read_work_files

_LOCAL = ".dvc/config.local"
# What DVC writes to or through. It follows a link that a commit put there to wherever that leads.
_WRITTEN = (".dvc", CONFIG, _LOCAL, ".dvc/.gitignore", ".dvc/tmp", ".dvc/cache", ".dvc/cache/files", ".dvc/cache/runs")
_SHARDS = (".dvc/tmp", ".dvc/cache", ".dvc/cache/files", ".dvc/cache/files/md5")
# A hook has nobody to ask, and who asks on a terminal for a stranger's server asks for a password.
_PROMPTS = ("ask_password", "ask_passphrase")


@dataclass(frozen=True, slots=True)
class StorageConfig:
    """What DVC is told: its config as a mapping, the committed settings that were `ignored`, and the remotes whose
    `endpoints` the commit chose."""

    values: Mapping[str, Any]
    ignored: tuple[str, ...]
    endpoints: Mapping[str, str]

    def choose_remote(self, name: str | None) -> str:
        """The name of a remote as DVC spells it, or of the default one; empty where there is none."""
        return str(name or self.values["core"].get("remote", "")).lower()


def read_config(root: Path | None, committed: bytes) -> StorageConfig:
    """The config for a work tree, or for a bare repository, from the content of the committed `.dvc/config`."""
    from dvc.config import Config, merge

    if root is not None:
        _require_own(root)
    read = parse_committed_config(committed)
    values: dict[str, Any] = {}
    with explained("your own configuration"):
        user = Config(local_dvc_dir=str(root / ".dvc") if root else None, validate=False)
        for level in ("system", "global"):
            merge(values, user.load_one(level))
        local = user.load_one("local") if root is not None else {}
    remotes, unplaced = _place_remotes(read, root)
    ignored = (*read.ignored, *unplaced, *_drop_foreign(values["remote"], remotes))
    default = {"remote": read.default} if read.default else {}
    merge(values, {"core": default, "cache": dict(read.cache), "remote": remotes})
    merge(values, local)
    core = {"remote": values["core"]["remote"].lower()} if values["core"].get("remote") else {}
    kept = {"core": core, "cache": values["cache"], "remote": _without_prompts(values["remote"])}
    endpoints = {
        name: settings["endpointurl"]
        for name, settings in remotes.items()
        if "endpointurl" in settings and "endpointurl" not in local.get("remote", {}).get(name, {})
    }
    return StorageConfig(kept, ignored, endpoints)


def read_work_tree_config(root: Path) -> StorageConfig:
    """The config for a work tree, whose `.dvc/config` is taken for committed."""
    return read_config(root, read_work_files(root, [CONFIG], most=1 << 20).get(CONFIG, b""))


def open_repository(folder: Path, config: StorageConfig, **core: object) -> Any:
    """A DVC repository at `folder` that is told `config` and reads no other; `core` are settings of our own."""
    values = {**config.values, "core": {**config.values["core"], **core}}
    return _repository_type()(str(folder), config=values)


def require_safe_endpoint(config: StorageConfig, name: str | None) -> None:
    """Raise WorldError where a session token would be sent to a server that the commit chose.

    A request is signed with a secret key, which stays here; its session token goes along as it is. A key without one
    may be used anywhere, for MinIO and its like are named in committed configs as a rule.
    """
    chosen = config.choose_remote(name)
    endpoint = config.endpoints.get(chosen)
    own = (os.environ.get("AWS_ENDPOINT_URL_S3"), os.environ.get("AWS_ENDPOINT_URL"))
    if endpoint is None or endpoint in own:
        return
    settings = config.values["remote"].get(chosen, {})
    if settings.get("session_token") or (not _is_anonymous(settings) and _finds_session_token(settings)):
        raise WorldError(
            f"the committed {CONFIG} would have your AWS session token sent to {endpoint}",
            hint=f"if you trust it: dvc remote modify --local {chosen} endpointurl {endpoint}",
        )


def _is_anonymous(settings: Mapping[str, Any]) -> bool:
    return str(settings.get("allow_anonymous_login", "")).lower() == "true"


def _finds_session_token(settings: Mapping[str, Any]) -> bool:
    """Whether the credentials that boto3 finds, wherever it finds them, are good for a session only."""
    if settings.get("access_key_id") and settings.get("secret_access_key"):
        return False
    try:
        from botocore.session import Session
    except ImportError:
        return False  # then DVC has no S3 either, and says so
    found = Session(profile=settings.get("profile")).get_credentials()
    return found is not None and bool(found.get_frozen_credentials().token)


@cache
def _repository_type() -> Any:
    """DVC's repository, but for its config: the one that it was given, and not one level among others."""
    from dvc.repo import Repo

    return type("Repository", (Repo,), {"config": property(_read_told)})


def _read_told(repository: Any) -> Any:
    from dvc.config import Config

    if "_told" not in vars(repository):
        told = Config(local_dvc_dir=repository.local_dvc_dir, validate=False)
        told.clear()
        told.update(Config.validate(repository._config))
        repository._told = told
    return repository._told


def _place_remotes(read: CommittedConfig, root: Path | None) -> tuple[dict[str, dict[str, str]], list[str]]:
    """The committed remotes, local ones by their absolute paths, and those whose path means nothing without a clone."""
    placed: dict[str, dict[str, str]] = {}
    unplaced: list[str] = []
    for name, settings in read.remotes.items():
        url = settings["url"].removeprefix("file://")
        if "://" not in url:
            path = Path(os.path.expanduser(url))
            if root is None and not path.is_absolute():
                unplaced.append(f"remote.{name}.url")
                continue
            url = os.path.normpath(root / ".dvc" / path if root else path)
        placed[name] = {**settings, "url": url}
    return placed, unplaced


def _drop_foreign(users: dict[str, Any], committed: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Take the user's settings of a remote away where a commit gives its name another URL: passwords would go there."""
    foreign = [name for name in users if name in committed and users[name].get("url") != committed[name]["url"]]
    for name in foreign:
        del users[name]
    return [f"your own settings of the remote {name}, which name another url or none" for name in foreign]


def _without_prompts(remotes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: {k: v for k, v in found.items() if k not in _PROMPTS} for name, found in remotes.items()}


def _require_own(root: Path) -> None:
    """Raise InvalidError where what DVC writes is a link, or `.dvc/config.local` came with a commit."""
    links = [name for name in _WRITTEN if (root / name).is_symlink()]
    if not links:
        shards = [place for folder in _SHARDS if (root / folder).is_dir() for place in os.scandir(root / folder)]
        links = [Path(place.path).relative_to(root).as_posix() for place in shards if place.is_symlink()]
    if links:
        raise InvalidError(
            f"{links[0]} is a symbolic link, and DVC would write through it",
            hint=f"rm {links[0]}; for a cache elsewhere: dvc cache dir --local PATH",
        )
    local = root / _LOCAL
    if local.exists() and not local.is_file():
        raise InvalidError(f"{_LOCAL} is no file", hint=f"rm '{local}'")
    if GitRepository(root).is_staged(_LOCAL):
        raise InvalidError(
            f"{_LOCAL} is committed, and it is where settings stand that only you may choose",
            hint=f"git rm --cached {_LOCAL}",
        )
