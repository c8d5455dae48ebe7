"""What the keys of a config file mean to a command: the default_map of its options.

A file that fervid found by itself may have come with somebody's recordings. It may set numbers, switches, choices and
names of models; it may not say where anything is read from, written to or sent to, nor what _OWN_DECISION lists. A file
that the user named with --config may set everything.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from fer_video.cli.shared.config import Config

from fer_video.errors import OptionError

__all__ = ["Setting", "check_config", "default_map", "settings_for"]

_NO_SETTINGS = ("config", "no_config", "help", "help_all")
_OWN_DECISION = {
    "accept_license": "is for the user to decide",
    "anew": "would replace results",
    "engine": "would send work to other machines",
    "forget": "would change results",
    "identity_embeddings": "would store biometric data",
    "write": "would change results",
}
_MODELS = ("backbone", "detector", "group_model", "identity_model", "model")
_PLAIN_TEXT = ("device", "shard", "statistics")
# A parameter on the command line -> those that it makes meaningless, and that a config file then does not set.
_GIVES_WAY = {
    "adaptive": ("fps", "every_frame"),
    "every_frame": ("fps", "adaptive"),
    "fps": ("every_frame", "adaptive"),
}
# Faces that a config file keeps from being found would stay visible.
_BLURRED = ("adaptive", "detect", "detector", "end_s", "every_frame", "fps", "max_faces", "min_face", "min_score")
_MOST_SHOWN = 40  # characters of a value


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of a config file that sets an option of a command."""

    key: str
    """As in the file, with its tables."""
    value: Any

    def __str__(self) -> str:
        return f"{self.key} = {_short(self.value)}"


def settings_for(config: Config, root: click.Group, words: tuple[str, ...]) -> dict[str, Setting]:
    """Parameter -> what the file says, for the command of these words. Raises OptionError."""
    command = _find(root, words)
    found: dict[str, Setting] = {}
    table, group, tables = config.values, root, ""
    for word in words:
        for key, value in table.items():
            if isinstance(value, Mapping):
                _check_name(config, f"table [{tables}{key}]", key, group.list_commands(click.Context(group)))
            elif (option := _options(command).get(_plain(key))) is not None and _fault(option, value) is None:
                found[str(option.name)] = Setting(tables + key, value)
            else:
                _check_shared(config, group, tables + key, value)
        table, tables = table.get(word, {}), f"{tables}{word}."
        if not isinstance(table, Mapping):
            raise OptionError(f"{config.shown}: {tables[:-1]} should be a table: [{tables[:-1]}]")
        below = group.get_command(click.Context(group), word)
        group = below if isinstance(below, click.Group) else group
    for key, value in table.items():
        options = _options(command)
        _check_name(config, f"key {tables}{key}", _plain(key), options)
        option = options[_plain(key)]
        if (fault := _fault(option, value)) is not None:
            raise OptionError(f"{config.shown}: {tables}{key}{fault}")
        found[str(option.name)] = Setting(tables + key, value)
    for option in _options(command).values():
        setting = found.get(str(option.name))
        if setting and not config.named and (reason := _refusal(option, setting.value)) is not None:
            advice = "give it on the command line, name the file with --config, or ignore it with --no-config"
            raise OptionError(f"{config.shown}: {setting.key} {reason}; {advice}")
    return found


def default_map(settings: Mapping[str, Setting], given: Mapping[str, Any]) -> dict[str, Any]:
    """given: the parameters on the command line, which go before those of the file and what contradicts them."""
    left_out = {other for name in given for other in (name, *_GIVES_WAY.get(name, ()))}
    wanted = {**{name: each.value for name, each in settings.items()}, **given}
    if any(value for name, value in wanted.items() if name.startswith("blur_")):
        left_out.update(_BLURRED)
    return {name: setting.value for name, setting in settings.items() if name not in left_out}


