"""The comments of a dataclass's fields -> a table in the Python reference: an extension of griffe, for mkdocs.yml.

    start_s: float  # time of the first frame in which the face was found

A field whose comment is neither behind it nor in the lines right above it is left out of the table. A docstring that
describes the fields itself stays as it is.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Attribute, Class, Extension

HEADING = "\n\nAttributes:\n"


class FieldComments(Extension):
    def on_class_members(self, *, cls: Class, **_: Any) -> None:
        if "dataclass" not in cls.labels or cls.docstring is None or HEADING in cls.docstring.value:
            return
        lines = cls.lines_collection[cls.filepath]
        fields = [each for each in cls.members.values() if isinstance(each, Attribute) and each.lineno is not None]
        said = {field.name: comment(lines, field.lineno - 1) for field in fields if "property" not in field.labels}
        table = "".join(f"    {name}: {text[0].upper()}{text[1:]}.\n" for name, text in said.items() if text)
        cls.docstring.value += HEADING + table.replace("<", "&lt;") if table else ""


def comment(lines: list[str], number: int) -> str:
    """What stands behind the code of a line, or else in the comment lines right above it."""
    behind = re.search(r"  # (.*)$", lines[number])
    if behind:
        return behind[1].rstrip(".")
    above: list[str] = []
    while number and (line := re.match(r"\s+# (.*)$", lines[number - 1])):
        above.insert(0, line[1])
        number -= 1
    return " ".join(above).rstrip(".")
