"""`fervid bench`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from fer_video.cli.shared.command import command, option_group
from fer_video.cli.shared.completion import files
from fer_video.cli.shared.messages import warn
from fer_video.cli.shared.options import (
    analyzer_options,
    bench_sampling_options,
    debug_option,
    device_options,
    face_options,
)
from fer_video.cli.shared.output import figures_format

if TYPE_CHECKING:
    from fer_video.machine.bench import Measured, Peer

__all__ = ["bench"]


@command()
@click.argument("clip", shell_complete=files)
@option_group(
    "Measurement",
    click.option(
        "--runs", type=int, default=3, show_default=True, metavar="N", help="Run N times and report the median."
    ),
    click.option(
        "--compare",
        is_flag=True,
        help="Also time other programs that are installed. Needs a checkout of fervid's repository.",
    ),
    figures_format,
)
@bench_sampling_options
@face_options
@device_options
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@debug_option
def bench(clip: str, runs: int, format_name: str, compare: bool, quiet: bool, **given: Any) -> None:
    """Measure the speed of fervid on this machine.

    CLIP is any video. Measures frames per second from end to end with the models loaded, the time of each stage,
    decoding alone, the networks alone on all cores, and the peak memory. Shows how close the speed is to the limit that
    decoding and networks set.

    \b
    fervid bench clip.mp4
    fervid bench clip.mp4 --detect every --format json
    """
    from fer_video.machine import bench as library

    options = analyzer_options({**given, "every_frame": given["every_frame"] or given["fps"] is None})
    say = (lambda _: None) if quiet else warn
    measured = library.bench(clip, library.BenchOptions(options, runs), say)
    peers: list[Peer] = []
    if compare:
        say("what others do")
        peers = library.compare(clip)
    if format_name == "json":
        beside = {"peers": [asdict(peer) for peer in peers]} if compare else {}
        click.echo(json.dumps(measured.to_dict() | beside, ensure_ascii=False))
        return
    click.echo("\n".join([*_table(measured), *(_beside(peer, measured.fps) for peer in peers)]))


def _beside(peer: Peer, fps: float) -> str:
    if peer.fps is None:
        return f"  {peer.name:18}not measured: {peer.error}"
    return f"  {peer.name:18}{peer.fps:8.1f} frames/s; fervid is {fps / peer.fps:.1f} times as fast"


def _table(measured: Measured) -> list[str]:
    faces = measured.faces / measured.frames
    lines = [
        f"{measured.path}: {measured.frames} frames of {measured.width}x{measured.height}, {faces:.1f} faces in each, "
        f"{measured.cores} cores",
        f"  end to end        {measured.fps:8.1f} frames/s, {1000 / measured.fps:.2f} ms a frame",
        f"  decoding alone    {measured.decode_fps:8.1f} frames/s",
        f"  networks alone    {measured.inference_fps:8.1f} frames/s on all cores",
        f"  limit             {measured.limit_fps:8.1f} frames/s: the slower of these, or both on the same cores",
        f"  efficiency        {measured.efficiency:8.0%} of the limit",
    ]
    if measured.peak_mib is not None:
        lines.append(f"  peak memory       {measured.peak_mib:8.0f} MiB, with what was kept to measure the networks")
    lines.append("  stages, which work at the same time:")
    for name, seconds in measured.stage_s.items():
        each = 1000 * seconds / measured.frames
        lines.append(f"    {name:16}{each:8.2f} ms a frame {measured.share[name]:7.0%}")
    ran = measured.ran
    lines.append(
        f"  {ran['detector']['name']} and {ran['backbone']['name']} on {ran['provider']}, fervid {ran['fervid']}"
    )
    return lines
