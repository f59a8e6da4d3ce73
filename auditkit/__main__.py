"""``python -m auditkit`` is the installed command."""

from auditkit.cli import main

if __name__ == "__main__":
    main()
