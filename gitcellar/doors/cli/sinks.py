"""Where does an event go? To a program or a webhook, as a CloudEvent. May import click and this door's output."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

from gitcellar.core.cloud_events import Happening, Kind, format_cloud_event, format_variables, make_notice
from gitcellar.core.deployments import Step
from gitcellar.core.errors import InvalidError
from gitcellar.gitops.identity import identify
from gitcellar.store.commands import run_command, split_command
from gitcellar.store.git_remote import RefSource
from gitcellar.store.http import post

CellarName = Callable[[], str]
Sink = Callable[[Happening], None]
SIGNING_VARIABLE = "GITCELLAR_SECRET"
_CONTENT_TYPE = "application/cloudevents+json"
_NOTICES: Mapping[str, Kind] = {"held": "held", "withdrawn": "withdrawn-live", "mended": "mended"}


def name_cellar(source: RefSource) -> CellarName:
    """The cellar as its events name it: asked for when the first event is told, and then remembered."""
    return cache(lambda: identify(source).name)


def find_sinks(cellar: CellarName, command: str | None, url: str | None) -> list[Sink]:
    """What is done with each event of a cellar: the command is run, the URL is posted to."""
    sinks: list[Sink] = []
    if command is not None:
        words = split_command(command)
        sinks.append(lambda happening: _run(words, happening, cellar()))
    if url is not None:
        secret = os.environ.get(SIGNING_VARIABLE, "").encode() or None
        sinks.append(
            lambda happening: post(url, _encode(happening, cellar()), content_type=_CONTENT_TYPE, secret=secret)
        )
    return sinks


def tell_step(sinks: Iterable[Sink], step: Step, at: str) -> None:
    """Tell what a loop finds beside the registry's own events; nothing where everything is as it should be.

    A slot that was emptied because its version was withdrawn is `held`: the registry names a version, and nothing runs.
    """
    kind = _NOTICES.get(step.status) or (None if step.ok else "held")
    if kind is not None:
        notice = make_notice(kind, step.slot, step.version, step.reason, at)
        for sink in sinks:
            sink(notice)


def _encode(happening: Happening, cellar: str) -> bytes:
    return json.dumps(format_cloud_event(happening, cellar), allow_nan=False).encode()


def _run(words: list[str], happening: Happening, cellar: str) -> None:
    status = run_command(words, Path.cwd(), format_variables(happening), stdin=_encode(happening, cellar))
    if status != 0:
        about = happening.tag or happening.kind
        raise InvalidError(f"{words[0]} ended with exit code {status} for {about}")
