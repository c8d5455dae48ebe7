"""The figures of a backbone as lines to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fer_video.cli.shared.learning import confusion_lines

if TYPE_CHECKING:
    from fer_video.training.evaluate import BackboneFigures, Share
    from fer_video.training.quantize import Comparison

__all__ = ["comparison_lines", "figures_lines"]


def figures_lines(found: BackboneFigures) -> list[str]:
    """One block a head; figures by group say by which."""
    lines = [
        f"{found.dataset}, part {found.part}, crop {found.crop}: {found.pictures} pictures, {found.skipped} left out"
    ]
    for title, each in (("majority rule", found.emotion_majority), ("all usable pictures", found.emotion)):
        if each is not None:
            lines += ["", f"emotion, {title}, {each.clips} pictures"]
            for name, figure in (("accuracy", each.accuracy), ("mean recall", each.macro_recall)):
                lines.append(f"  {name:<12} {figure.value:7.2%}   95 % {figure.low:.2%} to {figure.high:.2%}")
    if found.emotion_majority is not None:
        lines += ["", *confusion_lines(found.emotion_majority)]
    if found.emotion_ece is not None:
        lines += ["", f"emotion: expected calibration error {found.emotion_ece:.3f}"]
        lines += [f"  {'confidence':<14} {'pictures':>8} {'mean':>7} {'right':>7}"]
        for bin_ in found.emotion_reliability:
            span = f"{bin_.low:.1f} to {bin_.high:.1f}"
            lines.append(f"  {span:<14} {bin_.n:>8} {bin_.confidence:>7.1%} {bin_.accuracy:>7.1%}")
    for kind, groups in (found.emotion_by or {}).items():
        lines += _block(f"emotion: accuracy (majority rule) by {kind} as the backbone guesses it", groups)
    if found.valence_arousal_ccc is not None:
        lines += ["", f"valence and arousal: concordance (CCC) {found.valence_arousal_ccc:.3f}"]
    if found.age_mae:
        lines += _block("age: mean absolute error in years, by true group", found.age_mae, years=True)
    for task, figures in (("gender", found.gender), ("ethnicity", found.ethnicity)):
        if figures:
            lines += _block(f"{task}: accuracy, by true group", figures)
    return lines


def _block(title: str, groups: Mapping[str, Share], *, years: bool = False) -> list[str]:
    lines = ["", title]
    for name, share in groups.items():
        figures = (
            f"{share.value:6.2f}   95 % {share.low:.2f} to {share.high:.2f}"
            if years
            else f"{share.value:7.2%}   95 % {share.low:.2%} to {share.high:.2%}"
        )
        lines.append(f"  {name:<22} {share.n:6}  {figures}")
    return lines


def comparison_lines(found: Comparison) -> list[str]:
    """Both networks side by side."""
    lines = [f"{'':<30} {'float':>10} {'int8':>10}"]
    lines += [
        f"{name:<30} {value:>10.4f} {found.int8_figures[name]:>10.4f}" for name, value in found.float_figures.items()
    ]
    lines.append(f"{'faces a second':<30} {found.float_speed:>10.0f} {found.int8_speed:>10.0f}")
    return [*lines, f"{'size in MB':<30} {found.float_bytes / 1e6:>10.1f} {found.int8_bytes / 1e6:>10.1f}"]
