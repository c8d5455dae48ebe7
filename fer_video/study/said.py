"""Parts of sentences that warnings and errors of studies share."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["first_of"]

_NAMED = 3


def first_of(names: Sequence[str]) -> str:
    """The first few of the names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
