"""The counter-fitted word vectors that TextAttack's recipes use, as TextAttack keeps them.

The vectors are those of Mrkšić et al. 2016 (https://aclanthology.org/N16-1018), with distances
and nearest neighbours worked out by the authors of TextAttack.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["FILES", "NAME", "URL", "find"]

NAME = "paragramcf"
URL = "https://textattack.s3.amazonaws.com/word_embeddings/paragramcf"
"""Where TextAttack itself gets them: a zip file of about 480 MB."""
FILES = ("paragram.npy", "wordlist.pickle", "mse_dist.p", "cos_sim.p", "nn.npy")
"""What TextAttack reads."""


def find(name: str, store: Path | None) -> Path | None:
    """Return the folder that holds all of :data:`FILES`, or None.

    Parameters
    ----------
    name
        Name of the vectors.
    store
        Folder that holds it; None for TextAttack's cache, which ``TA_CACHE_DIR`` moves.
    """
    if store is None:
        cache = os.environ.get("TA_CACHE_DIR") or "~/.cache/textattack"
        store = Path(cache).expanduser() / "word_embeddings"
    folder = store / name
    return folder if all((folder / one).is_file() for one in FILES) else None
