"""The weight files of a checkpoint: finding them, checking them, and their digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditkit.errors import ModelError

__all__ = ["Weights", "read_json", "read_weights"]

_CHUNK = 1 << 20
_NUMPY_NAMES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
}


@dataclass(frozen=True)
class Weights:
    """What the weight files hold, without loading them into a network."""

    digest: str
    """SHA-256 over name, dtype, shape and bytes of each tensor, in the order of the names."""
    size: int
    """Bytes of the files."""
    dtype: str
    """The dtype that holds most of the values, such as ``float16``."""
    pickled: bool
    """Whether the files are pickles rather than safetensors."""


@dataclass(frozen=True)
class _Tensor:
    file: Path
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_json(path: Path) -> Any:
    """Return what a JSON file of a checkpoint holds.

    Raises
    ------
    ModelError
        Naming file and line, if it is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"the model folder has no {path.name}",
            file=path.parent,
            hint="Name a folder written by save_pretrained()",
        ) from None
    except json.JSONDecodeError as error:
        raise ModelError(
            f"not valid JSON: {error.msg}",
            file=path,
            line=error.lineno,
            hint="Save or download the model again",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot be read: {error}", file=path) from None


def read_weights(folder: Path, *, allow_pickle: bool) -> Weights:
    """Find the weights of a folder, check that they are whole, and digest them.

    The digest depends on the tensors alone: not on how they are split over files, on their
    order in a file, or on metadata.

    Raises
    ------
    ModelError
        If there are none, a file is cut short, or only pickles are there and `allow_pickle` is
        false.
    """
    safe = _files(folder, "model.safetensors")
    if safe:
        return _safetensors(safe)
    pickles = _files(folder, "pytorch_model.bin")
    if pickles and allow_pickle:
        return _pickles(pickles)
    if pickles:
        raise ModelError(
            f"the weights are only there as a pickle ({pickles[0].name}), which can run code "
            "when it is opened",
            file=folder,
            hint="Convert them to safetensors, or pass --allow-pickle if you trust their author",
        )
    raise ModelError(
        "the model folder has no weights (model.safetensors)",
        file=folder,
        hint="Save the model with save_pretrained()",
    )


def _files(folder: Path, name: str) -> list[Path]:
    """The file itself, or the shards its index lists."""
    index = folder / f"{name}.index.json"
    if not index.is_file():
        single = folder / name
        return [single] if single.is_file() else []
    content = read_json(index)
    mapping = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(mapping, dict) or not mapping:
        raise ModelError(
            "the index lists no shards", file=index, hint="Save or download the model again"
        )
    shards = [folder / shard for shard in sorted(set(mapping.values()))]
    for shard in shards:
        if not shard.is_file():
            raise ModelError(
                f"the shard {shard.name} listed here is missing",
                file=index,
                hint="Download the model again",
            )
    return shards


def _safetensors(files: list[Path]) -> Weights:
    tensors: dict[str, _Tensor] = {}
    for file in files:
        tensors.update(_header(file))
    digest = hashlib.sha256()
    values: dict[str, int] = {}
    for name in sorted(tensors):
        tensor = tensors[name]
        _add_heading(digest, name, tensor.dtype, tensor.shape)
        for chunk in _chunks(tensor):
            digest.update(chunk)
        values[tensor.dtype] = values.get(tensor.dtype, 0) + tensor.end - tensor.begin
    return Weights(digest.hexdigest(), _size(files), _main_dtype(values), pickled=False)


def _header(file: Path) -> dict[str, _Tensor]:
    """Entries of one file, whose layout the safetensors library has checked against its length."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(file), framework="np"):
            pass
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"the weights are damaged or cut short: {error}",
            file=file,
            hint="Save or download the model again",
        ) from None
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        entries = json.loads(stream.read(length))
    start = 8 + length
    return {
        name: _Tensor(
            file,
            _NUMPY_NAMES.get(entry["dtype"], entry["dtype"].lower()),
            tuple(entry["shape"]),
            start + entry["data_offsets"][0],
            start + entry["data_offsets"][1],
        )
        for name, entry in entries.items()
        if name != "__metadata__"
    }


def _chunks(tensor: _Tensor) -> Iterator[bytes]:
    with tensor.file.open("rb") as stream:
        stream.seek(tensor.begin)
        left = tensor.end - tensor.begin
        while left:
            chunk = stream.read(min(_CHUNK, left))
            if not chunk:
                raise ModelError("the weights are cut short", file=tensor.file)
            left -= len(chunk)
            yield chunk


def _pickles(files: list[Path]) -> Weights:
    import torch

    tensors: dict[str, Any] = {}
    for file in files:
        try:
            # Weights only: even an allowed pickle has no reason to hold anything else.
            loaded = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:
            raise ModelError(
                f"the pickled weights cannot be read: {str(error).splitlines()[0]}",
                file=file,
                hint="Convert them to safetensors",
            ) from None
        tensors.update({k: v for k, v in loaded.items() if isinstance(v, torch.Tensor)})
    digest = hashlib.sha256()
    values: dict[str, int] = {}
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        dtype = str(tensor.dtype).removeprefix("torch.")
        _add_heading(digest, name, dtype, tuple(tensor.shape))
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
        values[dtype] = values.get(dtype, 0) + tensor.nbytes
    return Weights(digest.hexdigest(), _size(files), _main_dtype(values), pickled=True)


def _add_heading(digest: Any, name: str, dtype: str, shape: tuple[int, ...]) -> None:
    # JSON keeps the fields apart, so that no two different tensors share a heading.
    digest.update(json.dumps([name, dtype, list(shape)]).encode() + b"\n")


def _size(files: list[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def _main_dtype(values: dict[str, int]) -> str:
    if not values:
        raise ModelError("the weight files hold no tensors")
    return max(sorted(values), key=lambda dtype: values[dtype])
