"""What a check may need besides model and data, and where it is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from auditkit.cache_folder import cache_folder
from auditkit.errors import ResourceError
from auditkit.resources import hub, nltk_files, vectors
from auditkit.resources.digests import content_digest

__all__ = ["Found", "Origin", "Resource", "Resources"]

Origin: TypeAlias = Literal["resources folder", "cache", "bundled", "local folder"]
"""Where a resource was found, in words that are the same on every machine."""


@dataclass(frozen=True)
class Resource:
    """A file or folder that an evaluator needs."""

    kind: Literal["nltk", "hub", "vectors"]
    """A package of NLTK's data, a checkpoint of the hub (or a local folder), word vectors."""
    name: str
    """``corpora/wordnet``, ``org/name@revision`` or a path, ``paragramcf``."""
    purpose: str
    """What it is for, in a few words."""

    def __str__(self) -> str:
        kinds = {"nltk": "the NLTK data", "hub": "the checkpoint", "vectors": "the word vectors"}
        return f"{kinds[self.kind]} '{self.name}'"

    @property
    def is_folder(self) -> bool:
        """Whether it names a folder of this machine, which nothing can fetch."""
        return self.kind == "hub" and hub.names_a_folder(self.name)


@dataclass(frozen=True)
class Found:
    """A resource that is at hand."""

    path: Path
    """The file or folder."""
    origin: Origin
    """Where it was found."""


@dataclass(frozen=True)
class Resources:
    """Finds resources, in this order, without touching the network.

    1. The resources folder.
    2. The usual caches: NLTK's search path with ``NLTK_DATA``, the cache of the Hugging Face hub
       with ``HF_HOME`` and ``HF_HUB_CACHE``, TextAttack's cache with ``TA_CACHE_DIR``.
    3. What auditkit brings: a list of English stop words.
    """

    folder: Path | None = None
    """The resources folder; None for ``resources`` in the cache."""
    offline: bool = False
    """Whether the network must not be touched. Finding never does; libraries have to be told."""

    @property
    def home(self) -> Path:
        """The resources folder, which need not exist."""
        if self.folder is not None:
            return self.folder.expanduser().absolute()
        return cache_folder("resources").absolute()

    def find(self, resource: Resource) -> Path | None:
        """Return where a resource lies, or None if it is not at hand.

        A package of NLTK's data may be a folder or a zip file.
        """
        found = self.locate(resource)
        return None if found is None else found.path

    def require(self, resource: Resource) -> Path:
        """Return where a resource lies.

        Raises
        ------
        ResourceError
            If it is not at hand, with the command that fetches it.
        """
        found = self.find(resource)
        if found is None:
            raise ResourceError(
                f"{resource} ({resource.purpose}) is not here{self.fault(resource)}",
                hint=self.remedy([resource]),
            )
        return found

    def locate(self, resource: Resource) -> Found | None:
        """Return where a resource lies and what kind of place that is, or None."""
        if resource.kind == "nltk":
            at = nltk_files.find(resource.name, self._nltk_roots())
            return None if at is None else Found(at[0], self._nltk_origin(at[1]))
        if resource.is_folder:
            folder = hub.find_folder(resource.name)
            return None if folder is None else Found(folder, "local folder")
        look = hub.find_snapshot if resource.kind == "hub" else vectors.find
        if (path := look(resource.name, self.store(resource))) is not None:
            return Found(path, "resources folder")
        path = look(resource.name, None)
        return None if path is None else Found(path, "cache")

    def digest(self, resource: Resource) -> str:
        """Return the SHA-256 over names, sizes and contents of a resource's files.

        Where a package of NLTK's data is a zip file, over what it holds.

        Raises
        ------
        ResourceError
            If it is not at hand.
        """
        path = self.require(resource)
        return content_digest(path, hub.read_from(path) if resource.kind == "hub" else None)

    def nltk_path(self) -> list[str]:
        """Return the folders that ``nltk.data.path`` must hold, in their order."""
        return [str(root) for root in self._nltk_roots()]

    def store(self, resource: Resource) -> Path:
        """Return the part of the resources folder for a kind of resource."""
        folders = {"nltk": "nltk_data", "hub": "hub", "vectors": "vectors"}
        return self.home / folders[resource.kind]

    def fault(self, resource: Resource) -> str:
        """Return why a copy that is there is not used, as the end of a sentence, or nothing."""
        if resource.is_folder:
            return ": there is no such folder with a config.json"
        if resource.kind != "nltk":
            return ""
        at = nltk_files.refused(resource.name, self._nltk_roots())
        return (
            ""
            if at is None
            else f": others may write to {at}, so NLTK refuses it (chmod -R go-w makes it private)"
        )

    def remedy(self, missing: list[Resource], suite: str = "SUITE") -> str:
        """Return what to do about missing resources, as an imperative sentence."""
        folders = [one for one in missing if one.is_folder]
        rest = [one for one in missing if not one.is_folder]
        said = []
        if rest:
            where = f" --resources {self.folder}" if self.folder is not None else ""
            command = f"auditkit fetch {suite}{where}"
            if self.offline:
                places = ", ".join(sorted(self._by_hand(one) for one in rest))
                said.append(
                    f"Run `{command}` where there is a network and take the folder {self.home} "
                    f"along, or put it there by hand: {places}"
                )
            else:
                said.append(f"Fetch it: {command}")
        if folders:
            said.append("Correct the path in the suite, or name a checkpoint of the hub")
        return "; ".join(said)

    def _by_hand(self, resource: Resource) -> str:
        if resource.kind == "hub":
            return f"{resource.name} as a folder that the suite names"
        return f"{resource.name} in {self.store(resource)}"

    def _nltk_roots(self) -> list[Path]:
        own = self.home / "nltk_data"
        return [own, *nltk_files.search_path(), nltk_files.bundled()]

    def _nltk_origin(self, root: Path) -> Origin:
        if root == self.home / "nltk_data":
            return "resources folder"
        return "bundled" if root == nltk_files.bundled() else "cache"
