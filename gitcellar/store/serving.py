"""Where do weights stand on a machine that serves? By content, with links that are swapped in one step.

Below the folder: `.gitcellar/weights/SHA256/` holds each checkpoint once. The plain layout has MODEL/STAGE/VERSION and
MODEL/STAGE/current; the Triton layout repository/SLUG/SEQUENCE/model.SUFFIX. Those links are made, swapped and removed,
and never walked through. May import core.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Literal

from gitcellar.core.deployments import Deployment
from gitcellar.core.errors import InvalidError
from gitcellar.core.versions import find_version
from gitcellar.store.delivery import discard
from gitcellar.store.inside import find_inside

Layout = Literal["plain", "triton"]
_WEIGHTS = ".gitcellar/weights"


class Shelf:
    """The folder in which an agent keeps what is served."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self.folder = folder
        self.layout = layout

    def require_place(self, deployment: Deployment) -> None:
        """Raise InvalidError for a slot whose folder would stand where another model's link does.

        In the stage production the model `a/production/1.0` would be inside what `a` serves as 1.0.
        """
        inner = (*deployment.model.split("/"), deployment.stage)[1:]
        for folder, name in itertools.pairwise(inner):
            if self.layout == "plain" and folder == deployment.stage and (name == "current" or find_version(name)):
                message = f"{deployment.model} cannot be served beside a model whose versions stand in {folder}/"
                raise InvalidError(message, hint="rename the model, or serve it with --layout triton")

    def find_weights(self, deployment: Deployment) -> Path:
        """Where the checkpoint stands, or will: under its own name, in a folder named by its digest."""
        if deployment.sha256 is None or deployment.path is None:
            raise InvalidError(f"{deployment.tag} records no digest, and nothing unverified is served")
        return find_inside(self.folder, f"{_WEIGHTS}/{deployment.sha256}/{PurePosixPath(deployment.path).name}")

    def find_entrance(self, deployment: Deployment) -> Path:
        """What a server opens: the link that always leads to what is current, or Triton's folder of the model."""
        if self.layout == "plain":
            return find_inside(self.folder, f"{deployment.model}/{deployment.stage}") / "current"
        return find_inside(self.folder, f"repository/{deployment.slug}")

    def put(self, deployment: Deployment) -> None:
        """Let the server find a deployment whose weights are there. It sees the old one or the new one, never half."""
        weights = self.find_weights(deployment)
        if self.layout == "plain":
            current = self.find_entrance(deployment)
            _link(current.with_name(deployment.version), weights.parent)
            _link(current, Path(deployment.version))
            return
        place = find_inside(self.find_entrance(deployment), str(deployment.sequence))
        if not place.exists():
            self._fill(place, weights)
        # Triton takes the highest number: above what is put there is only what failed, or was never found well.
        for above in place.parent.iterdir():
            if _is_number(above.name) and int(above.name) > deployment.sequence:
                shutil.rmtree(above)

    def renew(self, deployment: Deployment, fresh: Path) -> None:
        """Put `fresh` where the checkpoint stands. A file is replaced in one step, a folder in two."""
        place = self.find_weights(deployment)
        if not place.is_dir():
            os.replace(fresh, place)
            return
        aside = place.with_name(f".{place.name}.rotten")
        discard(aside)
        os.rename(place, aside)
        os.rename(fresh, place)
        discard(aside)

    def take_back(self, failed: Deployment, before: Deployment | None) -> None:
        """Let the server find again what it had before one that failed; nothing, where it had nothing."""
        if before is not None:
            self.put(before)
        else:
            self.clear(failed)

    def clear(self, deployment: Deployment) -> None:
        """Let the server find nothing for a stage that was emptied."""
        entrance = self.find_entrance(deployment)
        if self.layout == "plain":
            entrance.unlink(missing_ok=True)
        elif entrance.exists():
            shutil.rmtree(entrance)

    def prune(self, slot: Deployment, kept: Iterable[Deployment]) -> None:
        """Keep of a slot, which any deployment of it names, only what is current and what is to be kept."""
        entrance = self.find_entrance(slot)
        plain = self.layout == "plain"
        folder = entrance.parent if plain else entrance
        names = {each.version if plain else str(each.sequence) for each in kept} | {"current"}
        for place in folder.iterdir() if folder.is_dir() else ():
            if plain and place.name not in names and place.is_symlink():
                place.unlink()
            elif not plain and place.name not in names and _is_number(place.name):
                shutil.rmtree(place)

    def prune_weights(self, kept: Iterable[Deployment]) -> None:
        """Keep only the weights of these, whole or as far as they came."""
        digests = {each.sha256 for each in kept}
        weights = find_inside(self.folder, _WEIGHTS)
        for place in weights.iterdir() if weights.is_dir() else ():
            if place.name not in digests:
                discard(place)

    def _fill(self, place: Path, weights: Path) -> None:
        fresh = place.with_name(f".{place.name}")
        discard(fresh)
        fresh.mkdir(parents=True)
        name = f"model{weights.suffix}" if weights.is_file() else "model"
        (fresh / name).symlink_to(os.path.relpath(weights, fresh))
        os.rename(fresh, place)


def _is_number(name: str) -> bool:
    return re.fullmatch("[0-9]+", name) is not None


def _link(link: Path, to: Path) -> None:
    """Make a link, or let one lead elsewhere, in one step."""
    link.parent.mkdir(parents=True, exist_ok=True)
    target = os.path.relpath(to, link.parent) if to.is_absolute() or to.parent != Path() else str(to)
    if link.is_symlink() and os.readlink(link) == target:
        return
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    os.replace(fresh, link)
