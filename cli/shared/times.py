"""Times on the command line: seconds, or minutes and seconds with colons."""

from __future__ import annotations

from typing import Any

import click

from fer_video.errors import OptionError

__all__ = ["TIME"]


class _Time(click.types.FloatParamType):
    """A number in a config file; on the command line also 1:20.5."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if ":" not in str(value):
            return super().convert(value, param, ctx)
        from fer_video.media.timecode import seconds_of

        try:
            return seconds_of(value)
        except OptionError as error:
            self.fail(str(error), param, ctx)


TIME = _Time()
