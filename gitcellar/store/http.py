"""How is something sent or asked for over HTTP? In bounded time, no redirects followed on posting, nothing trusted.

The only module that imports requests. May import core.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitcellar.core.errors import InvalidError, NotFoundError, WorldError

if TYPE_CHECKING:
    import requests

_PAUSES = (0.0, 0.5, 1.0, 2.0)
_CHUNK = 64 * 1024
MOST_BYTES = 16 * 1024 * 1024
_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer may take, in seconds: to connect to one address, between two bytes, and as a whole."""

    connect: float = 5.0
    between: float = 10.0
    whole: float = 60.0


PATIENCE = Patience()


def is_url(where: str) -> bool:
    """Whether this is reached over HTTP, and no path."""
    return where.startswith(("http://", "https://"))


def post(
    url: str,
    body: bytes,
    *,
    content_type: str,
    secret: bytes | None = None,
    patience: Patience = PATIENCE,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> None:
    """Post `body`, four times at most, with pauses that grow. Raise WorldError where it was not accepted.

    `patience` is for one try.

    With a secret the header Gitcellar-Signature holds `sha256=` and the HMAC-SHA256 of `TIME.BODY`, where TIME are the
    seconds in Gitcellar-Time: who receives it can refuse what is old.
    """
    import requests

    _require_url(url)
    said = ""
    for pause in _PAUSES:
        sleep(pause)
        headers = {"Content-Type": content_type, **_sign(body, secret, int(now()))}
        try:
            # The answer's body is never read: its sender could go on for ever.
            with (
                _open_session(patience) as session,
                session.post(
                    url,
                    data=body,
                    headers=headers,
                    timeout=(patience.connect, patience.between),
                    allow_redirects=False,
                    stream=True,
                ) as answer,
            ):
                if answer.ok and not answer.is_redirect:
                    return
                said = f"it answered {answer.status_code}"
                if answer.is_redirect:
                    said += ", and redirects are not followed"
                    break
        except requests.RequestException as error:
            said = type(error).__name__
    raise WorldError(f"{url} did not take it: {said}")


def get(url: str, *, patience: Patience = PATIENCE) -> bytes:
    """What stands at a URL, at most 16 MiB. Raise NotFoundError for 404, WorldError for what cannot be had in time."""
    import requests
    import urllib3

    _require_url(url)
    content = b""
    # Nothing is unpacked: a megabyte of zeros in gzip is a gigabyte.
    headers = {"Accept-Encoding": "identity"}
    try:
        with (
            _open_session(patience) as session,
            session.get(url, headers=headers, timeout=(patience.connect, patience.between), stream=True) as answer,
        ):
            if answer.status_code == requests.codes.not_found:
                raise NotFoundError(f"there is nothing at {url}")
            answer.raise_for_status()
            for chunk in answer.raw.stream(_CHUNK, decode_content=False):
                content += chunk
                if len(content) > MOST_BYTES:
                    raise WorldError(f"{url} is larger than {MOST_BYTES} bytes")
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise WorldError(f"cannot read {url}: {type(error).__name__}") from error
    return content


def _open_session(patience: Patience) -> requests.Session:
    """A session whose answers, redirects and all, end with the whole time: a socket's own timeout begins anew with
    every byte, so that one byte in nine seconds would hold whoever waits for the headers for ever."""
    import requests

    from gitcellar.store.http_deadline import DeadlineAdapter

    session = requests.Session()
    session.max_redirects = _REDIRECTS
    adapter = DeadlineAdapter(time.monotonic() + patience.whole)
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session


def _sign(body: bytes, secret: bytes | None, at: int) -> dict[str, str]:
    if secret is None:
        return {}
    signature = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Gitcellar-Time": str(at), "Gitcellar-Signature": f"sha256={signature}"}


def _require_url(url: str) -> None:
    if not is_url(url):
        raise InvalidError(f"{url!r} is no URL", hint="give one that begins with https://")
