"""In: the arguments of `fervid models`. Out: the networks that fervid knows, and those on this machine."""

import cloup
from fer_video.cli.models.catalogue import info, list_
from fer_video.cli.models.pull import pull
from fer_video.cli.models.stored import path, remove, verify
from fer_video.cli.models.take_in import import_

__all__ = ["models"]


@cloup.group(sections=[cloup.Section("Commands", (list_, info, pull, verify, import_, remove, path))])
def models() -> None:
    """List, download, check and import networks.

    They are kept in the folder models of $FERVID_CACHE, or of the user's cache. Only pull downloads anything.
    """
