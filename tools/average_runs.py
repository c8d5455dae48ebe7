"""The mean of the weights of several training runs, for runs of which each began where another was (a "model soup",
arXiv 2203.05482).

    python tools/average_runs.py RUN RUN... --out FOLDER

Writes FOLDER/best.safetensors, which `fervid backbone export FOLDER` takes; recipe and labels are
those of the last RUN.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    tensors, about = [], None
    for run in given.runs:
        with safe_open(run / "best.safetensors", "pt") as file:
            tensors.append({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
            about = file.metadata()
    if any(each.keys() != tensors[0].keys() for each in tensors):
        parser.error("the runs are of different networks")
    mean = {
        name: sum(each[name].double() for each in tensors).div(len(tensors)).to(last.dtype)
        if last.is_floating_point()
        else last
        for name, last in tensors[-1].items()
    }
    given.out.mkdir()
    save_file(mean, given.out / "best.safetensors", metadata=about)


if __name__ == "__main__":
    main()
