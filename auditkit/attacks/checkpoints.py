"""Checkpoints that attacks use besides the model under attack."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditkit.errors import CheckError

if TYPE_CHECKING:
    import torch

__all__ = ["MaskedLM", "TextEncoder", "load_encoder", "load_masked_lm"]

# The families whose pieces of words TextAttack can tell from whole ones.
_FAMILIES = ("bert", "roberta", "bart", "electra", "longformer", "xlnet")
_LONGEST = 512
_AT_ONCE = 32


class MaskedLM:
    """A masked language model with its tokenizer, shared by all attacks of a process."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForMaskedLM, AutoTokenizer

        self.model = _loaded(AutoModelForMaskedLM, folder, "masked language model").eval()
        self.tokenizer = _loaded(AutoTokenizer, folder, "masked language model")
        family = self.model.config.model_type
        if family not in _FAMILIES or self.tokenizer.mask_token is None:
            raise CheckError(
                f"the masked language model in {folder} is of the family '{family}', whose words "
                "TextAttack cannot put together",
                hint=f"Name one of these as masked_lm: {', '.join(_FAMILIES)}",
            )
        self.max_length = _longest(self.model, self.tokenizer)


class TextEncoder:
    """Texts as vectors: the mean of a transformer's last hidden states over a text's tokens.

    This is how sentence-transformers' models with mean pooling encode (Reimers and Gurevych
    2019, arXiv:1908.10084), but for a layer behind the pooling that a few of them have.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        self._model = _loaded(AutoModel, folder, "sentence encoder").eval().to(_device())
        self._tokenizer = _loaded(AutoTokenizer, folder, "sentence encoder")
        self._max_length = _longest(self._model, self._tokenizer)

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Return vectors ``[texts, dimensions]``, float32, on the CPU."""
        import torch

        starts = range(0, len(texts), _AT_ONCE)
        return torch.cat([self._encode(texts[at : at + _AT_ONCE]) for at in starts])

    def similarity(self, first: str, second: str) -> float:
        """Return the cosine of the angle between the vectors of two texts."""
        import torch

        # Each by itself: what a text is padded with changes its last bits.
        vectors = torch.cat([self._encode([first]), self._encode([second])])
        return float(torch.nn.functional.cosine_similarity(vectors[:1], vectors[1:]))

    def _encode(self, texts: Sequence[str]) -> torch.Tensor:
        import torch

        with torch.inference_mode():
            inputs = self._tokenizer(
                list(texts),
                padding=True,
                truncation=True,
                max_length=self._max_length,
                return_tensors="pt",
            ).to(self._model.device)
            states = self._model(**inputs).last_hidden_state
            mask = inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
            mean: torch.Tensor = (states * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
            return mean.float().cpu()


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _loaded(kind: Any, folder: Path, what: str) -> Any:
    try:
        return kind.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise CheckError(
            f"the {what} in {folder} cannot be loaded: {type(error).__name__}: {error}",
            hint="Name another checkpoint in the suite",
        ) from error


def _longest(model: Any, tokenizer: Any) -> int:
    """Return how many tokens a text may have."""
    config = model.config
    positions = getattr(config, "max_position_embeddings", None) or _LONGEST
    if config.model_type in ("roberta", "longformer"):
        positions -= (config.pad_token_id or 0) + 1  # their positions begin behind the padding's
    return int(min(_LONGEST, positions, tokenizer.model_max_length))


@cache
def load_masked_lm(folder: Path) -> MaskedLM:
    """Return the masked language model of a folder, loaded once a process."""
    return MaskedLM(folder)


@cache
def load_encoder(folder: Path) -> TextEncoder:
    """Return the sentence encoder of a folder, loaded once a process."""
    return TextEncoder(folder)
