"""Records that grow run by run, each with its page beside it."""

import json
from pathlib import Path
from typing import Any


def keep(path: Path, record: dict[str, Any], page: str) -> None:
    """Writes a record so that it is whole whenever that is interrupted, and its page.

    Example:
      >>> import tempfile
      >>> path = Path(tempfile.mkdtemp()) / "runs" / "record.json"
      >>> keep(path, {"rows": []}, "# Nothing")
      >>> path.with_suffix(".md").read_text()
      '# Nothing'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(record, indent=1) + "\n")
    part.replace(path)
    path.with_suffix(".md").write_text(page)


__all__ = ["keep"]
