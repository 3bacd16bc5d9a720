"""Which part of a URL is a secret? What people and logs see goes without it. Pure; may import nothing."""

import re

# Always matches to the end of what could be a URL, so that no text makes it look at a letter more than a few times.
# A slash too few makes no URL of it, and no less a secret.
_URL = re.compile(r"(://|\bhttps?:/?(?!/))(?:[^\s/?#]*@)?([^\s?#]*)(?:\?[^\s#'\"]*)?")


def strip_credentials(text: str) -> str:
    """A URL, or words with URLs in them, without the user, the password and the query of each URL.

    A query may hold a token (`?private_token=…`, a signed link). `git@host:path` stays: SSH takes no password there.

    >>> strip_credentials("cannot read 'https://x-access-token:secret@example.com/m.git?token=secret'")
    "cannot read 'https://example.com/m.git'"
    """
    return _URL.sub(r"\1\2", text) if ":" in text else text
