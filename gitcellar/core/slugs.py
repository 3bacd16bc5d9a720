"""What is a model's stage called where names are short? In Kubernetes, Compose and Triton, and as a file."""

from __future__ import annotations

import hashlib
import re

# The longest name of a Kubernetes object that every kind takes, without the `-predictor` that KServe puts behind it.
_LABEL = 63 - len("-predictor")
_SLUG_DIGEST = 20  # 80 bits: of 32, four billion names on average hold one with the slug of another model


def make_slug(model: str, stage: str) -> str:
    """A name of at most 53 lower-case letters, digits and `-`, which begins with a letter; another one for every slot.

    So it is a label by RFC 1035, as the names of Kubernetes services are.
    """
    parts = [*model.split("/"), stage]
    joined = "--".join(parts)
    fits = joined[0].isalpha() and len(joined) <= _LABEL
    if fits and all(re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", part) for part in parts):
        return joined
    digest = hashlib.sha256(f"{model}#{stage}".encode()).hexdigest()[:_SLUG_DIGEST]
    plain = re.sub("[^a-z0-9]+", "-", f"{model}-{stage}".lower()).strip("-")
    lettered = plain if re.match("[a-z]", plain) else f"m-{plain}"
    return f"{lettered[: _LABEL - _SLUG_DIGEST - 1].rstrip('-')}-{digest}"
