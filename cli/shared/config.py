"""The config file: where it is looked for, and what is in it.

What its keys mean to the options of a command: settings.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_video.errors import InputError, OptionError
from fer_video.files import parse_toml, read_limited

__all__ = ["Config", "ConfigSource", "load_config"]

_NAME, _PROJECT = "fervid.toml", "pyproject.toml"
_MOST_BYTES = 1 << 18  # of a config file


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """What the options --config and --no-config, and $FERVID_NO_CONFIG, ask for."""

    file: str | None = None
    """The file that --config names. None: search for one."""
    off: bool = False
    """Use no config file."""


@dataclass(frozen=True, slots=True)
class Config:
    """A config file that is in force."""

    path: Path
    values: Mapping[str, Any]
    named: bool
    """Named by the user with --config, rather than found in a folder, where anybody may have put it."""

    @property
    def shown(self) -> str:
        """Its name for messages: short if it is in the current folder."""
        return self.path.name if not self.named and self.path.parent == _here() else str(self.path)


def load_config(source: ConfigSource) -> Config | None:
    """The config file in force. Raises OptionError for one that cannot be read or is not TOML."""
    if source.off:
        return None
    if source.file is not None:
        return _load(Path(source.file), named=True)
    return next(filter(None, (_load(path, named=False) for path in _candidates())), None)


def _load(path: Path, *, named: bool) -> Config | None:
    """None for a pyproject.toml that has nothing for fervid."""
    advice = "choose another file" if named else "fix it, or give --no-config"
    try:
        data = read_limited(path, _MOST_BYTES)
        if path.name != _PROJECT:
            return Config(path, parse_toml(data), named)
        # What is wrong with the file of another program is not fervid's business.
        return Config(path, table, named) if b"fervid" in data and (table := _table_of(parse_toml(data))) else None
    except InputError as error:
        raise OptionError(f"{error} (a config file); {advice}") from error
    except ValueError as error:  # no text, no TOML, numbers of thousands of digits, endless nesting
        raise OptionError(f"{path}: not a config file: {str(error)[:200]}; {advice}") from error


def _table_of(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises ValueError."""
    table = values
    for name in ("tool", "fervid"):
        table = table.get(name, {})
        if not isinstance(table, Mapping):
            raise ValueError(f"{name} should be a table")
    return table


def _here() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # the current folder was deleted
        return None


def _candidates() -> Iterator[Path]:
    """Config files from the current folder upwards, nearest first, as far as a folder with .git.

    Parents that everybody may write to, such as /tmp, are passed over: what is in them may be a stranger's.
    """
    here = _here()
    for folder in (here, *here.parents) if here else ():
        try:
            if folder == here or not _open_to_all(folder):
                yield from (folder / name for name in (_NAME, _PROJECT) if (folder / name).exists())
            if (folder / ".git").exists():
                return
        except OSError:  # a folder that may not be searched
            continue


def _open_to_all(folder: Path) -> bool:
    return os.name == "posix" and bool(folder.stat().st_mode & 0o002)
