"""Beside a CSV: what its columns are, and what it was made with (W3C CSV on the Web: NAME.csv-metadata.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fer_video.files import open_output
from fer_video.results.columns import COUNTS, TEXTS

__all__ = ["provenance_path", "write_provenance"]


def provenance_path(csv: Path) -> Path:
    return csv.with_name(f"{csv.name}-metadata.json")


def write_provenance(csv: Path, columns: Sequence[str], ran: Mapping[str, Any]) -> None:
    """ran: models and hashes, provider, sampling and versions, as in every result. Raises OutputError."""
    value = {
        "@context": "http://www.w3.org/ns/csvw",
        "url": csv.name,
        "tableSchema": {"columns": [{"name": name, "titles": name, "datatype": _type(name)} for name in columns]},
        "notes": [dict(ran)],
    }
    with open_output(provenance_path(csv)) as file:
        file.write(json.dumps(value, indent=2) + "\n")


def _type(column: str) -> str:
    return "string" if column in TEXTS else "integer" if column in COUNTS else "double"
