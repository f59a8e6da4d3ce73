"""One large file from a URL: whole or not at all, and going on where a transfer broke."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from auditkit.errors import ResourceError

__all__ = ["Transfer", "download"]

_BLOCK = 1 << 20
_SECONDS = 60.0


@dataclass(frozen=True)
class Transfer:
    """Told of the bytes of a file that is on its way."""

    began: Callable[[int, int], None]
    """Called with the bytes of the whole, 0 if unknown, and those that were there already."""
    got: Callable[[int], None]
    """Called with the bytes that came."""


def download(
    url: str,
    folder: Path,
    transfer: Transfer,
) -> Path:
    """Download a file into ``folder`` and return where it lies.

    What arrived before a transfer broke stays there, under the name of the server's version of
    the file, and the next call asks for the rest of that version.

    Parameters
    ----------
    url
        Where it is.
    folder
        Where it goes; made if need be.
    transfer
        Told how far it is.

    Raises
    ------
    ResourceError
        If it cannot be had, or is shorter or longer than the server said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _open(url) as whole:
            total = _length(whole)
            version = whole.headers.get("ETag") or whole.headers.get("Last-Modified")
            named = f"{url} {total} {version}".encode()
            part = folder / f"{hashlib.sha256(named).hexdigest()[:12]}.part"
            # Without a version nothing tells whether the rest is of the same file.
            done = part.stat().st_size if version and total and part.exists() else 0
            if not done:
                transfer.began(total or 0, 0)
                _receive(whole, part, "wb", transfer)
        if done and done != total:
            with _open(url, done) as rest:
                goes_on = rest.status == 206  # a server that knows no ranges sends the whole
                transfer.began(total or 0, done if goes_on else 0)
                _receive(rest, part, "ab" if goes_on else "wb", transfer)
    except urllib.error.HTTPError as error:
        raise _failed(url, f"the server answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise _failed(url, str(error.reason)) from None
    except (HTTPException, OSError) as error:
        raise _failed(url, str(error) or type(error).__name__) from None
    size = part.stat().st_size
    if total is not None and size != total:
        if size > total:
            part.unlink()
        raise _failed(url, f"{size:,} of {total:,} bytes came")
    return part


def _open(url: str, start: int = 0) -> HTTPResponse:
    headers = {"Range": f"bytes={start}-"} if start else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  (a constant)
    response: HTTPResponse = urllib.request.urlopen(request, timeout=_SECONDS)  # noqa: S310
    return response


def _length(response: HTTPResponse) -> int | None:
    said = response.headers.get("Content-Length", "")
    return int(said) if said.isdecimal() else None


def _receive(response: HTTPResponse, part: Path, mode: str, transfer: Transfer) -> None:
    with part.open(mode) as file:
        while block := response.read(_BLOCK):
            file.write(block)
            transfer.got(len(block))
        file.flush()
        os.fsync(file.fileno())


def _failed(url: str, why: str) -> ResourceError:
    return ResourceError(
        f"{url} could not be downloaded: {why}",
        hint="Check the connection and run the same command again; it goes on where it stopped",
    )
