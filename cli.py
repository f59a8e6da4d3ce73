"""``python cli.py …`` from a checkout is the installed ``auditkit`` command."""

from auditkit.cli import main

if __name__ == "__main__":
    main()
