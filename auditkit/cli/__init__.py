"""The command line. Parses, calls, prints; everything else is elsewhere.

One module holds a group of commands; importing it adds them to :data:`app`.
"""

from auditkit.cli import drafting, fetching, running, saved, suites  # each adds its commands
from auditkit.cli.app import _run, app, main

__all__ = ["_run", "app", "drafting", "fetching", "main", "running", "saved", "suites"]
