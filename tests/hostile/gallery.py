"""Every hostile repository, by kind; and which commands each kind bears on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.hostile.clones import CLONES
from tests.hostile.place import Place
from tests.hostile.policies import POLICIES
from tests.hostile.refs import REFS
from tests.hostile.targets import REPORTS, TARGETS
from tests.hostile.texts import MANIFESTS, SAID, TOLD
from tests.hostile.trackings import TRACKINGS

KINDS: Mapping[str, Mapping[str, Callable[[Place], None]]] = {
    "tracking": TRACKINGS,
    "manifest": MANIFESTS,
    "said": SAID,
    "told": TOLD,
    "refs": REFS,
    "clone": CLONES,
    "target": TARGETS,
    "report": REPORTS,
    "policy": POLICIES,
}
GALLERY = {name: (kind, make) for kind, cases in KINDS.items() for name, make in cases.items()}
