"""``python -m auditkit`` is the installed command."""

from auditkit.cli import main

main()
