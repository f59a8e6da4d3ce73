"""Facts of where an audit runs, as they go into the record."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

from auditkit._version import __version__
from auditkit.record import Environment

__all__ = ["collecting_versions", "environment"]

_PACKAGES = (
    "torch", "transformers", "tokenizers", "safetensors", "datasets", "pyarrow", "pandas",
    "numpy", "scipy", "scikit-learn", "altair", "vl-convert-python", "textattack", "nltk",
)  # fmt: skip
_COLLECTING = ("torch", "transformers", "tokenizers", "numpy")


def environment(*, seed: int, draws: int, threads: int | None) -> Environment:
    """Return versions, platform and commit."""
    return Environment(
        auditkit=__version__,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        packages=_versions(_PACKAGES),
        commit=_commit(),
        seed=seed,
        draws=draws,
        threads=threads,
    )


def collecting_versions(also: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the versions of the libraries that evidence depends on, and of ``also``."""
    return _versions((*_COLLECTING, *also))


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    """Return the commit of the checkout the audit runs in, where it is one."""
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            capture_output=True, text=True, timeout=5, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}-dirty" if changed else commit
