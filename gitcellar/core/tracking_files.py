"""What do DVC's tracking files record? `.dvc` files, `dvc.lock` and the lists of folders, read into values.

They come from strangers, and DVC does whatever they say: a hash becomes a path that it writes to and deletes, an
import names files, programs and servers. So DVC never sees their text: it is given what these values say.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

from gitcellar.core.documents import DocumentError, parse_document
from gitcellar.core.errors import InvalidError
from gitcellar.core.json_text import parse_json
from gitcellar.core.path_lengths import find_length_fault

# About 150,000 files.
MAX_LIST_BYTES = 16 * 1024 * 1024
IMPORT_SCHEMES = ("https", "s3", "gs", "azure")

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
# An ETag is the name of an object in DVC's cache for an import that was not downloaded: it must be no path.
_ETAG = re.compile(r'(W/)?"?[A-Za-z0-9][A-Za-z0-9+=_:.,-]{0,199}"?')
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+=-]{0,1023}")
_REMOTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# A host or a bucket, without a user or a password.
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(:[0-9]{1,5})?")
_GIT_URL = re.compile(r"(https://|ssh://(?!-)|git@(?!-))[A-Za-z0-9._@:/~+-]+")
# DVC keeps these out of what it tracks; in a folder that is delivered they would set up a repository.
_RESERVED = (".git", ".dvc")
_ANNOTATIONS = ("desc", "type", "labels", "meta")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What DVC recorded of one file or folder. `md5` ends in `.dir` for a folder; `size` is in bytes."""

    md5: str | None = None
    size: int | None = None
    nfiles: int | None = None
    etag: str | None = None
    checksum: str | None = None
    version_id: str | None = None


@dataclass(frozen=True, slots=True)
class CloudCopy:
    """A copy that a remote with versions of its own keeps."""

    remote: str
    recorded: Recorded


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file of a folder: its path below the folder, which cannot lead out of it."""

    path: str
    recorded: Recorded
    cloud: CloudCopy | None = None


@dataclass(frozen=True, slots=True)
class CloudSource:
    """What an import stands for: a cloud URL whose data was never downloaded. `files` are those of a folder."""

    url: str
    recorded: Recorded
    files: tuple[ListedFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedOutput:
    """A file or folder that DVC tracks: `path` is its place in the repository, `file` is what records it.

    `legacy` for a hash of DVC 2, which normalised line ends; `remote` where it has a remote of its own; `source` for
    an import that stays where it is, which has no md5; `produced` for the output of a command. `annotations` are text
    for people, kept for DVC to write back.
    """

    path: str
    file: str
    recorded: Recorded
    legacy: bool = False
    remote: str | None = None
    pushed: bool = True
    cloud: CloudCopy | None = None
    files: tuple[ListedFile, ...] = ()
    source: CloudSource | None = None
    imported: bool = False
    produced: bool = False
    annotations: Mapping[str, object]

    @property
    def md5(self) -> str | None:
        """The hash that names its data in a cache."""
        return self.recorded.md5

    @property
    def has_list(self) -> bool:
        """Whether its data is a folder whose files a list names, kept under the folder's hash."""
        return self.md5 is not None and self.md5.endswith(".dir") and not self.files


def parse_tracking_file(content: bytes, file: str) -> TrackedOutput | None:
    """Read a `.dvc` file, which tracks the path that it is named after. None where it tracks nothing.

    Raise InvalidError for anything that is not the record of one file or folder, and for an import of anything but a
    plain cloud URL or another repository.
    """
    node = _Node(file, "", parse_document(content, file).value)
    if node.value is None:
        return None
    at = file.removesuffix(".dvc")
    outs = node.get("outs").items()
    if len(outs) != 1:
        node.get("outs").refuse("tracks one file or folder, and not another number of them")
    if outs[0].get("path").text() != posixpath.basename(at) or node.get("wdir").text(".") != ".":
        raise InvalidError(f"{file} tracks something else than {at}", hint="track it anew: dvc add")
    # What a command needs is no import: DVC runs it, and nothing here does.
    produced = node.get("cmd").value is not None
    deps = [] if produced else node.get("deps").items()
    source = _parse_source(deps, frozen=node.get("frozen").value is True)
    return _parse_output(outs[0], at, source=source, imported=bool(deps), produced=produced)


