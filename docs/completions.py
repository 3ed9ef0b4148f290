"""Writes completions for bash, zsh and fish, drawn from the command line itself so that they cannot lag.

``python docs/completions.py DIR`` writes ``runwisp.bash``, ``_runwisp`` and ``runwisp.fish``. Called
when a package is built.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from runwisp.cli import main as command_line

NAMES = "2>/dev/null | sed -n '2,/^$/s/ .*//p'"
"""Names of tasks hold no letter that a shell would take for more than itself."""

TASKS = f"runwisp list {NAMES}"
WHOSE = ("-c", "--config", "--data")
"""Flags that say whose tasks they are."""


@dataclass(frozen=True)
class Word:
    """A flag or an argument.

    ``names`` are the spellings of a flag; an argument has none. ``value`` is what it takes: ``FILE``,
    ``DIR``, ``TASK``, any other word for what cannot be guessed, and nothing for a switch.
    """

    names: tuple[str, ...]
    value: str
    choices: tuple[str, ...]
    purpose: str
    is_optional: bool


@dataclass(frozen=True)
class Command:
    name: str
    purpose: str
    words: tuple[Word, ...]

    @property
    def flags(self) -> Iterator[Word]:
        return (word for word in self.words if word.names)

    @property
    def arguments(self) -> Iterator[Word]:
        return (word for word in self.words if not word.names)


def whole() -> Command:
    """The flags that stand before any command."""
    parser = command_line._parser(())
    return Command("", "", tuple(_words(parser)))


def commands() -> list[Command]:
    parser = command_line._parser(tuple(command_line.COMMANDS))
    [choices] = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
    purposes = command_line.COMMANDS
    return [Command(name, purposes[name], tuple(_words(command))) for name, command in choices.items()]


def _words(parser: argparse.ArgumentParser) -> Iterator[Word]:
    for action in parser._actions:
        if isinstance(action.choices, dict):  # the commands themselves
            continue
        value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
        purpose = re.sub(r" \(default: .*\)$", "", action.help or "")
        choices = tuple(map(str, action.choices or ()))
        yield Word(tuple(action.option_strings), value, choices, purpose, action.nargs == "?")


# bash


def bash() -> str:
    cases = "\n".join(_bash_case(command) for command in [*commands(), whole()])
    names = " ".join(command.name for command in commands())
    values = {
        name: word for command in [whole(), *commands()] for word in command.flags for name in word.names
    }
    valued = "\n".join(
        f"        {name}) {_bash_value(word)} return ;;"
        for name, word in sorted(values.items())
        if word.value
    )
    others = "|".join(name for name, word in sorted(values.items()) if word.value and name not in WHOSE)
    return f"""\
# bash completion for runwisp
# Drawn from its command line by docs/completions.py.

