"""Writes the figures of the embedded backbone into its model card, as `fervid backbone evaluate` prints them.

    python tools/backbone_card.py FERPLUS.zip AFFECT7.zip UTKFACE.zip [--cache DIR]

What stands between the two marks of the card is replaced; the rest is written by hand.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from fer_video.cli.backbone.lines import figures_lines

from fer_video.models import find_model, open_session
from fer_video.models.backbone import Backbone
from fer_video.training.evaluate import EvaluateOptions, evaluate_backbone, labelled_faces

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
BEGIN, END = "<!-- figures: tools/backbone_card.py -->", "<!-- end of figures -->"


def measured(backbone: Backbone, options: EvaluateOptions) -> str:
    """The figures on the validation part of one dataset, as a block of text."""
    faces = labelled_faces(options, backbone.spec)
    found = evaluate_backbone(backbone, faces, options.part, options.how(backbone.spec))
    return "\n".join(figures_lines(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("ferplus", "affect7", "utkface"):
        parser.add_argument(name, type=Path, metavar=f"{name.upper()}.zip")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "fervid-faces")
    given = parser.parse_args()
    spec = find_model("emotion-backbone")
    backbone = Backbone(open_session(spec), attributes=spec.has_attributes)
    blocks = [
        measured(backbone, EvaluateOptions("ferplus", given.ferplus, given.cache)),
        measured(backbone, EvaluateOptions("classes", given.affect7, given.cache, crop="masked")),
        measured(backbone, EvaluateOptions("utkface", given.utkface, given.cache)),
    ]
    text = "\n\n\n".join([f"{spec.name} ({backbone.session.sha256[:12]})", *blocks])
    card = WEIGHTS / f"{spec.path.stem}.md"
    before, rest = card.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    card.write_text(f"{before}{BEGIN}\n\n```text\n{text}\n```\n\n{END}{after}", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
