"""Writes docs/commands.md from what each command's --help says: ``make docs``.

A test holds the page in step with the commands.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("commands.md")

_HEAD = """\
# Commands

Made from `auditkit COMMAND --help` by `make docs`; do not edit by hand.
"""


def page() -> str:
    """Return the page as it should be."""
    top = _help()
    commands = re.findall(r"^  ([a-z]+)  ", top.partition("Commands:")[2], flags=re.MULTILINE)
    parts = [_HEAD, _block("auditkit", top)]
    parts += [_block(f"auditkit {name}", _help(name)) for name in commands]
    return "\n".join(parts)


def _block(title: str, text: str) -> str:
    return f"## {title}\n\n```text\n{text.strip()}\n```\n"


def _help(*command: str) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AUDITKIT_")}
    done = subprocess.run(
        [sys.executable, "-m", "auditkit", *command, "--help"],
        env={**clean, "COLUMNS": "100", "TERM": "dumb"},
        capture_output=True,
        text=True,
        check=True,
    )
    return "\n".join(line.rstrip() for line in done.stdout.splitlines())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
