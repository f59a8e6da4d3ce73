"""TextAttack imported without a word, without the network and without traces.

Importing it reads NLTK's stop words, downloads six packages of NLTK's data the first time, and
marks in the user's cache that it did, so that it never tries again. Here it finds the data where
auditkit does, downloads nothing and marks a folder that is thrown away, so that for a user who
imports it by hand all is as before.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from auditkit.errors import CheckError
from auditkit.resources import Resource, Resources

__all__ = ["import_textattack", "quietly", "require_textattack"]

_MARK = "post_install_check_3"
_DROPPED = "LayoutLMv2FeatureExtractor"
_TALKATIVE = ("textattack.shared.utils.install", "flair", "jieba")
_STORED = {
    "word_embeddings/paragramcf": Resource("vectors", "paragramcf", "words of a similar meaning")
}


def require_textattack() -> None:
    """Refuse to go on without TextAttack, without importing it.

    Raises
    ------
    CheckError
        If it is not installed, with the command that installs it.
    """
    if importlib.util.find_spec("textattack") is None:
        raise CheckError(
            "attacks are TextAttack's recipes, and TextAttack is not installed",
            hint='Install it: pip install "auditkit[attacks]"',
        )


def import_textattack(resources: Resources) -> None:
    """Import TextAttack, which takes seconds the first time.

    Parameters
    ----------
    resources
        Where its data are looked for, from now on.

    Raises
    ------
    CheckError
        If it is not installed or cannot be imported.
    """
    require_textattack()
    import nltk

    # NLTK looks in the order of this list; what the process had in it stays.
    nltk.data.path[:] = dict.fromkeys([*resources.nltk_path(), *nltk.data.path])
    _import()
    _look_up_instead_of_downloading(resources)


@cache
def _import() -> None:
    try:
        with quietly(), _without_traces():
            importlib.import_module("textattack")
            importlib.import_module("textattack.attack_recipes")
    except Exception as error:
        raise CheckError(
            f"TextAttack cannot be imported: {type(error).__name__}: {error}",
            hint='Install it anew: pip install "auditkit[attacks]"',
        ) from error
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)


@contextmanager
def quietly() -> Iterator[None]:
    """Let nothing warn inside, and let NLTK download nothing."""
    import nltk

    download = nltk.download
    nltk.download = lambda *_, **__: True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        nltk.download = download


@contextmanager
def _without_traces() -> Iterator[None]:
    """Give TextAttack a folder of its own that says all is installed, and undo what it sets."""
    # These read where the hub's cache is when they are imported, which TextAttack would change.
    for name in ("transformers", "datasets"):
        importlib.import_module(name)
    _import_flair()
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / _MARK).touch()
        os.environ["TA_CACHE_DIR"] = folder
        try:
            yield
        finally:
            for name in set(os.environ) - set(before):
                del os.environ[name]
            os.environ.update(before)


def _import_flair() -> None:
    """Import flair, which TextAttack imports, on transformers 5 as well.

    flair imports the class of an image processor that transformers 5 dropped, to tell documents
    with pictures from others. Attacks have no pictures.
    """
    transformers = importlib.import_module("transformers")
    if hasattr(transformers, _DROPPED):
        importlib.import_module("flair")
        return
    setattr(transformers, _DROPPED, type(_DROPPED, (), {}))
    try:
        importlib.import_module("flair")
    finally:
        delattr(transformers, _DROPPED)


def _look_up_instead_of_downloading(resources: Resources) -> None:
    """Let TextAttack find in auditkit's resources what it would take from its store."""
    utils: Any = importlib.import_module("textattack.shared.utils")

    def stored(name: str, **_: object) -> str:
        if name not in _STORED:
            raise CheckError(f"TextAttack wants to download '{name}', which an audit does not do")
        return str(resources.require(_STORED[name]))

    utils.download_from_s3 = stored
    utils.download_from_url = stored
