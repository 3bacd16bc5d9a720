"""How is something sent or asked for over HTTP? With a time limit, no redirects followed on posting, nothing trusted.

The only module that imports requests. May import core.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable

from gitcellar.core.errors import InvalidError, NotFoundError, WorldError

_TIMEOUT = (5, 10)  # seconds to connect, and to wait for the next bytes
_PAUSES = (0.0, 0.5, 1.0, 2.0)
_MOST = 16 * 1024 * 1024


def is_url(where: str) -> bool:
    """Whether this is reached over HTTP, and no path."""
    return where.startswith(("http://", "https://"))


def post(
    url: str,
    body: bytes,
    *,
    content_type: str,
    secret: bytes | None = None,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> None:
    """Post `body`, again and again with pauses that grow. Raise WorldError where it was not accepted.

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
            with requests.post(
                url, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False, stream=True
            ) as answer:
                if answer.ok and not answer.is_redirect:
                    return
                said = f"it answered {answer.status_code}"
                if answer.is_redirect:
                    said += ", and redirects are not followed"
                    break
        except requests.RequestException as error:
            said = type(error).__name__
    raise WorldError(f"{url} did not take it: {said}")


def get(url: str) -> bytes:
    """What stands at a URL, at most 16 MiB. Raise NotFoundError for 404, WorldError for what cannot be had."""
    import requests

    _require_url(url)
    content = b""
    try:
        with requests.get(url, timeout=_TIMEOUT, stream=True) as answer:
            if answer.status_code == requests.codes.not_found:
                raise NotFoundError(f"there is nothing at {url}")
            answer.raise_for_status()
            for chunk in answer.iter_content(1024 * 1024):
                content += chunk
                if len(content) > _MOST:
                    raise WorldError(f"{url} is larger than {_MOST} bytes")
    except requests.RequestException as error:
        raise WorldError(f"cannot read {url}: {type(error).__name__}") from error
    return content


def _sign(body: bytes, secret: bytes | None, at: int) -> dict[str, str]:
    if secret is None:
        return {}
    signature = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Gitcellar-Time": str(at), "Gitcellar-Signature": f"sha256={signature}"}


def _require_url(url: str) -> None:
    if not is_url(url):
        raise InvalidError(f"{url!r} is no URL", hint="give one that begins with https://")
