"""From what the user named (a folder or a hub id, a device, a dtype) to a model that runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auditkit.errors import ModelError, UsageError
from auditkit.models.base import Model

if TYPE_CHECKING:
    import torch

__all__ = ["Source", "load_model", "parse_source"]

_DTYPES = ("auto", "float32", "bfloat16", "float16")
_SEARCH_DTYPES = ("auto", "float32", "bfloat16")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
# What a sequence classifier needs; other weight formats and sub-folders stay on the hub.
_FILES = ["*.json", "*.txt", "*.model", "*.jinja", "model.safetensors", "model-*.safetensors"]
_PICKLES = ["pytorch_model.bin", "pytorch_model-*.bin"]


@dataclass(frozen=True)
class Source:
    """Where a checkpoint lies: a folder of this machine, or an id and revision of a hub."""

    folder: Path | None
    hub_id: str | None
    revision: str | None


def load_model(
    source: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    search_dtype: str = "auto",
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
    offline: bool = False,
    multi_label: bool | None = None,
    threads: int | None = None,
) -> Model:
    """Load a sequence-classification checkpoint of any Hugging Face architecture.

    Parameters
    ----------
    source
        A folder written by ``save_pretrained()``, or a hub id with an optional revision
        (``org/name``, ``org/name@main``, ``org/name@3f1c2ab``).
    device
        ``auto`` (CUDA where there is some, else the CPU), ``cpu``, ``cuda`` or ``cuda:1``.
    dtype
        ``auto``, ``float32``, ``bfloat16`` or ``float16``. ``auto`` is float32 on every device,
        whatever the files hold: decisions are made in float32.
    search_dtype
        The dtype of searches: ``auto``, ``float32`` or ``bfloat16``. ``auto`` is bfloat16 where
        the device has instructions for it and the architecture runs in it, else float32. A model
        that runs in another dtype than float32 searches in that.
    allow_pickle
        Also read weights that are only there as a pickle.
    trust_remote_code
        Run Python code that comes with the checkpoint.
    offline
        Use what is in the cache and never the network; ``HF_HUB_OFFLINE=1`` does the same.
    multi_label
        Whether several labels may hold at once; default: what the checkpoint's config says.
    threads
        CPU threads torch may use; default: ``OMP_NUM_THREADS`` where it is set, else the cores
        this process may run on.

    Raises
    ------
    UsageError
        If the device or a dtype is unknown or not there, or the two dtypes do not go together.
    ModelError
        If the checkpoint is missing, damaged, incomplete, or no classifier.
    """
    place = parse_source(source)
    # The cheap questions first: a mistyped device should not cost a download.
    _check_names(dtype, search_dtype, device)
    target = _resolve_device(device)
    if dtype == "float16" and target.type == "cpu":
        raise UsageError(
            "float16 does not run well on a CPU", hint="Use --dtype float32 or --dtype bfloat16"
        )
    count = _thread_count(threads)
    with _quiet(), _single_threaded():
        folder, revision = place.folder, None
        if folder is None:
            folder, revision = _download(
                place.hub_id or source,
                place.revision,
                offline=offline,
                allow_pickle=allow_pickle,
                trust_remote_code=trust_remote_code,
            )
        from auditkit.models.sequence_classification import SequenceClassifier

        return SequenceClassifier.from_folder(
            folder,
            source=source,
            revision=revision,
            device=target,
            dtype="float32" if dtype == "auto" else dtype,
            search_dtype=search_dtype,
            allow_pickle=allow_pickle,
            trust_remote_code=trust_remote_code,
            multi_label=multi_label,
            threads=count,
        )


def parse_source(source: str) -> Source:
    """Tell a folder from a hub id, without asking the hub.

    Raises
    ------
    ModelError
        If it looks like a folder that is not there, or like neither.

    Examples
    --------
    >>> parse_source("org/name@main")
    Source(folder=None, hub_id='org/name', revision='main')
    """
    path = Path(source).expanduser()
    if source and path.exists():
        if path.is_dir():
            return Source(path, None, None)
        raise ModelError("is a file, not a model folder", file=source, hint="Name its folder")
    looks_local = source.startswith((".", "~", os.sep)) or source.partition("@")[0].count("/") > 1
    if looks_local:
        raise ModelError(
            "there is no such model folder",
            file=source,
            hint="Check the path, or give a hub id such as org/name",
        )
    hub_id, _, revision = source.partition("@")
    if not _HUB_ID.fullmatch(hub_id) or source.endswith("@"):
        raise ModelError(
            f"'{source}' is neither a folder nor a hub id",
            hint="Give a folder, or a hub id such as org/name or org/name@revision",
        )
    return Source(None, hub_id, revision or None)


def _download(
    hub_id: str,
    revision: str | None,
    *,
    offline: bool,
    allow_pickle: bool,
    trust_remote_code: bool,
) -> tuple[Path, str | None]:
    """Folder in the hub's cache and the commit it holds."""
    from huggingface_hub import constants, errors, snapshot_download

    name = hub_id if revision is None else f"{hub_id}@{revision}"
    offline = offline or bool(constants.HF_HUB_OFFLINE)

    def fetch(patterns: list[str]) -> Path:
        return Path(
            snapshot_download(
                hub_id,
                revision=revision,
                allow_patterns=patterns,
                ignore_patterns=["*/*"],
                local_files_only=offline,
            )
        )

    try:
        folder = fetch(_FILES + (["*.py"] if trust_remote_code else []))
        if allow_pickle and not any(folder.glob("*.safetensors")):
            folder = fetch(_PICKLES)
    except errors.GatedRepoError:
        raise ModelError(
            f"access to '{name}' is gated",
            hint="Accept its terms on the hub, then set HF_TOKEN or run 'hf auth login'",
        ) from None
    except errors.RepositoryNotFoundError:
        raise ModelError(
            f"the hub has no model '{hub_id}', or it is private",
            hint="Check the spelling; for a private model set HF_TOKEN; "
            "a folder starts with ./ or /",
        ) from None
    except errors.RevisionNotFoundError:
        raise ModelError(
            f"'{hub_id}' has no revision '{revision}'",
            hint="Name a branch, a tag or a full commit hash",
        ) from None
    except errors.HFValidationError as error:
        raise ModelError(f"'{name}' is not a hub id: {str(error).splitlines()[0]}") from None
    except errors.LocalEntryNotFoundError:
        raise _not_at_hand(name, offline=offline) from None
    except OSError as error:
        # Also what the HTTP client raises: a broken connection, a time-out, a server's error.
        raise ModelError(
            f"'{name}' could not be downloaded: {_first_line(error)}",
            hint="Check the connection and try again, or give a folder",
        ) from None
    # Snapshots are kept under the name of their commit.
    return folder, folder.name if re.fullmatch(r"[0-9a-f]{40}", folder.name) else revision


