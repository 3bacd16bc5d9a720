"""Where does an event go? To a program or a webhook, as a CloudEvent. May import click and this door's output."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from gitcellar.core.cloud_events import Happening, format_cloud_event, format_variables
from gitcellar.core.errors import InvalidError
from gitcellar.store.commands import run_command, split_command
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RefSource
from gitcellar.store.http import post

Sink = Callable[[Happening], None]
SIGNING_VARIABLE = "GITCELLAR_SECRET"
_CONTENT_TYPE = "application/cloudevents+json"


def name_source(source: RefSource) -> str:
    """The cellar as an event names it: a URL."""
    if not isinstance(source, GitRepository):
        return source.url
    return source.find_remote_url("origin") or source.path.resolve().as_uri()


def find_sinks(where: str, command: str | None, url: str | None) -> list[Sink]:
    """What is done with each event of the cellar `where`: the command is run, the URL is posted to."""
    sinks: list[Sink] = []
    if command is not None:
        words = split_command(command)
        sinks.append(lambda happening: _run(words, happening, where))
    if url is not None:
        secret = os.environ.get(SIGNING_VARIABLE, "").encode() or None
        sinks.append(lambda happening: post(url, _encode(happening, where), content_type=_CONTENT_TYPE, secret=secret))
    return sinks


def _encode(happening: Happening, where: str) -> bytes:
    return json.dumps(format_cloud_event(happening, where), allow_nan=False).encode()


def _run(words: list[str], happening: Happening, where: str) -> None:
    status = run_command(words, Path.cwd(), format_variables(happening), stdin=_encode(happening, where))
    if status != 0:
        about = happening.tag or happening.kind
        raise InvalidError(f"{words[0]} ended with exit code {status} for {about}")
