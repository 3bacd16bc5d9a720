"""What does a committed `.dvc/config` say of the storage? Read by an allow-list, for it comes from strangers.

DVC heeds every key of that file. Some name files and programs of the machine that reads it (`configpath`,
`credentialpath`, `keyfile`), turn a check off (`ssl_verify`, `verify = false`), choose an identity (`profile`), ask for
a password, or carry a header or a secret. Those are for `.dvc/config.local` and the user's own configuration. What is
read here names the storage, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gitcellar.core.errors import InvalidError

CONFIG = ".dvc/config"
# What belongs to one clone. Committed, it would choose settings for others, or be a link that DVC writes through.
LOCAL_PATHS = (".dvc/config.local", ".dvc/cache", ".dvc/tmp")
_MAX_BYTES = 64 * 1024

_SECTION = re.compile(r"""\[\s*(['"]?)(.*?)\1\s*\]\s*(#.*)?""")
_REMOTE_SECTION = re.compile(r'remote\s*"([^"]*)"')
_OPTION = re.compile(r"([A-Za-z0-9_]+)\s*=\s*(.*)")
_QUOTED = re.compile(r"""(['"])((?:(?!\1).)*)\1\s*(#.*)?""")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SERVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(:[0-9]{1,5})?")
_LOGIN = re.compile(r"([A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9._-]*(:[0-9]{1,5})?")
# What a URL may name after its scheme, for each storage that DVC knows. Nothing else is a place: remote:// takes over
# the settings of another remote, and a user or a password in an https URL would be sent.
_HOSTS = {
    "s3": _BUCKET,
    "gs": _BUCKET,
    "azure": _BUCKET,
    "oss": _BUCKET,
    "gdrive": _BUCKET,
    "hdfs": _LOGIN,
    "webhdfs": _LOGIN,
    "ssh": _LOGIN,
    "http": _SERVER,
    "https": _SERVER,
    "webdav": _SERVER,
    "webdavs": _SERVER,
}

Reader = Callable[[str], bool]


def _like(pattern: str) -> Reader:
    return lambda value: re.fullmatch(pattern, value) is not None


def _flag(*allowed: str) -> Reader:
    return lambda value: value.lower() in allowed


_NUMBER = _like(r"[1-9][0-9]{0,3}")
_THREADS = _like(r"[1-9][0-9]?")
_ANY_WAY = {"jobs": _THREADS, "checksum_jobs": _THREADS, "verify": _flag("true")}
_SECONDS = {"read_timeout": _NUMBER, "connect_timeout": _NUMBER}
# On a storage without versions, version_aware would have a file of this machine read by its path.
_VERSIONED = {"version_aware": _flag("true", "false"), "worktree": _flag("true", "false")}
_ANONYMOUS = {"allow_anonymous_login": _flag("true")}
_SETTINGS: Mapping[str, Mapping[str, Reader]] = {
    "s3": {
        **_VERSIONED,
        **_ANONYMOUS,
        **_SECONDS,
        "region": _like(r"[a-z0-9-]{1,50}"),
        "endpointurl": lambda value: is_server_url(value),
        "sse": _like(r"AES256|aws:kms|aws:kms:dsse"),
        "sse_kms_key_id": _like(r"[A-Za-z0-9:/_-]{1,2048}"),
    },
    # No endpointurl: a token that is good for all of the user's storage would be sent there.
    "gs": {**_VERSIONED, **_ANONYMOUS, "projectname": _like(r"[a-z0-9.:-]{1,100}")},
    # An account's name becomes a part of a host's.
    "azure": {**_VERSIONED, **_ANONYMOUS, "account_name": _like(r"[a-z0-9]{3,24}"), "read_timeout": _NUMBER},
    "oss": {"oss_endpoint": _like(r"([a-z0-9-]+\.)+aliyuncs\.com")},
    "ssh": {"user": _like(r"[A-Za-z0-9_][A-Za-z0-9._-]*"), "port": _like(r"[1-9][0-9]{0,4}")},
    "hdfs": {"user": _like(r"[A-Za-z0-9_][A-Za-z0-9._-]*")},
    "http": {**_SECONDS, "method": _like(r"POST|PUT")},
    "https": {**_SECONDS, "method": _like(r"POST|PUT")},
}
_CACHE = {
    "type": _like(r"(reflink|hardlink|symlink|copy)(\s*,\s*(reflink|hardlink|symlink|copy))*"),
    "shared": _flag("group"),
}
# What bears on nothing that gitcellar asks of DVC, so that leaving it out deserves no word.
_UNRELATED = ("analytics", "autostage", "check_update", "checksum_jobs", "experiments", "hardlink_lock", "interactive")


@dataclass(frozen=True, slots=True)
class CommittedConfig:
    """What a committed config says of the storage: the default remote, each remote's settings, and the cache's.

    `ignored` are the keys that were left out, such as `remote.storage.configpath`.
    """

    default: str | None = None
    remotes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    cache: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


def parse_committed_config(content: bytes) -> CommittedConfig:
    """Read `.dvc/config`. Raise InvalidError where it is not such a file; leave out what only the user may say."""
    sections = _read_sections(content)
    default: str | None = None
    remotes: dict[str, Mapping[str, str]] = {}
    cache: dict[str, str] = {}
    ignored: list[str] = []
    for section, options in sections.items():
        named = _REMOTE_SECTION.fullmatch(section)
        if named is not None:
            settings = _pick_remote(options)
            if settings is not None and _NAME.fullmatch(named[1]):
                remotes[named[1].lower()] = settings
            ignored += [f"remote.{named[1]}.{key}" for key in options if key not in (settings or {})]
        elif section == "cache":
            cache = {key: value for key, value in options.items() if key in _CACHE and _CACHE[key](value)}
            ignored += [f"cache.{key}" for key in options if key not in cache]
        elif section == "core":
            default = options.get("remote", "").lower() or None
            ignored += [f"core.{key}" for key in options if key not in ("remote", *_UNRELATED)]
    return CommittedConfig(default, remotes, cache, tuple(ignored))


def is_server_url(url: str) -> bool:
    """Whether a URL is that of an HTTP server, without a user, a password or a query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    plain = url.isprintable() and not {" ", "\\", "?", "#"} & set(url)
    return parts.scheme in ("http", "https") and _SERVER.fullmatch(parts.netloc) is not None and plain


def _pick_remote(options: Mapping[str, str]) -> Mapping[str, str] | None:
    """The allowed settings of a remote; None where its URL is no place."""
    url = options.get("url", "")
    scheme = _find_scheme(url)
    if scheme is None:
        return None
    allowed = {**_ANY_WAY, **_SETTINGS.get(scheme, {})}
    return {"url": url, **{key: value for key, value in options.items() if key in allowed and allowed[key](value)}}


def _find_scheme(url: str) -> str | None:
    """The scheme of a remote's URL, empty for a path of this machine; None for what is no place of storage."""
    if not url or len(url) > 2048 or not url.isprintable() or url.startswith("-"):
        return None
    if "://" not in url:
        return "" if not re.match(r"[A-Za-z0-9]+:", url) else None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    host = _HOSTS.get(parts.scheme)
    if parts.scheme == "file":
        return "" if not parts.netloc else None
    return parts.scheme if host is not None and host.fullmatch(parts.netloc) and "\\" not in url else None


def _read_sections(content: bytes) -> dict[str, dict[str, str]]:
    """The sections of a file as `dvc config` writes it. Raise InvalidError for nesting, lists over lines and the like.

    DVC's own reader, ConfigObj, knows more. A file that the two could read differently is refused.
    """
    if len(content) > _MAX_BYTES:
        raise InvalidError(f"{CONFIG} has {len(content)} bytes, and {_MAX_BYTES} are the most")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidError(f"{CONFIG} is not UTF-8") from error
    sections: dict[str, dict[str, str]] = {}
    options: dict[str, str] = {}
    for number, line in enumerate((line.strip() for line in re.split(r"\r?\n", text)), start=1):
        if not line or line.startswith("#"):
            continue
        section, option = _SECTION.fullmatch(line), _OPTION.fullmatch(line)
        value = _read_value(option[2]) if option else None
        name = section[2].lower() if section else ""
        if section and not name.startswith("[") and name not in sections:
            options = sections[name] = {}
        elif option and value is not None and sections and option[1].lower() not in options:
            options[option[1].lower()] = value
        else:
            raise InvalidError(f"{CONFIG}:{number}: {line!r:.60} is no [section] or key = value of its own")
    return sections


def _read_value(text: str) -> str | None:
    """A value without its quotes and its comment; None for one that goes on over several lines."""
    if text.startswith(("'''", '"""')):
        return None
    if text.startswith(("'", '"')):
        quoted = _QUOTED.fullmatch(text)
        return quoted[2] if quoted else None
    return text.partition("#")[0].strip()