def find_locked_output(content: bytes, file: str, path: str) -> TrackedOutput | None:
    """The output of a pipeline in a `dvc.lock` that is `path` or a folder around it."""
    folder = posixpath.dirname(file)
    for stage in _Node(file, "", parse_document(content, file).value).get("stages").values():
        for out in stage.get("outs").items():
            name = out.get("path").value
            at = posixpath.normpath(posixpath.join(folder, name)) if isinstance(name, str) else None
            if at is not None and (path == at or path.startswith(f"{at}/")):
                return _parse_output(out, at, produced=True)
    return None


def parse_folder_list(content: bytes, md5: str, path: str) -> tuple[ListedFile, ...]:
    """Read the list of the folder `path`, which is kept under its own hash. Raise InvalidError for any other list."""
    if len(content) > MAX_LIST_BYTES:
        raise InvalidError(f"the list of {path} has more than {MAX_LIST_BYTES} bytes")
    if f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}.dir" != md5:
        raise InvalidError(f"the list of {path} is not the one that was tracked", hint="it was changed or is damaged")
    try:
        value = parse_json(content, f"the list of {path}")
    except DocumentError as error:
        raise InvalidError(f"the list of {path} is no JSON") from error
    return _parse_files(_Node(f"the list of {path}", "", value), hashed=True)


def is_inside(path: str) -> bool:
    """Whether a path with `/` names something below a folder, on any system and whatever is put there."""
    parts = path.split("/")
    return (
        find_length_fault(path) is None
        and not {"\0", "\\"} & set(path)
        and all(part not in ("", ".", "..") and part.lower() not in _RESERVED for part in parts)
    )


def is_plain_url(url: str) -> bool:
    """Whether an import may come from `url`: a cloud's, with nothing in it but the place."""
    if len(url) > 2048 or not url.isprintable() or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    known = parts.scheme in IMPORT_SCHEMES and _HOST.fullmatch(parts.netloc) is not None
    return known and ".." not in parts.path.split("/") and not parts.fragment


@dataclass(frozen=True, slots=True)
class _Node:
    """A value of a document with its place there; None stands for what is not written."""

    file: str
    place: str
    value: object

    def refuse(self, reason: str) -> NoReturn:
        raise InvalidError(
            f"{self.file}: {self.place or 'it'} {reason}", hint="it did not come from DVC: track the data anew, dvc add"
        )

    def get(self, key: str) -> _Node:
        return _Node(self.file, f"{self.place}.{key}" if self.place else key, self._mapping().get(key))

    def values(self) -> list[_Node]:
        return [self.get(str(key)) for key in self._mapping()]

    def items(self) -> list[_Node]:
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            self.refuse("is no list")
        before = f"{self.place}." if self.place else ""
        return [_Node(self.file, f"{before}{number}", item) for number, item in enumerate(self.value)]

    def only(self, known: tuple[str, ...]) -> None:
        for key in self._mapping():
            if key not in known:
                self.refuse(f"says {str(key)!r:.60}, which is not allowed here")

    def text(self, default: str | None = None) -> str:
        if self.value is None and default is not None:
            return default
        if not isinstance(self.value, str):
            self.refuse(f"is no text, but {self.value!r:.60}")
        return self.value

    def matching(self, pattern: re.Pattern[str], what: str) -> str | None:
        if self.value is None or self.value == "":
            return None
        if not isinstance(self.value, str) or not pattern.fullmatch(self.value):
            self.refuse(f"is no {what}, but {self.value!r:.60}")
        return self.value

    def count(self) -> int | None:
        if self.value is None:
            return None
        if not isinstance(self.value, int) or isinstance(self.value, bool) or not 0 <= self.value < 2**63:
            self.refuse(f"is no number of bytes or files, but {self.value!r:.60}")
        return self.value

    def _mapping(self) -> Mapping[object, object]:
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            self.refuse("is no mapping")
        return self.value


