"""Does one version keep what another promises? Two contracts, compared as the policy says that the server casts."""

from __future__ import annotations

from dataclasses import dataclass

from gitcellar.cellar.describing import read_description
from gitcellar.cellar.policies import read_policy_from
from gitcellar.core.contract import Casting, Difference, compare_contracts
from gitcellar.core.errors import NotFoundError
from gitcellar.core.manifest import Contract
from gitcellar.core.references import Reference
from gitcellar.store.git_remote import RefSource


@dataclass(frozen=True, slots=True)
class ComparedContracts:
    """How the contracts of two versions differ. Where the first one has none, nothing was `promised`."""

    promised: bool
    casting: Casting
    differences: list[Difference]


def diff_contracts(source: RefSource, old: Reference, new: Reference) -> ComparedContracts:
    """Compare two versions, by what the policy says of the second one's model.

    Raise NotFoundError where neither has a contract: nobody can tell then whether an application goes on.
    """
    before, after = _read_contract(source, old), _read_contract(source, new)
    if before is None and after is None:
        message = "neither version has a contract, so nothing was compared"
        hint = "write 'contract:' in the entry of artifacts.yaml: gitcellar schema artifacts says what it may hold"
        raise NotFoundError(message, hint=hint)
    casting = read_policy_from(source).rules_of(new.model).casting
    return ComparedContracts(before is not None, casting, compare_contracts(before, after, casting=casting))


def _read_contract(source: RefSource, reference: Reference) -> Contract | None:
    entry = read_description(source, reference).entry
    return entry.contract if entry else None
