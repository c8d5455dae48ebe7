"""What all pages share: templates that escape everything, a policy that lets only fervid's own scripts run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_video.errors import OptionError, OutputError, printable
from fer_video.files import open_output
from fer_video.render.clock import clock
from fer_video.render.palette import colours_of, text_on

if TYPE_CHECKING:
    import jinja2

__all__ = ["asset", "check_report", "looks_of", "write_page"]

_PAGES = Path(__file__).parent / "pages"


def check_report() -> None:
    """Before the work: raises OptionError without Jinja."""
    try:
        import jinja2 as _  # noqa: F401
    except ImportError as error:
        raise OptionError("reports need Jinja: pip install 'fervid[report]'") from error


def asset(name: str) -> str:
    """A file that came with fervid."""
    return (_PAGES / name).read_text(encoding="utf-8")


def looks_of(labels: Iterable[str]) -> dict[str, dict[str, str]]:
    """Colours of labels, and of text on them."""
    colours = colours_of(labels)
    return {"colours": colours, "ink": {label: text_on(colour) for label, colour in colours.items()}}


def write_page(
    template: str, out: Path, scripts: Iterable[str], styles: Iterable[str], values: Mapping[str, Any]
) -> None:
    """scripts, styles: texts, the only ones that the page runs and uses. Raises OptionError, OutputError."""
    scripts, styles = list(scripts), list(styles)
    html = _environment().get_template(template).render(
        **values, policy=_policy(scripts, styles), scripts=scripts, styles=styles
    )  # fmt: skip
    try:
        with open_output(out) as file:
            file.write(html)
    except UnicodeEncodeError as error:
        raise OutputError(f"{out}: a name in it is no valid text") from error


def _environment() -> jinja2.Environment:
    check_report()
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["printable"] = lambda value: printable(str(value))
    environment.filters["percent"] = lambda value: f"{value:.0%}"
    environment.filters["clock"] = clock
    return environment


def _policy(scripts: Iterable[str], styles: Iterable[str]) -> str:
    """Content-Security-Policy: only these very texts run, and nothing is fetched but the video beside the page, or one
    that the reader chooses (blob:)."""

    def hashes(texts: Iterable[str]) -> str:
        digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
        return " ".join(f"'sha256-{digest}'" for digest in digests)

    return (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes(styles)}; img-src data:; "
        "media-src 'self' file: data: blob:; base-uri 'none'; form-action 'none'"
    )
