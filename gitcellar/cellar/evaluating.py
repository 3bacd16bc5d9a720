"""Does a version pass what a stage has run for it? The command gates of the policy, run and recorded as claims.

May import core, policy, store and its own floor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gitcellar.cellar.claiming import claim
from gitcellar.cellar.gating import weigh_passage
from gitcellar.cellar.policies import read_policy
from gitcellar.cellar.writing import DEFAULT, Options, Outcome
from gitcellar.core.claims import EVALUATED, Statement, digest_command
from gitcellar.core.references import Reference
from gitcellar.policy.gates import spell_gate
from gitcellar.policy.settings import Commanded
from gitcellar.store.commands import run_command
from gitcellar.store.git import GitRepository

_NAME = f"{EVALUATED}.command"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A command of a gate. `status` is its exit code, None where it was not run: the gate is met, or a dry run.

    `outcome` is the claim that it succeeded.
    """

    command: str
    met: bool
    status: int | None
    outcome: Outcome | None

    @property
    def ok(self) -> bool:
        """Whether it succeeded, now or before."""
        return self.met or self.status == 0


def evaluate(
    repository: GitRepository, reference: Reference, stage: str, *, options: Options = DEFAULT
) -> Iterator[Evaluated]:
    """Run each command for which no claim stands yet, and claim its success before the next one is run.

    A command runs at the top of the work tree, with GITCELLAR_MODEL, GITCELLAR_VERSION and GITCELLAR_STAGE set.
    """
    passage = weigh_passage(repository, reference, stage, remote=options.remote)
    rules = read_policy(repository, options.remote).rules_of(passage.model)
    met = {weighed.gate for weighed in passage.gates if weighed.met}
    variables = {
        "GITCELLAR_MODEL": passage.model.text,
        "GITCELLAR_VERSION": str(passage.version),
        "GITCELLAR_STAGE": stage,
    }
    version = Reference(passage.model, version=passage.version)
    for gate in rules.stages[stage].gates if not passage.returns else ():
        if not isinstance(gate, Commanded):
            continue
        spelled = spell_gate(gate)
        if spelled in met or options.dry_run:
            yield Evaluated(spelled, spelled in met, None, None)
            continue
        status = run_command(gate.command, repository.find_root() or repository.path, variables)
        statement = Statement(command=digest_command(gate.command))
        outcome = claim(repository, version, _NAME, statement, options=options) if status == 0 else None
        yield Evaluated(spelled, False, status, outcome)
