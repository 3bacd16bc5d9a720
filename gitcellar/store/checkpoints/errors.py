"""What went wrong in DVC or in a cloud's library, in words that say what to do?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gitcellar.core.errors import CellarError, WorldError


@contextmanager
def explained(what: str, ignored: Sequence[str] = ()) -> Iterator[None]:
    """Turn whatever DVC and a dozen cloud SDKs raise into an error that says what to do; keep DVC's advice quiet.

    `ignored` are the settings of a committed config that were left out: the likeliest cause, where there are any.
    """
    import logging

    from dvc.config import NoRemoteError, RemoteConfigError

    logs = [(log, log.level) for log in map(logging.getLogger, ("dvc", "dvc_data", "dvc_objects"))]
    for log, _ in logs:
        log.setLevel(logging.ERROR)
    try:
        yield
    except CellarError:
        raise
    except (NoRemoteError, RemoteConfigError) as error:
        hint = _hint_ignored(ignored) or "dvc remote add -d NAME URL, then commit .dvc/config"
        raise WorldError(f"DVC has no remote for {what}", hint=hint) from error
    except Exception as error:  # the SDKs' errors share no base class
        if _is_missing(error):
            message = f"{what} is neither in the DVC cache nor on its remote"
            hint = _hint_ignored(ignored) or "whoever has it can bring it there: dvc push"
            raise WorldError(message, hint=hint) from error
        reason = str(error).strip().splitlines()
        message = f"DVC failed on {what}: {reason[0] if reason else type(error).__name__}"
        raise WorldError(message, hint=_hint_ignored(ignored)) from error
    finally:
        for log, level in logs:
            log.setLevel(level)


def _hint_ignored(ignored: Sequence[str]) -> str | None:
    if not ignored:
        return None
    return f"ignored in the committed .dvc/config: {', '.join(ignored)}; put what you trust in .dvc/config.local"


def _is_missing(error: BaseException | None) -> bool:
    """Whether a file that is not there is at the bottom: of a folder's listing DVC says only that it failed to load."""
    while error is not None and not isinstance(error, FileNotFoundError):
        error = error.__cause__ or error.__context__
    return error is not None