def _not_at_hand(name: str, *, offline: bool) -> ModelError:
    if offline:
        return ModelError(
            f"'{name}' is not in the local cache, and the network is switched off",
            hint="Download it once without --offline and HF_HUB_OFFLINE, or give a folder",
        )
    return ModelError(
        f"the hub cannot be reached and '{name}' is not in the local cache",
        hint="Check the connection, or give a folder",
    )


def _check_names(dtype: str, search_dtype: str, device: str) -> None:
    if dtype not in _DTYPES:
        raise UsageError(f"unknown dtype '{dtype}'", hint="Known: " + ", ".join(_DTYPES))
    if search_dtype not in _SEARCH_DTYPES:
        raise UsageError(
            f"unknown search dtype '{search_dtype}'", hint="Known: " + ", ".join(_SEARCH_DTYPES)
        )
    if dtype not in ("auto", "float32") and search_dtype not in ("auto", dtype):
        raise UsageError(
            f"a model that runs in {dtype} also searches in {dtype}, not in {search_dtype}",
            hint="Leave out --search-dtype, or --dtype",
        )
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise UsageError(
            f"unknown device '{device}'", hint="Use auto, cpu, cuda or cuda:N with N from 0"
        )


def _resolve_device(device: str) -> torch.device:
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "cpu" or (device == "auto" and not count):
        return torch.device("cpu")
    index = int(device.partition(":")[2] or 0)
    if index >= count:
        there = f"only {count} CUDA device{'s are' if count > 1 else ' is'}" if count else "no CUDA"
        raise UsageError(
            f"device '{device}' is not there: torch sees {there}{' device' if not count else ''}",
            hint="Use --device auto or --device cpu",
        )
    return torch.device("cuda", index)


def _thread_count(threads: int | None) -> int:
    """Threads for torch, chosen on purpose: its own default ignores what the process may use."""
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be at least 1, not {threads}")
    if threads is None:
        wish = os.environ.get("OMP_NUM_THREADS", "")
        affinity = getattr(os, "sched_getaffinity", None)
        cores = len(affinity(0)) if affinity else os.cpu_count() or 1
        threads = int(wish) if wish.isdigit() and int(wish) else max(1, cores)
    return threads


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Load with one thread, and leave the caller's setting as it was.

    OpenMP keeps a team of threads for each thread that ever computed in parallel. With a second
    team, more threads exist than cores, and waiting threads sleep where they would spin: seen to
    double the time of each batch that the engine's own thread runs later.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep progress bars and advice of the libraries off the user's terminal.

    Only errors are logged from now on: advice also comes later, when the model runs. Python's
    own warnings are held back while loading alone.
    """
    import warnings

    from huggingface_hub.utils import logging as hub_logging
    from transformers.utils import logging

    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with warnings.catch_warnings(), _no_hub_bars():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _no_hub_bars() -> Iterator[None]:
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    before = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not before:
            enable_progress_bars()


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
