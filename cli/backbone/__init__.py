"""In: the arguments of `fervid backbone`. Out: a trained, exported, quantised or measured backbone.

Methods: fer_video/training.
"""

import cloup
from fer_video.cli.backbone.evaluate import evaluate
from fer_video.cli.backbone.export import export
from fer_video.cli.backbone.quantize import quantize
from fer_video.cli.backbone.train import train

__all__ = ["backbone"]


@cloup.group(sections=[cloup.Section("Commands", (train, evaluate, export, quantize))])
def backbone() -> None:
    """Train, measure, export and quantise the network that reads faces."""
