"""What a machine may do in which state: the one table of legal moves."""

from __future__ import annotations

from backends.base import MachineState, WrongState

S = MachineState

MOVES: dict[str, frozenset[MachineState]] = {
    "start": frozenset({S.CREATED, S.STOPPED, S.DIED}),
    "stop": frozenset(S),
    "kill": frozenset(S),
    "remove": frozenset(S),
    "pause": frozenset({S.RUNNING}),
    "resume": frozenset({S.PAUSED}),
    "reboot": frozenset({S.RUNNING}),
    "run a command": frozenset({S.RUNNING}),
    "copy files": frozenset({S.RUNNING}),
    "forward a port": frozenset({S.RUNNING}),
    "type into the console": frozenset({S.STARTING, S.RUNNING, S.PAUSED}),
    "show statistics": frozenset({S.RUNNING, S.PAUSED}),
    "save a snapshot": frozenset({S.RUNNING, S.PAUSED, S.STOPPED}),
    "restore a snapshot": frozenset({S.CREATED, S.STOPPED, S.DIED}),
}
"""What is asked for → the states in which it can be done."""

REMEDIES: dict[MachineState, str] = {
    S.CREATED: "start it first: vmbench start {id}",
    S.STARTING: "wait until it has booted: vmbench ps",
    S.RUNNING: "stop it first: vmbench stop {id}",
    S.PAUSED: "let it go on first: vmbench resume {id}",
    S.STOPPED: "start it first: vmbench start {id}",
    S.DIED: "see why: vmbench console {id}; start it again: vmbench start {id}",
}


def require(move: str, machine: str, state: MachineState) -> None:
    """Check that ``move`` is legal.

    Raises:
        WrongState: it is not; the message says in which state the machine is and what to type.
    """
    if state not in MOVES[move]:
        raise WrongState(
            f"cannot {move}: {machine} is {state.value}", remedy=REMEDIES[state].format(id=machine)
        )
