"""`fervid render`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from fer_video.cli.shared.command import command, option_group
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import debug_option, device_options, face_options, sampling_options
from fer_video.cli.shared.progress import BatchProgress
from fer_video.cli.shared.results import result_of, result_option

__all__ = ["render"]


@command()
@click.argument("clip", metavar="CLIP", shell_complete=files)
@option_group(
    "Output",
    click.option(
        "--out",
        required=True,
        shell_complete=files,
        metavar="FILE",
        help="Write the video to FILE: .mp4, .m4v, .mov or .mkv.",
    ),
    click.option(
        "--quality",
        type=int,
        default=20,
        show_default=True,
        metavar="0-51",
        help="Constant rate factor (CRF) of x264; 0 is lossless.",
    ),
    result_option,
)
@option_group(
    "Drawing",
    click.option("--no-bars", is_flag=True, help="Leave out the bars of the emotions beside the faces."),
    click.option("--no-timeline", is_flag=True, help="Leave out the timeline under the picture."),
    click.option("--numbers", is_flag=True, help="Write the probabilities beside the bars."),
    click.option("--landmarks", is_flag=True, help="Mark the eyes, nose and mouth corners."),
    click.option(
        "--draw-attributes",
        is_flag=True,
        help="Write the estimated age and gender under each face. Read the limits in the model card first.",
    ),
    click.option(
        "--blur-faces",
        is_flag=True,
        help="Blur the faces that were found, and whole frames in which no faces were searched. Check the video before "
        "you share it: a face that was not found stays visible.",
    ),
    click.option(
        "--blur-only",
        multiple=True,
        metavar="NAME",
        help="Blur only the face of this person: a number, or a name written by fervid people. Can be repeated.",
    ),
    click.option(
        "--blur-except",
        multiple=True,
        metavar="NAME",
        help="Blur all faces except that of this person. Can be repeated.",
    ),
)
@sampling_options
@face_options
@device_options
@click.option("-q", "--quiet", is_flag=True, help="Show errors only: no progress, no warnings.")
@debug_option
@click.pass_context
def render(
    ctx: click.Context, /, clip: str, out: str, result_file: str | None, no_bars: bool, numbers: bool,
    landmarks: bool, draw_attributes: bool, no_timeline: bool, blur_faces: bool, blur_only: tuple[str, ...],
    blur_except: tuple[str, ...], quality: int, quiet: bool, **given: Any,
) -> None:  # fmt: skip
    """Draw the results over a video.

    Draws boxes, person numbers, bars of the emotions, and a timeline under the picture. The video is H.264 with the
    sound of the clip. With --blur-faces, faces are searched in every frame unless --fps or --detect is given.

    \b
    fervid render clip.mp4 --out overlay.mp4
    fervid predict clip.mp4 --frames --out r.json
    fervid render clip.mp4 --result r.json --out overlay.mp4
    """
    from fer_video.files import refuse_same
    from fer_video.media.address import shown
    from fer_video.media.fetch import local_copy
    from fer_video.render.overlay import OverlayOptions
    from fer_video.render.video import RenderOptions, check_video, render_video

    given["attributes"] = given["attributes"] or draw_attributes
    drawn = OverlayOptions(not no_bars, landmarks, numbers, given["attributes"])
    options = RenderOptions(drawn, not no_timeline, blur_faces, quality, blur_only, blur_except)
    check_video(Path(out))
    refuse_same(Path(out), [clip] if result_file is None else [clip, result_file])
    if options.blurs and given["fps"] is None:
        given["every_frame"] = True
    if options.blurs and ctx.get_parameter_source("detect") is ParameterSource.DEFAULT:
        given["detect"] = "every"  # a face that is missed can be seen
    name = shown(clip)
    with BatchProgress(1 if result_file else 2, quiet=quiet) as progress, local_copy(clip) as here:
        result = result_of(ctx, name, here, result_file, given, progress)
        done = render_video(here, result, Path(out), options, progress.update)
        progress.finish()
    if not quiet:
        if done.ended_early:
            warn(f"warning: {name}: partial: {done.ended_early}")
        for codec in done.silent:
            warn(f"warning: {out}: without a sound stream ({codec}): this kind of file cannot hold it; try .mkv")
