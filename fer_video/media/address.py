"""Which names are addresses (https://, s3://, rtsp://, ...), and the part of an address that may be shown."""

from __future__ import annotations

import os
import re

__all__ = ["OBJECT_STORES", "WEB", "scheme_of", "shown"]

WEB = frozenset({"http", "https"})
OBJECT_STORES = frozenset({"s3", "gs"})

# Colons too, so that a chain of fsspec's ("simplecache::s3://") is an address, and one of no scheme that anybody
# knows. Two characters at least: C:// is a drive.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.:-]+)://")
_USER = re.compile(r"://[^/?#]*@")
# What may stand between :// and the path: a host or bucket, or an IPv6 host, and a port.
_AUTHORITY = re.compile(r"([^\[\]:/?#]*|\[[^\]/?#]*\])(:[0-9]*)?(?=[/?#]|$)")


def scheme_of(name: str | os.PathLike[str]) -> str:
    """In lower case; empty for the name of a file."""
    found = _SCHEME.match(os.fspath(name))
    return found[1].lower() if found else ""


def shown(name: str | os.PathLike[str]) -> str:
    """An address without user, password, query and fragment, which hold secrets; the name of a file as it is.

    Buckets know no queries: there ? is part of a name or pattern.
    """
    text, scheme = os.fspath(name), scheme_of(name)
    if not scheme:
        return text
    text = _USER.sub("://", text)
    start = text.index("://") + len("://")
    if not _AUTHORITY.match(text, start):  # such as a password with / in it: nobody knows where it ends
        return f"{text[:start]}..."
    return text if scheme in OBJECT_STORES else re.split(r"[?#]", text, maxsplit=1)[0]
