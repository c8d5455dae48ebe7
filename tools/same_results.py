"""Whether two installations of fervid give the same results, byte for byte apart from their versions.

    python tools/same_results.py BEFORE/bin/fervid AFTER/bin/fervid CLIP...

Both run on the same machine: other processors round differently. Exits with 1 where something differs.
"""

from __future__ import annotations

import re
import subprocess
import sys

OUTPUTS = {
    "clips": ("--format", "json"),
    "everything": ("--format", "json", "--frames", "--group", "--attributes", "--window", "2"),
    "every frame": ("--format", "csv", "--rows", "frames", "--every-frame"),
}
# In "ran" of a result: fervid's own version, and those of what it uses.
_VERSIONS = re.compile(rb'("(?:fervid|python|onnxruntime|opencv|numpy|av|ffmpeg)": )"[^"]*"')


def output(command: str, options: tuple[str, ...], clips: list[str]) -> bytes:
    done = subprocess.run([command, "predict", *clips, *options], stdout=subprocess.PIPE, check=False)
    if done.returncode not in (0, 1) or not done.stdout:  # 1: some clip cannot be read, which both should say
        sys.exit(f"{command}: exit code {done.returncode}")
    return _VERSIONS.sub(rb'\1""', done.stdout)


def main() -> None:
    if len(sys.argv) < 4:
        sys.exit("usage: same_results.py BEFORE/bin/fervid AFTER/bin/fervid CLIP...")
    before, after, *clips = sys.argv[1:]
    differs = False
    for name, options in OUTPUTS.items():
        one, other = output(before, options, clips), output(after, options, clips)
        differs |= one != other
        print(f"{name}: {'same' if one == other else 'DIFFERS'}, {len(one)} bytes, {' '.join(options)}")
    sys.exit(differs)


if __name__ == "__main__":
    main()
