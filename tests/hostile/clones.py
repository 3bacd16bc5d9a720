"""Clones that came from a stranger with their `.git` folder: configuration that starts programs, and odd layouts.

Hooks are not here: no clone brings them along, gitcellar installs some, and git runs them for whoever fetches.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from tests.hostile.place import MODEL, TREASURE, Place, in_turn

Make = Callable[[Place], None]


def _configured(*lines: str) -> Make:
    """A clone whose own configuration says so; {evil} and {victim} are filled in."""

    def make(place: Place) -> None:
        place.land()
        for line in lines:
            key, _, value = line.partition("=")
            place.git(
                "config",
                "--file",
                ".git/config",
                "--add",
                key,
                value.replace("{evil}", place.evil).replace("{victim}", str(place.victim)),
            )

    return make


def _filtered(place: Place) -> None:
    place.write(".gitattributes", "* filter=evil diff=evil merge=evil export-subst ident\n")
    place.git("add", ".gitattributes")
    place.git("commit", "-q", "--no-verify", "-m", "attributes")
    place.git("rm", "-q", "--cached", ".gitattributes")
    (place.work / ".gitattributes").unlink()
    place.land()
    place.write(".gitattributes", "* filter=evil diff=evil merge=evil\n")
    for key in (
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.textconv",
        "diff.evil.command",
    ):
        place.git("config", key, place.evil)
    # Its time no longer fits the index, so that git looks at its content.
    place.write("metrics.json", '{"accuracy": 0.91}\n')


def _lazy(place: Place) -> None:
    """A partial clone, whose missing objects git fetches by itself through a program of the remote."""
    place.land()
    lost = place.git("rev-parse", "HEAD:artifacts.yaml")
    file = place.work / ".git/objects" / lost[:2] / lost[2:]
    if not file.exists():
        pack = next((place.work / ".git/objects/pack").glob("*.pack"))
        content = pack.read_bytes()
        for each in pack.parent.glob("pack-*"):
            each.unlink()
        (place.folder / "pack").write_bytes(content)
        with open(place.folder / "pack", "rb") as stream:
            subprocess.run(["git", "unpack-objects", "-q"], cwd=place.work, stdin=stream, check=True)
    file.chmod(0o644)
    file.unlink()
    for key, value in (
        ("remote.origin.promisor", "true"),
        ("remote.origin.partialCloneFilter", "blob:none"),
        ("extensions.partialClone", "origin"),
        ("core.repositoryFormatVersion", "1"),
        ("remote.origin.uploadpack", place.evil),
    ):
        place.git("config", key, value)


def _alternates(place: Place) -> None:
    place.land()
    place.write(".git/objects/info/alternates", f"{place.victim}\n../../../victim/folder\n")


def _unborn(place: Place) -> None:
    place.land()
    place.write(".git/HEAD", "ref: refs/heads/unborn\n")


def _shallow(place: Place) -> None:
    place.land()
    place.write(".git/shallow", place.git("rev-parse", "HEAD") + "\n")


def _python_modules(place: Place) -> None:
    """Modules that Python imports before those of the library, where the current folder is on its path."""
    text = f"open({str(place.marker)!r}, 'w').close()\n"
    names = ("yaml", "json", "click", "dvc", "git", "usercustomize", "sitecustomize", "gitcellar", "requests", "dvc_s3")
    place.land({f"{name}.py": text for name in names})


CLONES: dict[str, Make] = {
    "config-fsmonitor": _configured("core.fsmonitor={evil}"),
    "config-ssh-command": _configured("core.sshCommand={evil}", "remote.origin.url=ssh://evil.example/x"),
    "config-upload-pack": _configured("remote.origin.uploadpack={evil}"),
    "config-receive-pack": _configured("remote.origin.receivepack={evil}"),
    "config-vcs-helper": _configured("remote.origin.vcs=evil"),
    "config-ext-url": _configured(
        "protocol.ext.allow=always", "remote.origin.pushurl=ext::{evil}", "url.ext::{evil}.insteadOf=file"
    ),
    "config-url-is-an-option": _configured(
        "remote.-x.url=--upload-pack={evil}", "remote.origin.pushurl=--receive-pack={evil}"
    ),
    "config-url-that-names-the-victim": _configured("url.{victim}/folder.insteadOf=file"),
    "config-proxy": _configured("core.gitProxy={evil}", "remote.origin.url=git://evil.example/x"),
    "config-credential-helper": _configured(
        "credential.helper={evil}", "core.askPass={evil}", "remote.origin.pushurl=http://127.0.0.1:9/x"
    ),
    "config-filters": _filtered,
    "config-external-diff": _configured(
        "diff.external={evil}", "diff.trustExitCode=true", "pager.diff={evil}", "core.pager={evil}"
    ),
    "config-signing-programs": _configured(
        "gpg.program={evil}", "gpg.ssh.program={evil}", "gpg.x509.program={evil}", "log.showSignature=true"
    ),
    "config-default-key-command": _configured("gpg.ssh.defaultKeyCommand={evil}", "user.signingKey="),
    "config-signing-key-is-a-secret": _configured(
        "user.signingKey={victim}/secret.txt", "gpg.ssh.allowedSignersFile={victim}/secret.txt"
    ),
    "config-aliases": _configured(
        *(f"alias.{verb}=!{{evil}}" for verb in ("show-ref", "for-each-ref", "cat-file", "ls-remote"))
    ),
    "config-includes": _configured("include.path={victim}/gitconfig", "includeIf.gitdir:**.path={victim}/gitconfig"),
    "config-trailers": _configured("trailer.model.command={evil}", "trailer.model.cmd={evil}", "trailer.separators=%"),
    "config-alternate-refs": _configured("core.alternateRefsCommand={evil}", "core.alternateRefsPrefixes=x"),
    "config-pack-objects-hook": _configured("uploadpack.packObjectsHook={evil}", "gc.recentObjectsHook={evil}"),
    "config-editor": _configured(
        "core.editor={evil}", "sequence.editor={evil}", "commit.gpgSign=true", "tag.gpgSign=true"
    ),
    "config-work-tree": _configured("core.worktree=../../victim"),
    "config-work-tree-of-the-system": _configured("core.worktree=/etc"),
    "config-attributes": _configured(
        "core.attributesFile={victim}/secret.txt", "core.excludesFile={victim}/secret.txt"
    ),
    "config-colours": _configured(
        "color.ui=always", "color.branch.current=red", "core.quotePath=false", "column.ui=always"
    ),
    "config-of-short-ids": _configured(
        "core.abbrev=4",
        "log.date=relative",
        "i18n.logOutputEncoding=UTF-16",
        "tag.sort=-refname",
        "grep.lineNumber=true",
    ),
    "config-hidden-refs": _configured(
        "transfer.hideRefs=refs/tags", "uploadpack.hideRefs=refs/gitcellar", "log.excludeDecoration=refs/tags"
    ),
    "config-signing-program-of-gitcellar": _configured("gitcellar.program={evil}"),
    "config-person": _configured("user.name=\x1b]0;evil\x07::error::", "user.email=\u202eevil"),
    "config-remote-with-a-password": _configured(f"remote.origin.pushurl=https://u:{TREASURE}@127.0.0.1:9/x"),
    "config-url-with-a-password": in_turn(
        Place.land,
        lambda place: place.git("config", "remote.origin.url", f"http://u:{TREASURE}@127.0.0.1:9/x"),
    ),
    "partial-clone": _lazy,
    "alternates": _alternates,
    "unborn-head": _unborn,
    "shallow": _shallow,
    "python-modules": _python_modules,
    "remote-head-elsewhere": in_turn(
        Place.land, lambda place: place.ref("refs/remotes/origin/HEAD", f"ref: refs/tags/{MODEL}@1.2")
    ),
}
