"""Hostile repositories whose tracking files, DVC configuration or checkpoints lead elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.hostile.place import CONTENT, MODEL, Place, track

Make = Callable[[Place], None]
FILE = "models/vit-l-base.dvc"
# From .dvc/cache/files, and from the cache of a throw-away folder below `tmp`, to the folder of the place.
UP = "../../../../.."


def _tracked(**changed: str) -> Make:
    """A tracking file that says something else than DVC writes; the tag records no digest."""
    return lambda place: place.land({FILE: track(CONTENT, **changed)}, content=None)


def _written(text: str) -> Make:
    """A tracking file with this text, in which {victim} and {evil} are filled in."""
    return lambda place: place.land({FILE: _fill(place, text)}, content=None)


def _configured(text: str) -> Make:
    """A .dvc/config with this text behind what names the storage."""

    def make(place: Place) -> None:
        config = (place.work / ".dvc/config").read_text()
        place.land({".dvc/config": config + _fill(place, text)})

    return make


def _stored_elsewhere(text: str) -> Make:
    """A .dvc/config that names another storage, for a checkpoint that no cache has."""

    def make(place: Place) -> None:
        config = "[core]\n    remote = s\n['remote \"s\"']\n" + _fill(place, text)
        place.land({".dvc/config": config, FILE: track("nowhere to be found")}, content="nowhere to be found")

    return make


def _imported(dep: str) -> Make:
    """A tracking file of an import from this source."""
    text = f"frozen: true\ndeps:\n- {dep}\nouts:\n- path: vit-l-base\n  hash: md5\n  md5: {'0' * 32}\n  size: 3\n"
    return _written(text)


def _listed(entries: object, *, raw: str | None = None) -> Make:
    """A folder whose listing in the storage holds these entries."""

    def make(place: Place) -> None:
        content = raw if raw is not None else json.dumps(entries)
        name = track(content).split("md5: ")[1].split("\n")[0]
        for store in (place.storage, place.work / ".dvc/cache"):
            file = store / "files/md5" / name[:2] / f"{name[2:]}.dir"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
            file.chmod(0o444)  # as DVC keeps it, which would see to that on reading
        place.land({FILE: track(content, md5=f"{name}.dir", nfiles="1")}, content=None)

    return make


def _linked(path: str, target: str) -> Make:
    """A link in the work tree and in the commit."""

    def make(place: Place) -> None:
        place.link(path, target)
        place.land()
        place.link(path, target)

    return make


def _beside(path: str, text: str) -> Make:
    """An honest version, and another hostile file that DVC finds when it looks at the whole work tree."""
    return lambda place: place.land({path: _fill(place, text)})


def _locked(text: str) -> Make:
    def make(place: Place) -> None:
        (place.work / FILE).unlink(missing_ok=True)
        place.git("rm", "-q", "--cached", FILE)
        place.land({"models/dvc.lock": text, FILE: ""}, content=None)

    return make


def _fill(place: Place, text: str) -> str:
    return text.replace("{victim}", str(place.victim)).replace("{evil}", place.evil)


def _committed_config_local(place: Place) -> None:
    place.write(".dvc/config.local", f"[cache]\n    dir = {place.victim / 'folder'}\n")
    place.git("add", "-f", ".dvc/config.local")
    place.land()


_MD5 = track(CONTENT).split("md5: ")[1].split("\n")[0]

TRACKINGS: dict[str, Make] = {
    "hash-is-a-path": _tracked(md5=f"{UP}/victim/thesis.txt"),
    "hash-is-an-absolute-path": _written(
        "outs:\n- {md5: '{victim}/thesis.txt', size: 3, hash: md5, path: vit-l-base}\n"
    ),
    "hash-of-a-folder-is-a-path": _tracked(md5=f"{UP}/victim/secret.json.dir"),
    "hash-with-a-newline": _tracked(md5=f'"{_MD5}\\n"'),
    "hash-is-a-number": _tracked(md5="12345678901234567890123456789012"),
    "hash-is-a-list": _tracked(md5=f"[{_MD5}]"),
    "hash-of-another-kind": _written("outs:\n- {etag: ../../x, size: 3, path: vit-l-base}\n"),
    "hash-name-is-a-path": _tracked(hash="../../../victim"),
    "size-is-a-word": _tracked(size="lots"),
    "size-is-a-map": _tracked(size="{a: 1}"),
    "size-is-negative": _tracked(size="-5"),
    "size-is-huge": _tracked(size="1" + "0" * 30),
    "path-goes-out": _tracked(path="../../victim/secret.txt"),
    "path-is-absolute": _written(f"outs:\n- {{md5: {_MD5}, size: 3, path: '{{victim}}/secret.txt'}}\n"),
    "wdir-goes-out": _written(f"wdir: ../../victim\nouts:\n- {{md5: {_MD5}, size: 3, path: vit-l-base}}\n"),
    "two-outs": _written(
        f"outs:\n- {{md5: {_MD5}, size: 3, path: vit-l-base}}\n- {{md5: {_MD5}, size: 3, path: '{{victim}}/x'}}\n"
    ),
    "out-with-a-remote": _tracked(remote="evil"),
    "out-with-versions": _tracked(cloud="{s: {etag: x, version_id: ../../x}}"),
    "out-with-files": _tracked(files=f"[{{relpath: ../../../victim/thesis.txt, md5: {_MD5}, size: 3}}]"),
    "listing-goes-out": _listed([{"md5": _MD5, "relpath": "../../victim/thesis.txt"}]),
    "listing-is-absolute": _listed([{"md5": _MD5, "relpath": "/tmp/victim/thesis.txt"}]),
    "listing-with-a-hash-that-is-a-path": _listed([{"md5": f"{UP}/victim/thesis.txt", "relpath": "a"}]),
    "listing-is-no-list": _listed({"md5": _MD5}),
    "listing-with-a-nul": _listed([{"md5": _MD5, "relpath": "a\0b"}]),
    "listing-nested-deeply": _listed(None, raw="[" * 100_000),
    "listing-of-200000-files": _listed([{"md5": _MD5, "relpath": f"f{number}"} for number in range(200_000)]),
    "import-through-http-dots": _imported('{path: "http://../secret.txt", repo: {url: "{victim}"}}'),
    "import-from-a-local-repository": _imported('{path: secret.txt, repo: {url: "{victim}", rev_lock: abc}}'),
    "import-with-a-config-file": _imported(
        'path: secret.txt\n  repo: {url: "{victim}", config: "{victim}/secret.yaml", rev_lock: abc}'
    ),
    "import-from-a-remote-by-name": _imported("path: remote://s/../victim/secret.txt"),
    "import-from-a-file-url": _imported('path: "file://{victim}/secret.txt"'),
    "import-with-options": _imported(
        'path: s3://bucket/key\n  fs_config: {endpointurl: "http://127.0.0.1:9", configpath: "{victim}/aws.cfg"}'
    ),
    "import-over-plain-http": _imported("path: http://127.0.0.1:9/secret.txt"),
    "import-over-ssh": _imported("path: ssh://evil.example/secret.txt"),
    "lock-goes-out": _locked(
        f"schema: '2.0'\nstages:\n  s: {{cmd: x, outs: [{{path: vit-l-base, md5: '{UP}/victim/thesis.txt', size: 3}}]}}\n"
    ),
    "lock-of-100000-outs": _locked(
        "schema: '2.0'\nstages:\n  s:\n    cmd: x\n    outs:\n"
        + "".join(f"    - {{path: f{number}, md5: {_MD5}}}\n" for number in range(60_000))
    ),
    "cache-outside": _configured("[cache]\n    dir = ../../victim/folder\n"),
    "cache-of-links": _configured("[cache]\n    type = symlink\n    shared = group\n"),
    "state-outside": _configured(
        "[core]\n    site_cache_dir = ../../victim/folder\n[state]\n    dir = ../../victim/folder\n"
    ),
    "plugins-of-python": _configured("[hydra]\n    enabled = true\n    plugins_path = ../victim\n"),
    "config-is-no-config": _configured("[[[\n"),
    "config-of-control-characters": _configured("[core]\n    \x1b]0;evil\x07 = ::error::evil\n"),
    "config-is-a-link": _linked(".dvc/config", "../../victim/aws.cfg"),
    "config-local-is-committed": _committed_config_local,
    "storage-with-a-credential-process": _stored_elsewhere(
        "    url = s3://bucket/path\n    endpointurl = http://127.0.0.1:9\n    configpath = ../../victim/aws.cfg\n"
    ),
    "storage-with-credentials-of-others": _stored_elsewhere(
        "    url = s3://bucket/path\n    endpointurl = http://127.0.0.1:9\n    credentialpath = ../../victim/aws.cfg\n"
    ),
    "storage-with-a-certificate": _stored_elsewhere(
        "    url = https://127.0.0.1:9/x\n    ssl_verify = ../../victim/secret.txt\n"
        "    cert_path = ../../victim/secret.txt\n    key_path = ../../victim/secret.txt\n"
    ),
    "storage-that-asks-for-a-password": _stored_elsewhere(
        "    url = http://127.0.0.1:9/x\n    auth = basic\n    user = u\n    ask_password = true\n"
    ),
    "storage-with-a-password": _stored_elsewhere(
        "    url = http://user:the-secret-that-nobody-may-read@127.0.0.1:9/x\n"
    ),
    "storage-on-another-host": _stored_elsewhere("    url = https://evil.example/x\n    proxy = http://127.0.0.1:9\n"),
    "storage-of-no-kind": _stored_elsewhere("    url = \x1b]0;evil\x07://::error::\n"),
    "storage-named-by-a-loop": _stored_elsewhere("    url = remote://s/x\n"),
    "dvc-folder-is-a-link": _linked(".dvc", "../victim/folder"),
    "dvc-cache-is-a-link": _linked(".dvc/cache", "../../victim/folder"),
    "dvc-tmp-is-a-link": _linked(".dvc/tmp", "../../victim/folder"),
    "data-is-a-link": _linked("models/vit-l-base", "../../victim/secret.txt"),
    "data-folder-is-a-link": _linked("models", "../victim"),
    "tracking-file-is-a-link": _linked(FILE, "../../victim/secret.yaml"),
    "pipeline-reads-a-file": _beside(
        "dvc.yaml", "vars:\n- ../victim/secret.yaml\nstages:\n  s: {cmd: 'echo ${password}'}\n"
    ),
    "pipeline-of-nonsense": _beside("dvc.yaml", "stages: [[[1]]]\nartifacts: 3\n"),
    "another-tracking-file-imports": _beside(
        "other.dvc",
        "frozen: true\ndeps:\n- path: secret.txt\n  repo: {url: '{victim}', config: '{victim}/secret.yaml'}\n"
        "outs:\n- {path: other, md5: 00000000000000000000000000000000}\n",
    ),
    "another-tracking-file-is-a-link": _linked("other.dvc", "../victim/secret.yaml"),
    "ignore-file-is-a-link": _linked(".dvcignore", "../victim/secret.txt"),
    "model-is-the-git-folder": lambda place: place.land(
        {"artifacts.yaml": f"{MODEL}: {{path: .git/config}}\n", ".git.dvc": track(CONTENT, path=".git")}
    ),
}
