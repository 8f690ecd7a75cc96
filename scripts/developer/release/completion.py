"""Completion for bash, zsh and fish: commands, options, causes, labs, and files where a file is meant."""

from __future__ import annotations

import shlex

from scripts.developer.release.spoken import Argument, Verb, verbs

TOP = {"--via": "run the command on this machine, over ssh", "--via-file": "the file that is sent there"}
"""Options with a value that come before the command."""

_BASH = """\
# bash completion for rescue. Made by scripts/build-man.
_rescue_values() {{
    case "$1" in
{values}
    esac
}}

_rescue_options() {{
    case "$1" in
{options}
    esac
}}

_rescue_offer() {{
    # One word a line; "<files>" stands for files.
    local line words=()
    while IFS= read -r line; do
        if [ "$line" = '<files>' ]; then
            compopt -o filenames 2>/dev/null
            while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$cur")
        else
            words+=("$line")
        fi
    done < <(_rescue_values "$1")
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -W "${{words[*]}}" -- "$cur")
}}

_rescue() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} at word verb= option= place=0 line
    COMPREPLY=()
    # bash breaks --option=value into three words.
    [ "$cur" != = ] || cur=
    for (( at = 1; at < COMP_CWORD; at++ )); do
        word=${{COMP_WORDS[at]}}
        if [ "$word" = = ]; then
            continue
        elif [ -n "$option" ]; then
            option=
        elif [ "$word" = -- ]; then
            return
        elif [[ $word == -* ]]; then
            case "$verb $word" in
{takes}
            esac
        elif [ -z "$verb" ]; then
            verb=$word
        else
            place=$((place + 1))
        fi
    done
    if [ -n "$option" ]; then
        _rescue_offer "$verb $option"
    elif [[ $cur == -* ]]; then
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -W "$(_rescue_options "$verb")" -- "$cur")
    else
        _rescue_offer "$verb $place"
    fi
}}

complete -F _rescue rescue
"""
_ZSH = """\
#compdef rescue
# Made by scripts/build-man.
local context state state_descr line
typeset -A opt_args
_arguments -C '(- *)'{{-h,--help}}'[show the help]' '(- *)--version[show the version]' \\
    {top} \\
    '1: :->verb' '*:: :->rest' && return
case $state in
    verb)
        local -a verbs
        verbs=(
{verbs}
        )
        _describe command verbs ;;
    rest)
        case $words[1] in
{rest}
        esac ;;
esac
"""


def completions() -> dict[str, str]:
    """The files by the path that a distribution gives them below /usr/share."""
    known = verbs()
    return {
        "bash-completion/completions/rescue": _bash(known),
        "zsh/vendor-completions/_rescue": _zsh(known),
        "fish/vendor_completions.d/rescue.fish": _fish(known),
    }


def _bash(known: list[Verb]) -> str:
    values = [_case('" 0"', [each.name for each in known])]
    options = [_case("''", ["--help", "--version", *TOP])]
    takes = [f'                " {name}") option=$word ;;' for name in TOP]
    values.append(_case('" --via-file"', ["<files>"]))
    for verb in known:
        options.append(_case(verb.name, [name for each in verb.options for name in each.names]))
        for option in verb.options:
            if option.metavar:
                patterns = "|".join(f'"{verb.name} {name}"' for name in option.names)
                takes.append(f"                {patterns}) option=$word ;;")
                values += _offer(patterns, option)
        for place, each in enumerate(verb.positionals):
            values += _offer(f'"{verb.name} "{"*" if each.repeated else place}', each)
    return _BASH.format(values="\n".join(values), options="\n".join(options), takes="\n".join(takes))


def _offer(pattern: str, argument: Argument) -> list[str]:
    words = [*argument.words, *(["<files>"] if argument.files else [])]
    return [_case(pattern, words)] if words else []


def _case(pattern: str, words: list[str]) -> str:
    return f"        {pattern}) printf '%s\\n' {' '.join(map(shlex.quote, words))} ;;"


