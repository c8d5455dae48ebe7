"""What each extra of the installation enables, and which of its packages are missing here."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["EXTRAS", "Extra", "missing_packages"]


@dataclass(frozen=True, slots=True)
class Extra:
    """packages: as pip calls them."""

    packages: tuple[str, ...]
    enables: str


# tests/machine/test_extras.py compares it with setup.cfg.
EXTRAS: Mapping[str, Extra] = {
    "video": Extra(("pillow",), "text on videos: fervid render, fervid live in a window"),
    "report": Extra(("jinja2",), "web pages: fervid report"),
    "plot": Extra(("matplotlib",), "pictures of results: fervid plot, confusion matrices"),
    "parquet": Extra(("pyarrow",), "results as Parquet"),
    "tables": Extra(("pandas", "pyarrow", "XlsxWriter"), "data frames in Python, tables as Parquet and XLSX"),
    "annotations": Extra(("praatio", "pympi-ling"), "tiers of ELAN and Praat as events and codes"),
    "remote": Extra(("fsspec", "gcsfs", "s3fs"), "clips behind s3:// and gs://"),
    "ray": Extra(("ray",), "batches on a Ray cluster"),
    "train": Extra(
        ("matplotlib", "onnxscript", "safetensors", "timm", "torch", "torchvision"), "training of backbones"
    ),
}


def missing_packages(extra: Extra) -> Iterator[str]:
    for name in extra.packages:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield name
