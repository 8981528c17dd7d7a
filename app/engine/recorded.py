"""What was typed in a recorded shell, as commands: their text, how they ended and what they printed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from app.engine.masking import MASK
from registry.writer import NewStep

SCRIPT = "/run/vmbench/recording"
_INTEGRATION = r"""
__vm_e=$(printf '\033') __vm_b=$(printf '\007') __vm_o= __vm_c=
case "$(readlink /proc/$$/exe 2>/dev/null)" in *busybox* | *bash*) __vm_o='\[' __vm_c='\]' ;; esac
PS1="$__vm_o$__vm_e]133;D;"'$?'"$__vm_b$__vm_e]133;A$__vm_b$__vm_c$PS1$__vm_o$__vm_e]133;B$__vm_b$__vm_c"
PS2="> $__vm_o$__vm_e]133;B$__vm_b$__vm_c"
unset __vm_e __vm_b __vm_o __vm_c
"""
RECORDING_SHELL = f"""mkdir -p /run/vmbench && cat > {SCRIPT} <<'VMBENCH_RECORDING'
case "$BASH_VERSION" in ?*) [ -r ~/.bashrc ] && . ~/.bashrc ;; esac
{_INTEGRATION.strip()}
VMBENCH_RECORDING
case "$SHELL" in *bash) exec bash --rcfile {SCRIPT} -i ;; *) ENV={SCRIPT} exec sh -l ;; esac"""
"""Command that runs a login shell whose prompts tell where commands begin and how they ended (OSC 133)."""

DEFAULT_TIMEOUT = 30.0
LONGEST_OUTPUT = 4000
"""Characters of a command's output that are kept for the review."""

_STATE = re.compile(
    r"(?:cd|export|unset|umask|alias|set|\.|source)(?:\s|$)[^;&|<>`]*|[A-Za-z_]\w*=[^;&|<>`\s]*(?:\s+[A-Za-z_]\w*=\S*)*"
)
_LEAVING = re.compile(r"(?:exit|logout|clear|reset)\b[^;&|]*|[^\w]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCommand:
    """One command that was typed."""

    text: str
    exit_code: int | None = None
    """``None`` where the recording does not tell."""
    output: str = ""
    """What it printed, as far as it is still on the screen or in the scrollback; shortened."""
    duration: float = 0.0
    """Seconds."""

    @property
    def state(self) -> bool:
        """Whether it only changes its shell, so that it belongs to every step after it."""
        return "\n" not in self.text and _STATE.fullmatch(self.text) is not None

    @property
    def wanted(self) -> bool:
        """Whether it makes a step unless somebody says otherwise."""
        return self.exit_code in (0, None) and not _LEAVING.fullmatch(self.text) and MASK not in self.text


def new_steps(commands: Sequence[RecordedCommand], chosen: Iterable[int]) -> list[NewStep]:
    """Return the steps that chosen commands make.

    A step runs in a shell of its own, so what only changes the shell (``cd``, variables) goes before the
    commands of all later steps. A command that ended otherwise than well is expected to do so again.

    Args:
        commands: All commands, in the order in which they were typed.
        chosen: Positions of those that are wanted.
    """
    state: list[str] = []
    steps: list[NewStep] = []
    for position in sorted(set(chosen)):
        command = commands[position]
        if command.state:
            if command.text.startswith("cd /") or command.text in ("cd", "cd ~"):
                state = [line for line in state if not line.startswith("cd")]
            state.append(command.text)
            continue
        run = command.text
        if command.exit_code:
            run = f"{run}\ntest $? -eq {command.exit_code}"
        timeout = DEFAULT_TIMEOUT
        if command.duration * 2 > timeout:
            timeout = math.ceil(command.duration * 2 / 30) * 30.0
        name = command.text.partition("\n")[0]
        name = name if len(name) <= 60 else f"{name[:59]}…"
        steps.append(
            NewStep(run="\n".join([*state, run]), name=name if state or "\n" in run else "", timeout=timeout)
        )
    return steps


def typed_lines(pieces: Iterable[str]) -> list[RecordedCommand]:
    """Return the lines that were typed, where no prompt tells more: as good as can be told from keys."""
    lines: list[RecordedCommand] = []
    line: list[str] = []
    text = re.sub(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|\][^\x07]*\x07|.)?", "", "".join(pieces))
    for char in text:
        if char in "\r\n":
            if said := "".join(line).strip():
                lines.append(RecordedCommand(text=said))
            line.clear()
        elif char in "\x7f\x08":
            del line[-1:]
        elif char in "\x03\x15":
            line.clear()
        elif char == "\x17":
            kept = "".join(line).rstrip().rpartition(" ")
            line[:] = kept[0] + kept[1]
        elif char.isprintable() or char == "\t":
            line.append(char)
    return lines


def shortened(command: RecordedCommand) -> RecordedCommand:
    """Return a command with no more of its output than is worth a look."""
    output = command.output.strip("\n")
    if len(output) > LONGEST_OUTPUT:
        output = f"{output[: LONGEST_OUTPUT // 2]}\n…\n{output[-LONGEST_OUTPUT // 2 :]}"
    return replace(command, output=output)
