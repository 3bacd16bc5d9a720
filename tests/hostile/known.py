"""Which cases of the gallery fail today, and how. A test that passes in spite of its row here fails: remove the row."""

from __future__ import annotations

from collections.abc import Mapping

KNOWN: Mapping[str, str] = {}