def _zsh(known: list[Verb]) -> str:
    rest = []
    for verb in known:
        specs = []
        for option in verb.options:
            for name in option.names:
                value = f":{_zsh_text(option.metavar)}:{_zsh_values(option)}" if option.metavar else ""
                joint = ("=" if name.startswith("--") else "+") if value else ""
                star = "*" if option.repeated else ""
                specs.append(f"{star}{name}{joint}[{_zsh_text(option.help)}]{value}")
        for place, each in enumerate(verb.positionals, 1):
            where = "*" if each.repeated else str(place) + ":"
            specs.append(f"{where}:{_zsh_text(each.metavar)}:{_zsh_values(each)}")
        quoted = " \\\n                ".join(_quoted(each) for each in specs)
        rest.append(f"            {verb.name}) _arguments -S \\\n                {quoted} ;;")
    told = [f"            {_quoted(each.name + ':' + _zsh_text(each.what))}" for each in known]
    values = {"--via": ":host:_hosts", "--via-file": ":file:_files"}
    top = " ".join(_quoted(f"{name}=[{what}]{values[name]}") for name, what in TOP.items())
    return _ZSH.format(verbs="\n".join(told), rest="\n".join(rest), top=top)


def _zsh_values(argument: Argument) -> str:
    words = f"({' '.join(argument.words)})" if argument.words else ""
    if not argument.files:
        return words or " "
    if not words:
        return "_files"
    return '{_alternative "words:word:' + words + '" "files:file:_files"}'


def _zsh_text(text: str) -> str:
    for each in "\\[]:":
        text = text.replace(each, f"\\{each}")
    return text


def _fish(known: list[Verb]) -> str:
    made = [
        "# fish completion for rescue. Made by scripts/build-man.",
        "function __rescue_plain --description 'the words that are no options'",
        "    set -l words (commandline -opc)[2..]",
        "    set -l plain",
        "    set -l skip 0",
        "    for word in $words",
        "        if test $skip = 1",
        "            set skip 0",
        "        else if contains -- $word " + " ".join(sorted({
            *TOP, *(name for verb in known for each in verb.options if each.metavar for name in each.names)
        })),
        "            set skip 1",
        "        else if not string match -q -- '-*' $word",
        "            set -a plain $word",
        "        end",
        "    end",
        "    test (count $plain) -eq 0; or printf '%s\\n' $plain",
        "end",
        "function __rescue_first --description 'is there no command yet?'",
        "    test (count (__rescue_plain)) -eq 0",
        "end",
        "function __rescue_place --description 'is the command $argv[1], with $argv[2] words (or any) behind it?'",
        "    set -l plain (__rescue_plain)",
        "    test (count $plain) -ge 1; and test $plain[1] = $argv[1]; or return 1",
        "    test (count $argv) -lt 2; or test (count $plain) -eq (math $argv[2] + 1)",
        "end",
        "complete -c rescue -f",
        "complete -c rescue -n __rescue_first -l version -d 'show the version'",
        "complete -c rescue -n __rescue_first -s h -l help -d 'show the help'",
        *(f"complete -c rescue -n __rescue_first -l {name[2:]} {value} -d {_fish_quoted(TOP[name])}"
          for name, value in (("--via", "-x"), ("--via-file", "-r -F"))),
    ]  # fmt: skip
    for verb in known:
        made.append(f"complete -c rescue -n __rescue_first -a {verb.name} -d {_fish_quoted(verb.what)}")
        for option in verb.options:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            made.append(
                f"complete -c rescue -n '__rescue_place {verb.name}' {names} {_fish_values(option)}"
                f"-d {_fish_quoted(option.help)}"
            )
        for place, each in enumerate(verb.positionals):
            values = _fish_values(each).removeprefix("-x ").removeprefix("-r ")
            if values:
                where = f"{verb.name}" if each.repeated else f"{verb.name} {place}"
                made.append(f"complete -c rescue -n '__rescue_place {where}' {values}".rstrip())
    return "\n".join([*made, ""])


def _fish_values(argument: Argument) -> str:
    if not argument.metavar:
        return ""
    words = f"-a {_fish_quoted(' '.join(argument.words))} " if argument.words else ""
    return f"-r -F {words}" if argument.files else f"-x {words}"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
