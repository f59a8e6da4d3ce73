"""Gets resources from the network into the resources folder."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from auditkit.errors import ResourceError
from auditkit.resources import hub, vectors
from auditkit.resources.base import Resource, Resources
from auditkit.resources.download import Transfer, download

__all__ = ["fetch"]

_CONNECTION = "Check the connection and run the same command again; it goes on where it stopped"


def fetch(resource: Resource, resources: Resources, transfer: Transfer) -> Path:
    """Get a resource and return where it lies.

    Parameters
    ----------
    resource
        What to get.
    resources
        Where it goes.
    transfer
        Told how far it is, where it is one large file.

    Raises
    ------
    ResourceError
        If it cannot be had. Then it is not there in part either; what has come of a large file
        lies beside it, and the next call goes on from there.
    """
    if resource.is_folder:
        raise ResourceError(
            f"{resource} is a folder of this machine, and not there",
            hint=resources.remedy([resource]),
        )
    store = resources.store(resource)
    try:
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        if resource.kind == "nltk":
            _fetch_nltk(resource, store)
        elif resource.kind == "hub":
            _fetch_checkpoint(resource, store)
        else:
            _fetch_vectors(resource, store, transfer)
    except OSError as error:
        raise ResourceError(
            f"{resource} cannot be kept in {store}: {error.strerror or error}",
            hint="Name another folder with --resources",
        ) from error
    found = resources.find(resource)
    if found is None:
        raise ResourceError(
            f"{resource} was downloaded and cannot be used{resources.fault(resource)}",
            hint="A checkpoint needs a config.json and safetensors weights"
            if resource.kind == "hub"
            else None,
        )
    return found


def _fetch_nltk(resource: Resource, store: Path) -> None:
    """Have NLTK's own downloader install a package; it verifies what came."""
    try:
        import nltk
    except ImportError:
        raise ResourceError(
            f"{resource} is fetched by NLTK, which is not installed",
            hint='Run: pip install "auditkit[attacks]"',
        ) from None
    # NLTK puts nothing into a folder that others may write, and unpacks nothing they could change.
    store.chmod(0o700)
    before = os.umask(0o022)
    package = resource.name.rpartition("/")[2]
    try:
        with Path(os.devnull).open("w") as nowhere:  # what it prints is in the error as well
            nltk.download(
                package,
                download_dir=str(store),
                quiet=True,
                raise_on_error=True,
                print_error_to=nowhere,
            )
    except (ValueError, OSError) as error:
        raise ResourceError(
            f"{resource} could not be downloaded: {error}", hint=_CONNECTION
        ) from None
    finally:
        os.umask(before)


def _fetch_checkpoint(resource: Resource, store: Path) -> None:
    """Have the hub's own client keep a snapshot; it goes on where a transfer broke."""
    from huggingface_hub import errors, snapshot_download

    hub_id, revision = hub.parted(resource.name)
    try:
        snapshot_download(
            hub_id,
            revision=revision,
            cache_dir=store,
            allow_patterns=list(hub.FILES),
            ignore_patterns=["*/*"],
        )
    except errors.GatedRepoError:
        why, hint = "access to it is gated", "Accept its terms on the hub, then set HF_TOKEN"
    except errors.RepositoryNotFoundError:
        why, hint = "the hub has no such model, or it is private", "Check the spelling"
    except errors.RevisionNotFoundError:
        why, hint = f"it has no revision '{revision}'", "Name a branch, a tag or a commit"
    except errors.HFValidationError:
        why, hint = "that is no id of the hub", "Write owner/name or owner/name@revision"
    except (OSError, RuntimeError) as error:
        # Whatever the HTTP client raises: a broken connection, a time-out, a server's error.
        why = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        hint = _CONNECTION
    else:
        return
    raise ResourceError(f"{resource} could not be downloaded: {why}", hint=hint)


def _fetch_vectors(resource: Resource, store: Path, transfer: Transfer) -> None:
    if resource.name != vectors.NAME:
        raise ResourceError(
            f"nothing is known of {resource}", hint=f"Known word vectors: {vectors.NAME}"
        )
    packed = download(vectors.URL, store, transfer)
    try:
        _unpack(packed, store / resource.name)
    except (zipfile.BadZipFile, EOFError, KeyError) as error:
        packed.unlink()
        raise ResourceError(
            f"what {vectors.URL} sent is damaged: {error}", hint=_CONNECTION
        ) from None
    packed.unlink()


def _unpack(packed: Path, target: Path) -> None:
    """Unpack the files TextAttack reads, and nothing else; checksums are verified on the way."""
    with (
        zipfile.ZipFile(packed) as archive,
        tempfile.TemporaryDirectory(dir=target.parent) as temporary,
    ):
        members = dict(_wanted(archive))
        if absent := sorted(set(vectors.FILES) - set(members)):
            raise KeyError(f"it lacks {', '.join(absent)}")
        made = Path(temporary) / target.name
        made.mkdir()
        for name, info in members.items():
            with archive.open(info) as source, (made / name).open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
        if target.exists():
            shutil.rmtree(target)
        made.replace(target)


def _wanted(archive: zipfile.ZipFile) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    for info in archive.infolist():
        name = info.filename.rpartition("/")[2]
        if name in vectors.FILES:
            yield name, info
