"""gitcellar: a model registry that is nothing but Git.

>>> from gitcellar import Cellar
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitcellar.cellar.cellar import Cellar as Cellar
    from gitcellar.core.errors import CellarError as CellarError

__version__ = "0.1.0"
__all__ = ["Cellar", "CellarError", "__version__"]


def __getattr__(name: str) -> object:
    # On demand, so that a command of the CLI pays only for what it uses.
    if name == "Cellar":
        from gitcellar.cellar.cellar import Cellar

        return Cellar
    if name == "CellarError":
        from gitcellar.core.errors import CellarError

        return CellarError
    raise AttributeError(f"module 'gitcellar' has no attribute {name!r}")
