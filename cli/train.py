"""`fervid train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from fer_video.cli.shared.command import RareOption, command, option_group
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.learning import (
    HASH_LENGTH,
    evaluation_lines,
    features_of,
    fit_options,
    read_dataset,
    training_options,
)
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option, device_options, face_options, sampling_options

__all__ = ["train"]


@command()
@click.argument("dataset", shell_complete=files)
@option_group(
    "Output",
    click.option(
        "--out",
        required=True,
        shell_complete=files,
        metavar="DIR",
        help="Write the clip model to the folder DIR. A clip model that is there is replaced.",
    ),
)
@training_options
@option_group(
    "Training",
    click.option("--search", "searching", is_flag=True, help="Choose kernel, C and statistics by cross-validation."),
    click.option(
        "--metric",
        type=click.Choice(("accuracy", "macro-recall")),
        default="accuracy",
        show_default=True,
        metavar="NAME",
        help="Choose by accuracy or macro-recall with --search.",
    ),
    click.option(
        "--adaptive-rate",
        type=float,
        metavar="0-1",
        cls=RareOption,
        help="With --every-frame, also set thresholds for predict --adaptive, so that at most this share of early "
        "answers is wrong.",
    ),
)
@sampling_options
@face_options
@device_options
@debug_option
def train(dataset: str, out: str, searching: bool, metric: str, adaptive_rate: float | None, **given: Any) -> None:
    """Train a clip model on labelled clips.

    A clip model is an SVM on statistics of embeddings. DATASET is an AFEW or VGAF folder, a folder with one subfolder
    per class, or a CSV file with the columns path, label and, if known, subject and split. If it has a training part,
    only that part is used. Cross-validation never splits the clips of one subject.

    \b
    fervid train AFEW --out afew-model --every-frame
    fervid train VGAF --protocol vgaf --out vgaf-model
    fervid train clips.csv --search --out my-model
    fervid predict clip.mp4 --model my-model
    """
    from fer_video.clip.store import check_place
    from fer_video.learning import fit, learn

    if adaptive_rate is not None and not given["every_frame"]:
        raise click.UsageError("--adaptive-rate needs --every-frame")
    options = fit_options(given)
    data = read_dataset(dataset, given["layout"])
    data = data.for_training()
    check_place(Path(out))
    gathered = features_of(data, given)
    seen = gathered.clips.where(gathered.clips.has_face)
    if searching:
        trials = fit.search(seen, options, metric)  # type: ignore[arg-type]
        options = trials[0].options
        for trial in trials[:5]:
            tried = trial.options
            warn(
                f"tried {tried.kernel} C={tried.C:g} {'+'.join(tried.pooling.statistics)}: "
                f"accuracy {trial.accuracy:.2%}, mean recall {trial.macro_recall:.2%}"
            )
    trained = learn.train(gathered.clips, options, adaptive_rate)
    training = {
        "backbone": learn.backbone_of(gathered.clips.features),
        "dataset": {"layout": data.layout, "clips": len(gathered.clips.labels), "failed": len(gathered.failed)},
        "with_face": int(gathered.clips.has_face.sum()),
        "sampling": {"fps": given["fps"], "every_frame": given["every_frame"]},
        "clip_hashes": sorted(each[:HASH_LENGTH] for each in seen.hashes),  # so that evaluate knows them again
        "cross_validation": trained.held_out and trained.held_out.to_dict(),
    }
    trained.save(Path(out), Path(out).name, training)
    chosen = f"{options.kernel} SVM, C={options.C:g}, {'+'.join(options.pooling.statistics)}, faces: {options.faces}"
    click.echo(f"{out}: {chosen}")
    if trained.held_out is None:
        warn("warning: too few subjects a class to calibrate or measure: probabilities are rough")
    else:
        flattered = ", which also chose the setting: a little flattering" if searching else ""
        click.echo(f"cross-validated on the training clips{flattered}:\n")
        click.echo("\n".join(evaluation_lines(trained.held_out)))
