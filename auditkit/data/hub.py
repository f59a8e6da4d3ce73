"""Hub data sets, through the ``datasets`` library and its cache."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from auditkit.data.files import BATCH_ROWS, Rows, Source
from auditkit.data.problems import Place
from auditkit.errors import DataError, did_you_mean
from auditkit.suite import DataConfig

__all__ = ["open_hub"]

_COMMIT = re.compile(r"[0-9a-f]{40}")
_IN_CACHE_ONLY = "Cache"
"""The class of the builder that ``datasets`` falls back on when the hub does not answer."""


def open_hub(config: DataConfig, offline: bool) -> Source:
    """Return the reader of one split of a hub data set; download it if it is not in the cache.

    Raises
    ------
    DataError
        If the hub cannot be reached (or may not be) and the data set is not in the cache, if there
        is no such data set, configuration, split or revision, or if one has to be chosen.
    """
    import datasets

    path = config.location
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", path, re.ASCII):
        raise DataError(
            "is neither a file nor the id of a hub data set",
            file=path,
            hint="Write ./ before the path of a file; hub ids look like owner/name",
        )
    offline = (
        offline or datasets.config.HF_HUB_OFFLINE
    )  # which HF_HUB_OFFLINE in the environment sets
    with _quiet(offline), _explained(config, offline):
        builder = datasets.load_dataset_builder(path, name=config.name, revision=config.revision)
        from_cache = type(builder).__name__ == _IN_CACHE_ONLY
        if from_cache:
            _check_revision(config, builder.hash)
        splits = list(builder.info.splits or ())
        if not splits and config.split is None:
            splits = datasets.get_dataset_split_names(path, config.name, revision=config.revision)
        if splits:  # asked before anything large is downloaded
            split = _choose_split(config, splits)
        builder.download_and_prepare()
        split = _choose_split(config, list(builder.info.splits))
        dataset = builder.as_dataset(split=split)
    notes = []
    if from_cache and not offline:
        notes.append(f"the hub did not answer for {path}; the copy in the local cache was used")
    return _HubSplit(config, dataset, builder.hash, notes)


class _HubSplit(Source):
    """One split; rows count from 1."""

    def __init__(self, config: DataConfig, dataset: Any, commit: str, notes: list[str]) -> None:
        self.place = Place(config.location, "row")
        self.key = f"hub-{commit}-{dataset._fingerprint}"
        self.revision = commit if _COMMIT.fullmatch(commit or "") else config.revision
        self.notes = tuple(notes)
        self.columns = list(dataset.column_names)
        self.class_names = {
            column: names
            for column, feature in dataset.features.items()
            if (names := _class_names(feature)) is not None
        }
        self._dataset = dataset

    def read(self, wanted: Sequence[str]) -> Iterator[Rows]:
        chosen = self._dataset.select_columns(list(wanted)).with_format("arrow")
        start = 1
        for table in chosen.iter(batch_size=BATCH_ROWS):
            cells = {name: table[name].to_pylist() for name in wanted}
            yield Rows(list(range(start, start + table.num_rows)), cells)
            start += table.num_rows


def _class_names(feature: Any) -> Sequence[str] | None:
    """Return the names of a ``ClassLabel``, or of a list of them."""
    inner = getattr(feature, "feature", feature)
    names: Sequence[str] | None = getattr(inner, "names", None)
    return names


@contextmanager
def _quiet(offline: bool) -> Iterator[None]:
    """Keep the libraries off the terminal and, where asked, off the network; then restore them."""
    import datasets
    from huggingface_hub import utils as hub

    loggers = [logging.getLogger(name) for name in ("datasets", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    bars = [module for module in (datasets, hub) if not module.are_progress_bars_disabled()]
    was_offline = datasets.config.HF_HUB_OFFLINE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an environment variable may forbid to hide the bars
        for module in bars:
            module.disable_progress_bars()
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        datasets.config.HF_HUB_OFFLINE = offline
        try:
            yield
        finally:
            datasets.config.HF_HUB_OFFLINE = was_offline
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            for module in bars:
                module.enable_progress_bars()


@contextmanager
def _explained(config: DataConfig, offline: bool) -> Iterator[None]:
    """Turn the library's errors into ours."""
    from datasets.exceptions import DatasetNotFoundError, DatasetsError

    try:
        yield
    except DataError:
        raise
    except ConnectionError as error:
        if offline:
            raise DataError(
                "the data set is not in the local cache, and the network may not be used",
                file=config.path,
                hint="Run once without --offline (and without HF_HUB_OFFLINE) to download it",
            ) from error
        raise DataError(
            "the hub cannot be reached, and the data set is not in the local cache",
            file=config.path,
            hint="Check the connection, or name a local file",
        ) from error
    except DatasetNotFoundError as error:
        raise DataError(
            f"the hub has no such data set, revision or access to it ({_first_line(error)})",
            file=config.path,
            hint="Check the id; write ./ before the path of a file; log in if it is gated",
        ) from error
    except ValueError as error:
        names = _names_listed(str(error))
        if not names:
            raise _cannot_load(config, error) from error
        if config.name is None:
            message = "the data set has several configurations, and 'name' chooses none"
            hint = f"Set 'name' to one of: {', '.join(names)}"
        else:
            where = "the local cache" if "in the cache" in str(error) else "the data set"
            message = f"{where} has no configuration '{config.name}'"
            hint = did_you_mean(config.name, names)
        raise DataError(message, file=config.path, hint=hint) from error
    except (DatasetsError, OSError, RuntimeError, TypeError, KeyError) as error:
        raise _cannot_load(config, error) from error


def _cannot_load(config: DataConfig, error: Exception) -> DataError:
    return DataError(
        f"the data set cannot be loaded ({_first_line(error)})",
        file=config.path,
        hint="Download its files and name one of them",
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _names_listed(message: str) -> list[str]:
    """Return the configurations that an error of ``datasets`` lists."""
    listed = re.search(r"(?:[Aa]vailable[^\[]*\[([^\]]*)\]|in the cache: ([^\n\[]+))", message)
    return re.findall(r"[^\s',]+", listed[1] or listed[2]) if listed else []


def _choose_split(config: DataConfig, splits: list[str]) -> str:
    if config.split is None:
        if len(splits) == 1:
            return splits[0]
        raise DataError(
            "the data set has several splits, and 'split' chooses none",
            file=config.path,
            hint=f"Set 'split' to one of: {', '.join(splits)}",
        )
    named = [part.partition("[")[0].strip() for part in config.split.split("+")]
    for name in named:
        if name not in (*splits, "all"):
            raise DataError(
                f"the data set has no split '{name}'",
                file=config.path,
                hint=did_you_mean(name, splits),
            )
    return config.split


def _check_revision(config: DataConfig, cached: str) -> None:
    """Refuse a cached copy that is not the revision asked for: ``datasets`` takes any."""
    wanted = config.revision
    if wanted is None or cached == wanted:
        return
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE) / f"datasets--{config.location.replace('/', '--')}" / "refs"
    reference = folder / wanted
    if reference.is_file() and reference.read_text().strip() == cached:
        return
    raise DataError(
        f"the local cache has revision {cached}, not '{wanted}'",
        file=config.path,
        hint="Run once with the network to download that revision",
    )
