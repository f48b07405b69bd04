"""The child process that sets documents: templates and JSON in, PDF files out. It imports nothing of Django.

    python -m orders.documents.typesetting.child        # reads one JSON request a line, answers with one JSON line each

A request is {"template", "data", "target", "archive", "issued"}. The process ends with its input: typst stores what it
set before, so one that lives long grows without end.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import typst

from orders.documents.typesetting import barcodes

HERE = Path(__file__).resolve().parents[1]
#: What an invoice is built as: archival, tagged for screen readers.
ARCHIVE = ["a-3a", "ua-1"]


def compilers() -> Any:
    """Return a function that gives the compiler of a template; each is made once."""
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(HERE / "fonts")]
    )
    made: dict[str, Any] = {}

    def compiler(template: str) -> Any:
        if template not in made:
            path = HERE / "templates" / f"{Path(template).name}.typ"
            made[template] = typst.Compiler(str(path), root=str(HERE / "templates"), font_paths=fonts)
        return made[template]

    return compiler


def set_one(compiler: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Set one request and write its file; return {"size"} or {"error"}."""
    data = barcodes.drawn(request["data"])
    more: dict[str, Any] = {"pdf_standards": ARCHIVE} if request.get("archive") else {}
    try:
        pdf = compiler(request["template"]).compile(
            format="pdf",
            sys_inputs={"data": json.dumps(data)},
            timestamp=request.get("issued", 0),
            **more,
        )
    except (typst.TypstError, RuntimeError, ValueError) as error:
        return {"error": str(error)[:2000]}
    Path(request["target"]).write_bytes(pdf)
    return {"size": len(pdf)}


def main() -> None:
    """Answer requests until the input ends."""
    compiler = compilers()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(set_one(compiler, json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
