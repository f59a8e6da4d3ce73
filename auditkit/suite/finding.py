"""Where suites lie: at a path, in ``./suites``, in the package."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from auditkit.errors import SuiteError, did_you_mean

__all__ = ["SuiteListing", "find_suites", "locate_suite"]

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class SuiteListing:
    """A suite that can be asked for by name."""

    name: str
    path: Path
    origin: str
    """``folder`` (``./suites``) or ``package``."""


def find_suites(*, beside: Path | None = None) -> list[SuiteListing]:
    """List the suites of ``./suites`` and of the package; the folder's hide the package's.

    A suite that lies at ``beside`` is left out and hides nothing.
    """
    found: dict[str, SuiteListing] = {}
    for folder, origin in _suite_folders():
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                wanted = path.suffix in _SUFFIXES and path.is_file()
                if wanted and (beside is None or not path.samefile(beside)):
                    found.setdefault(path.stem, SuiteListing(path.stem, path, origin))
    return [found[name] for name in sorted(found)]


def _suite_folders() -> Iterable[tuple[Path, str]]:
    yield Path("suites"), "folder"
    package = Path(__file__).resolve().parent.parent
    yield package / "suites", "package"  # as a wheel holds them
    if (package.parent / "pyproject.toml").is_file():  # a checkout, installed in place
        yield package.parent / "suites", "package"


def locate_suite(source: str | Path) -> Path:
    """Return the file of a suite that was asked for by path or by name.

    Raises
    ------
    SuiteError
        If there is none.
    """
    path = Path(source)
    is_name = isinstance(source, str) and path.suffix not in _SUFFIXES and path.name == source
    if path.is_file():
        return path
    if is_name:
        listings = find_suites()
        for listing in listings:
            if listing.name == source:
                return listing.path
        names = [listing.name for listing in listings]
        raise SuiteError(
            f"there is no suite called '{source}'",
            hint=f"{did_you_mean(str(source), names)}. A path ends in .yaml",
        )
    if path.is_dir():
        raise SuiteError("is a folder, not a file", file=path)
    folder = path.expanduser().parent
    nearby = sorted(p.name for p in folder.glob("*.y*ml")) if folder.is_dir() else []
    raise SuiteError("there is no such file", file=path, hint=did_you_mean(path.name, nearby))