def check_config(config: Config, root: click.Group) -> list[str]:
    """The keys of the whole file with their values. Raises OptionError for the first thing that is wrong."""
    found: dict[str, None] = {}
    for words in _all_words(root):
        found |= {str(setting): None for setting in settings_for(config, root, words).values()}
    return list(found)


def _plain(key: str) -> str:
    return key.replace("_", "-")


def _options(command: click.Command) -> dict[str, click.Option]:
    """Long name without dashes -> option."""
    return {
        name[2:]: option
        for option in command.params
        if isinstance(option, click.Option) and option.name not in _NO_SETTINGS
        for name in option.opts
        if name.startswith("--")
    }


def _find(root: click.Group, words: tuple[str, ...]) -> click.Command:
    command: click.Command = root
    for word in words:
        assert isinstance(command, click.Group)
        below = command.get_command(click.Context(command), word)
        assert below is not None
        command = below
    return command


def _all_words(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for word in group.list_commands(click.Context(group)):
        below = group.get_command(click.Context(group), word)
        if isinstance(below, click.Group):
            yield from _all_words(below, (*before, word))
        else:
            yield (*before, word)


def _leaves(group: click.Group) -> Iterator[click.Command]:
    return (_find(group, words) for words in _all_words(group))


def _check_name(config: Config, what: str, name: str, known: Any) -> None:
    if name not in known:
        near = get_close_matches(name, known, 1)
        advice = f"did you mean {near[0]}?" if near else "docs/cli.md explains config files"
        raise OptionError(f"{config.shown}: unknown {what[:80]}; {advice}")


def _check_shared(config: Config, group: click.Group, key: str, value: Any) -> None:
    """A key for several commands need not suit each of them, such as a format, but one at least."""
    name = _plain(key.rpartition(".")[2])
    options = [option for each in _leaves(group) if (option := _options(each).get(name)) is not None]
    if not options:
        _check_name(config, f"key {key}", name, {name for each in _leaves(group) for name in _options(each)})
    faults = [_fault(option, value) for option in options]
    if all(faults):
        raise OptionError(f"{config.shown}: {key}{faults[0]}")


def _fault(option: click.Option, setting: Any) -> str | None:
    """What is wrong with a value, as the end of a sentence that begins with its key."""
    if option.multiple and not isinstance(setting, list):
        return f" should be a list, not {_short(setting)}"
    for value in setting if option.multiple else [setting]:
        wanted = _type_of(option)
        if not _fits(value, wanted):
            return f" should be {wanted}, not {_short(value)}"
        try:
            option.type.convert(value, option, None)
        except click.BadParameter as error:
            return f": {error.message.rstrip('.')}"
    return None


def _type_of(option: click.Option) -> str:
    if option.is_flag:
        return "true or false"
    if isinstance(option.type, click.types.IntParamType):
        return "a whole number"
    return "a number" if isinstance(option.type, click.types.FloatParamType) else "a text"


def _fits(value: Any, wanted: str) -> bool:
    if wanted == "true or false":
        return isinstance(value, bool)
    if wanted == "a text":
        return isinstance(value, str) and value.isprintable()
    numbers = int if wanted == "a whole number" else int | float
    return isinstance(value, numbers) and not isinstance(value, bool) and abs(value) < 1e15 and math.isfinite(value)


def _refusal(option: click.Option, setting: Any) -> str | None:
    """Why a file that fervid found by itself may not set this, if so."""
    name = str(option.name)
    if name in _OWN_DECISION:
        return None if setting in (False, "local") else _OWN_DECISION[name]
    if _type_of(option) != "a text" or isinstance(option.type, click.Choice) or name in _PLAIN_TEXT:
        return None
    if name not in _MODELS:
        return "may name a file, a folder or an address"
    plain = re.fullmatch(r"\w[\w.-]{0,79}", setting) is not None and not Path(setting).exists()
    return None if plain else "may name a file or a folder"


def _short(value: Any) -> str:
    """As it would be written in a config file, if that is not too long."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # a number of thousands of digits, which are written to a limit only
        return "a number of many digits"
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."