_runwisp() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}}
    local command= flags= argument= word= i
    local -a whose=() arguments=()
    COMPREPLY=()
    [[ $prev == = ]] && prev=${{COMP_WORDS[COMP_CWORD - 2]}}
    [[ $cur == = ]] && prev=${{COMP_WORDS[COMP_CWORD - 1]}} cur=
    case $prev in
{valued}
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${{COMP_WORDS[i]}} in
        {"|".join(WHOSE)})
            whose+=("${{COMP_WORDS[i]}}")
            [[ ${{COMP_WORDS[i + 1]}} == = ]] && ((i++))
            word=${{COMP_WORDS[++i]/#\\~\\//$HOME/}}  # as it was typed
            whose+=("${{word//[\\\\\\"\\']/}}") ;;
        {others})
            [[ ${{COMP_WORDS[i + 1]}} == = ]] && ((i++))
            ((i++)) ;;
        -*) ;;
        *) if [[ $command ]]; then arguments+=("${{COMP_WORDS[i]}}"); else command=${{COMP_WORDS[i]}}; fi ;;
        esac
    done
    case $command in
{cases}
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
    elif [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "{names}" -- "$cur")
    elif [[ $argument == TASK && ${{#arguments[@]}} == 0 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(runwisp "${{whose[@]}}" list {NAMES})" -- "$cur")
    fi
}}
complete -F _runwisp runwisp
"""


def _bash_case(command: Command) -> str:
    flags = " ".join(name for word in command.flags for name in word.names)
    argument = next((word.value for word in command.arguments), "")
    return f"        {command.name or '*'}) flags='{flags}' argument={argument} ;;"


def _bash_value(word: Word) -> str:
    if word.choices:
        return f'mapfile -t COMPREPLY < <(compgen -W "{" ".join(word.choices)}" -- "$cur");'
    kinds = {"FILE": "-f", "DIR": "-d"}
    if word.value in kinds:
        return f'compopt -o filenames; mapfile -t COMPREPLY < <(compgen {kinds[word.value]} -- "$cur");'
    return ""


# zsh


def zsh() -> str:
    listed = "\n".join(f"        '{_zsh(command.name)}:{_zsh(command.purpose)}'" for command in commands())
    cases = "\n".join(
        f"        {command.name})\n            _arguments -s \\\n{_zsh_specs(command)}\n            ;;"
        for command in commands()
    )
    return f"""\
#compdef runwisp
# Drawn from its command line by docs/completions.py.

_runwisp_tasks() {{
    local -a tasks whose
    local -i i
    for ((i = 2; i < $#typed; i++)); do
        case $typed[i] in
            ({"|".join(WHOSE)}) whose+=("$typed[i]" "${{(Q)typed[i + 1]}}") ;;
            (--config=*|--data=*) whose+=("${{(Q)typed[i]}}") ;;
        esac
    done
    tasks=(${{(f)"$(runwisp $whose list {NAMES})"}})
    _describe task tasks
}}

_runwisp_commands() {{
    local -a commands
    commands=(
{listed}
    )
    _describe command commands
}}

_runwisp() {{
    local curcontext=$curcontext state line
    local -a typed=("${{words[@]}}")
    _arguments -C -s \\
{_zsh_specs(whole())} \\
        '1: :_runwisp_commands' \\
        '*:: :->command'
    [[ $state == command ]] || return
    case $line[1] in
{cases}
    esac
}}

_runwisp "$@"
"""


def _zsh_specs(command: Command) -> str:
    lines = [_zsh_flag(word) for word in command.flags]
    lines += [_zsh_argument(word) for word in command.arguments]
    return " \\\n".join(f"        {line}" for line in lines)


def _zsh_flag(word: Word) -> str:
    others = f"'({' '.join(word.names)})'" if len(word.names) > 1 else ""
    names = f"{{{','.join(word.names)}}}" if others else word.names[0]
    value = f":{word.value.lower()}:{_zsh_values(word)}" if word.value else ""
    return f"{others}{names}'[{_zsh(word.purpose)}]{value}'"


def _zsh_argument(word: Word) -> str:
    optional = ":" if word.is_optional else ""
    return f"':{optional}{word.value.lower()}:{_zsh_values(word)}'"


def _zsh_values(word: Word) -> str:
    if word.choices:
        return f"({' '.join(word.choices)})"
    return {"FILE": "_files", "DIR": "_files -/", "TASK": "_runwisp_tasks"}.get(word.value, "")


def _zsh(text: str) -> str:
    r"""Within single quotes, where ``:`` and brackets mean something to _arguments.

    >>> print(_zsh("the task's [name]: x"))
    the task'\''s \[name\]\: x
    """
    return re.sub(r"([\[\]:\\])", r"\\\1", text).replace("'", r"'\''")


# fish


def fish() -> str:
    all_names = " ".join(command.name for command in commands())
    lines = [
        "# fish completion for runwisp",
        "# Drawn from its command line by docs/completions.py.",
        "",
        "complete -c runwisp -f",
    ]
    lines += [_fish_flag(word, "") for word in whole().flags]
    for command in commands():
        first = f"not __fish_seen_subcommand_from {all_names}"
        lines.append(f"complete -c runwisp -n '{first}' -a {command.name} -d {_fish(command.purpose)}")
    ours = {name for word in whole().flags for name in word.names}
    for command in commands():
        seen = f"__fish_seen_subcommand_from {command.name}"
        lines += [_fish_flag(word, seen) for word in command.flags if not ours & set(word.names)]
        if any(word.value == "TASK" for word in command.arguments):
            lines.append(f"complete -c runwisp -n '{seen}' -a \"({TASKS.replace('$', chr(92) + '$')})\"")
    return "\n".join(lines) + "\n"


def _fish_flag(word: Word, condition: str) -> str:
    parts = ["complete -c runwisp"]
    if condition:
        parts.append(f"-n '{condition}'")
    parts += [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in word.names]
    if word.choices:
        parts.append(f"-x -a '{' '.join(word.choices)}'")
    elif word.value:
        parts.append({"FILE": "-r -F", "DIR": "-x -a '(__fish_complete_directories)'"}.get(word.value, "-x"))
    return " ".join([*parts, f"-d {_fish(word.purpose)}"])


def _fish(text: str) -> str:
    r"""
    >>> print(_fish("the task's"))
    'the task\'s'
    """
    quoted = text.replace("\\", r"\\").replace("'", r"\'")
    return f"'{quoted}'"


FILES = {"runwisp.bash": bash, "_runwisp": zsh, "runwisp.fish": fish}


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in FILES.items():
        (folder / name).write_text(draw())


if __name__ == "__main__":
    write(Path(sys.argv[1]))