def _parse_output(
    node: _Node, at: str, *, source: CloudSource | None = None, imported: bool = False, produced: bool = False
) -> TrackedOutput:
    if not is_inside(at):
        node.refuse(f"is at {at!r:.60}, which is no path inside the repository")
    if node.get("fs_config").value is not None:
        node.refuse("says 'fs_config', which is not allowed here")
    algorithm = node.get("hash").text("")
    if algorithm not in ("", "md5"):
        node.refuse(f"is hashed with {algorithm!r:.60}, where gitcellar reads md5")
    recorded = _parse_recorded(node)
    return TrackedOutput(
        path=at,
        file=node.file,
        recorded=recorded,
        legacy=not algorithm,
        remote=node.get("remote").matching(_REMOTE, "name of a remote"),
        pushed=node.get("push").value is not False,
        cloud=_parse_cloud(node.get("cloud")),
        files=_parse_files(node.get("files")),
        source=source if recorded.md5 is None else None,
        imported=imported,
        produced=produced,
        annotations={key: node.get(key).value for key in _ANNOTATIONS if node.get(key).value is not None},
    )


def _parse_recorded(node: _Node) -> Recorded:
    return Recorded(
        md5=node.get("md5").matching(_MD5, "md5"),
        size=node.get("size").count(),
        nfiles=node.get("nfiles").count(),
        etag=node.get("etag").matching(_ETAG, "ETag"),
        checksum=node.get("checksum").matching(_ETAG, "checksum"),
        version_id=node.get("version_id").matching(_VERSION, "id of a version"),
    )


def _parse_cloud(node: _Node) -> CloudCopy | None:
    copies = node.values()
    if not copies:
        return None
    name = copies[0].place.removeprefix(f"{node.place}.")
    if len(copies) > 1 or not _REMOTE.fullmatch(name):
        node.refuse("names no single remote")
    return CloudCopy(name, _parse_recorded(copies[0]))


def _parse_files(node: _Node, *, hashed: bool = False) -> tuple[ListedFile, ...]:
    """The files of a folder. Where they are `hashed` each is named by its md5 alone."""
    found: dict[str, ListedFile] = {}
    for item in node.items():
        path = item.get("relpath").text()
        if not is_inside(path):
            item.refuse(f"names {path!r:.60}, which would not stay inside the folder")
        if path in found:
            item.refuse(f"names {path!r:.60} a second time")
        listed = ListedFile(path, _parse_recorded(item), _parse_cloud(item.get("cloud")))
        if (listed.recorded.md5 or "").endswith(".dir") or (hashed and listed.recorded.md5 is None):
            item.refuse("names a file without its md5")
        found[path] = listed
    return tuple(found.values())


def _parse_source(deps: list[_Node], *, frozen: bool) -> CloudSource | None:
    """Where an import comes from. An import from another repository is known by its md5 alone."""
    if len(deps) > 1:
        deps[1].refuse("is a second source of one import")
    if not deps:
        return None
    (dep,) = deps
    if dep.get("repo").value is not None:
        dep.only(("path", "repo"))
        dep.get("repo").only(("url", "rev", "rev_lock"))
        if dep.get("repo").get("url").matching(_GIT_URL, "plain https or ssh URL") is None:
            dep.refuse("names a repository without its URL")
        return None
    dep.only(("path", "md5", "size", "nfiles", "etag", "checksum", "version_id", "files", "hash", "isexec"))
    url = dep.get("path").text()
    if not is_plain_url(url):
        dep.refuse(f"imports {url!r:.60}, where only plain {', '.join(IMPORT_SCHEMES)} URLs are allowed")
    return CloudSource(url, _parse_recorded(dep), _parse_files(dep.get("files"))) if frozen else None
