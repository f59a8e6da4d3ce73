"""Parts of recipes that use checkpoints of one's own.

TextAttack's recipes load masked language models by name and a sentence encoder of TensorFlow's
hub. These take the place of both, with the settings of the recipe. They are made by functions,
since their base classes are TextAttack's, which is imported only where there is an attack.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from auditkit.attacks.checkpoints import TextEncoder

if TYPE_CHECKING:
    import torch
    from textattack.shared import AttackedText

__all__ = ["encoder_similarity", "masked_lm_parts"]

# A word of more pieces has too many combinations of replacements: 8 to the power of them.
_MOST_PIECES = 4
# What a word's pieces by themselves may be longer than in their text.
_ROOM = 16


@cache
def encoder_similarity() -> type:
    """Return the class that stands for TextAttack's ``UniversalSentenceEncoder``.

    Its first argument is a :class:`~auditkit.attacks.checkpoints.TextEncoder`, the others are the
    recipe's: threshold, metric and window.
    """
    from textattack.constraints.semantics.sentence_encoders import SentenceEncoder

    class EncoderSimilarity(SentenceEncoder):  # type: ignore[misc]
        def __init__(
            self,
            encoder: TextEncoder,
            threshold: float = 0.8,
            metric: str = "angular",
            **options: Any,
        ) -> None:
            super().__init__(threshold=threshold, metric=metric, **options)
            self._encoder = encoder

        def encode(self, sentences: Sequence[str]) -> torch.Tensor:
            return self._encoder.encode(sentences)

    return EncoderSimilarity


@cache
def masked_lm_parts() -> dict[str, type]:
    """Return the classes that stand for TextAttack's ones with a masked language model, by name.

    They pad to the longest text of a batch instead of the model's full length. ``WordSwapMaskedLM``
    leaves words of more than four pieces alone with BERT-Attack's method, which tries all
    combinations of replacements of a word's pieces and could not be interrupted meanwhile.
    ``WordMergeMaskedLM`` takes parts of speech from NLTK's tagger instead of flair's.
    """
    import nltk
    from textattack.transformations import (
        WordInsertionMaskedLM,
        WordMergeMaskedLM,
        WordSwapMaskedLM,
    )

    class Swap(WordSwapMaskedLM):  # type: ignore[misc]
        _encode_text = _encode_short

        def _bert_attack_replacement_words(
            self, current_text: AttackedText, index: int, **predicted: Any
        ) -> list[str]:
            word = current_text.words[index]
            if len(self._lm_tokenizer.encode(word, add_special_tokens=False)) > _MOST_PIECES:
                return []
            words: list[str] = super()._bert_attack_replacement_words(
                current_text, index, **predicted
            )
            return words

    class Insertion(WordInsertionMaskedLM):  # type: ignore[misc]
        _encode_text = _encode_short

    class Merge(WordMergeMaskedLM):  # type: ignore[misc]
        _encode_text = _encode_short

        def _get_transformations(
            self, current_text: AttackedText, indices_to_modify: Sequence[int]
        ) -> list[AttackedText]:
            tags = [tag for _, tag in nltk.pos_tag(current_text.words, tagset="universal")]
            current_text.pos_of_word_index = tags.__getitem__
            merged: list[AttackedText] = super()._get_transformations(
                current_text, indices_to_modify
            )
            return merged

    return {
        "WordSwapMaskedLM": Swap,
        "WordInsertionMaskedLM": Insertion,
        "WordMergeMaskedLM": Merge,
    }


def _encode_short(part: Any, text: str | list[str]) -> Any:
    """Encode as TextAttack's ``_encode_text`` does, with less padding."""
    texts = [text] if isinstance(text, str) else text
    tokenizer, longest = part._lm_tokenizer, part.max_length
    ids = tokenizer(texts, truncation=True, max_length=longest)["input_ids"]
    encoding = tokenizer(
        texts,
        max_length=min(longest, max(map(len, ids)) + _ROOM),
        truncation=True,
        padding="max_length",
        return_tensors="pt",
    )
    return encoding.to(part._language_model.device)
