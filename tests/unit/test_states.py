"""The tables of the processes of runs and of replicas: what is not in them raises and changes nothing."""

from __future__ import annotations

from itertools import product

import pytest

from runwisp import process, replica
from runwisp.errors import IllegalMove
from runwisp.process import ProcessState
from runwisp.replica import ReplicaState


@pytest.mark.parametrize(("state", "to"), list(product(ProcessState, ProcessState)))
def test_a_process_only_climbs_the_ladder(state: ProcessState, to: ProcessState) -> None:
    ladder = list(ProcessState)
    if ladder.index(to) > ladder.index(state):
        assert process.move(state, to) is to
    else:
        with pytest.raises(IllegalMove):
            process.move(state, to)


@pytest.mark.parametrize(("state", "to"), list(product(ReplicaState, ReplicaState)))
def test_a_replica_moves_as_its_table_says(state: ReplicaState, to: ReplicaState) -> None:
    if to in replica.MOVES[state]:
        assert replica.move(state, to) is to
    else:
        with pytest.raises(IllegalMove):
            replica.move(state, to)


@pytest.mark.parametrize("state", [ReplicaState.STARTING, ReplicaState.RUNNING])
def test_a_replica_with_a_process_is_never_simply_stopped(state: ReplicaState) -> None:
    assert ReplicaState.STOPPED not in replica.MOVES[state]
