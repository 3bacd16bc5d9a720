"""Honest repositories beside hostile targets and reports: folders and files that the registry did not write."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping

from tests.hostile.place import MODEL, VERSION, Place
from tests.hostile.texts import EVERYTHING

Make = Callable[[Place], None]
_FOLDERS = ("deploy", "kustomize", "triton", "agent", "triton-agent", "index")
_DEPLOYMENT = {
    "model": MODEL,
    "stage": "production",
    "version": "1.0",
    "sequence": 1,
    "event": f"{MODEL}#production#1",
    "id": "0" * 40,
    "tag": f"{MODEL}@1.0",
    "commit": "0" * 40,
    "path": "m",
    "sha256": "0" * 64,
    "size": 3,
}


def _linked(path: str, target: str) -> Make:
    """A link where a target has a file or folder: in each target that has such a place."""

    def make(place: Place) -> None:
        place.land()
        for folder in _FOLDERS:
            link = place.out / folder / path
            link.parent.mkdir(parents=True, exist_ok=True)
            up = "../" * (len(link.relative_to(place.folder).parts) - 1)
            link.symlink_to(f"{up}{target}")

    return make


def _written(path: str, text: str | bytes) -> Make:
    """A file in each target."""

    def make(place: Place) -> None:
        place.land()
        for folder in _FOLDERS:
            file = place.out / folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())

    return make


def _remembered(**changed: object) -> Make:
    """A target whose state file says so, in the words of one that gitcellar wrote."""
    said: Mapping[str, object] = {
        "schema": 1,
        "source": None,
        "render": None,
        "scope": None,
        "deployments": {},
        "sequences": {},
        "tips": {},
    }
    return _written(".gitcellar/reconciled.json", json.dumps({**said, "files": {}, "coming": {}, **changed}))


def _deployed(**changed: object) -> Make:
    return _remembered(deployments={f"{MODEL}#production": {**_DEPLOYMENT, **changed}})


def _agent_memory(**changed: object) -> Make:
    kept = {f"{MODEL}#production": [{**_DEPLOYMENT, **changed}]}
    return _written(".gitcellar/agent.json", json.dumps({"failed": {}, "kept": kept}))


def _reported(**changed: object) -> Make:
    said: Mapping[str, object] = {"site": "s", "model": MODEL, "stage": "production", "digest": "0" * 64, "at": "now"}
    return _report(json.dumps({**said, **changed}))


def _report(text: str | bytes) -> Make:
    def make(place: Place) -> None:
        place.land()
        (place.status / "x.json").write_bytes(text if isinstance(text, bytes) else text.encode())

    return make


def _reports_by_link(place: Place) -> None:
    place.land()
    (place.status / "x.json").symlink_to("../victim/secret.json")
    (place.status / "y.json").symlink_to("/dev/zero")


def _reports_by_pipe(place: Place) -> None:
    place.land()
    os.mkfifo(place.status / "x.json")


def _pipes(place: Place) -> None:
    """Named pipes, which nobody writes to, where files of the work tree and of targets are read."""
    place.land()
    for path in ("artifacts.yaml", "gitcellar.yaml", "metrics.json", "models/vit-l-base", ".dvc/config.local"):
        (place.work / path).unlink(missing_ok=True)
        os.mkfifo(place.work / path)
    for folder in _FOLDERS:
        (place.out / folder / ".gitcellar").mkdir(parents=True)
        os.mkfifo(place.out / folder / ".gitcellar/reconciled.json")
        os.mkfifo(place.out / folder / ".gitcellar/agent.json")


def _crowded(place: Place) -> None:
    """A target in which the names to be written are folders, or folders are files."""
    place.land()
    for folder in _FOLDERS:
        (place.out / folder).mkdir()
        for name in (".gitcellar", "index.json"):
            (place.out / folder / name).write_text("x") if name == ".gitcellar" else (place.out / folder / name).mkdir()


TARGETS: dict[str, Make] = {
    "state-lists-a-file-outside": _remembered(
        files={"../../victim/thesis.txt": "0" * 64, "../../victim/secret.txt": "0" * 64}
    ),
    "state-was-writing-a-file-outside": _remembered(coming={"../../victim/thesis.txt": "0" * 64}),
    "state-lists-an-absolute-file": lambda place: _remembered(files={str(place.victim / "thesis.txt"): "0" * 64})(
        place
    ),
    "state-of-another-stage-by-path": _deployed(stage="../../../victim", model="../../victim"),
    "state-of-a-version-by-path": _deployed(version="../../../../victim/x"),
    "state-of-a-digest-by-path": _deployed(sha256="../../../../victim"),
    "state-of-a-path-that-goes-out": _deployed(path="../../../victim/secret.txt"),
    "state-of-a-huge-sequence": _deployed(sequence=10**400),
    "state-of-escapes": _deployed(version=EVERYTHING, path=EVERYTHING, tag=EVERYTHING),
    "state-is-no-json": _written(".gitcellar/reconciled.json", "[" * 100_000),
    "state-of-6000-digits": _written(".gitcellar/reconciled.json", "9" * 6_000),
    "state-is-not-utf-8": _written(".gitcellar/reconciled.json", b"\xff\xfe"),
    "memory-of-a-version-by-path": _agent_memory(version="../../../../victim/x", sha256="../../../../victim"),
    "memory-of-a-model-by-path": _agent_memory(model="../../victim", stage="folder"),
    "memory-is-no-json": _written(".gitcellar/agent.json", "[" * 100_000),
    "link-of-the-state-folder": _linked(".gitcellar", "victim/folder"),
    "link-of-the-state-file": _linked(".gitcellar/reconciled.json", "victim/secret.json"),
    "link-of-the-lock": _linked(".gitcellar/lock", "victim/thesis.txt"),
    "link-of-the-weights": _linked(".gitcellar/weights", "victim/folder"),
    "link-of-a-rack": _linked("vit-l", "victim/folder"),
    "link-of-a-model": _linked("vit-l/base", "victim/folder"),
    "link-of-a-stage": _linked("vit-l/base/production", "victim/folder"),
    "link-of-a-version": _linked(f"vit-l/base/production/{VERSION}", "victim/folder"),
    "link-of-the-current-one": _linked("vit-l/base/production/current", "victim/secret.txt"),
    "link-of-a-repository": _linked("repository", "victim/folder"),
    "link-of-an-index": _linked("index.json", "victim/thesis.txt"),
    "link-of-the-index-folder": _linked("models", "victim/folder"),
    "target-in-the-way": _crowded,
    "pipes": _pipes,
}

REPORTS: dict[str, Make] = {
    "report-of-escapes": _reported(site=EVERYTHING, at=EVERYTHING, reason=EVERYTHING, version=EVERYTHING),
    "report-of-a-model-by-path": _reported(model="../../victim", stage="--upload-pack=evil"),
    "report-of-a-model-with-globs": _reported(model="vit-l/*"),
    "report-of-a-surrogate": _report(
        '{"site": "\\ud800", "model": "vit-l/base", "stage": "x", "digest": null, "at": "\\udfff"}'
    ),
    "report-nested-deeply": _report("[" * 200_000),
    "report-of-6000-digits": _report("9" * 6000),
    "report-of-a-name": _report('{"site": "s", "model": {}, "stage": [], "digest": 1, "at": null}'),
    "report-of-100000-sites": _report(
        "["
        + ",".join(
            f'{{"site":"s{n}","model":"m/m{n % 300}","stage":"x","digest":null,"at":"t"}}' for n in range(50_000)
        )
        + "]"
    ),
    "report-is-a-link": _reports_by_link,
    "report-is-a-pipe": _reports_by_pipe,
}
