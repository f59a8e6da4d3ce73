"""Training a small text classifier from scratch, the same one every time.

Torch, transformers and tokenizers are imported when something is trained, not before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from auditkit.demo.corpus import LABELS, Message

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import BertForSequenceClassification

__all__ = ["Training", "repeatable", "train_checkpoint"]

_MAX_LENGTH = 128
_SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True)
class Training:
    """Size of the network and course of its training."""

    hidden_size: int = 64
    """Width of the network."""
    heads: int = 4
    """Attention heads; they share the width."""
    layers: int = 2
    """Number of transformer layers."""
    epochs: int = 4
    """Passes over the messages."""
    batch_size: int = 32
    """Messages in a step."""
    learning_rate: float = 1e-3
    """At its peak, after a tenth of the steps; it then falls to zero in a straight line."""
    dropout: float = 0.1
    """Of the hidden layers and the classifier."""
    vocabulary: int = 2000
    """Tokens at most."""


def train_checkpoint(
    messages: Sequence[Message],
    labels: Sequence[str],
    folder: Path,
    seed: int,
    *,
    training: Training = Training(),
    start: Path | None = None,
    card: str = "",
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Train a classifier on the CPU and save it as a Hugging Face folder.

    Parameters
    ----------
    messages
        Their texts are read, nothing else.
    labels
        One for each message, out of `LABELS`.
    folder
        Where the weights, the configuration, the tokenizer and a model card go.
    seed
        Of the first weights, the order of the messages and dropout.
    training
        Size of the network and course of the training.
    start
        A checkpoint that this function saved, to be fine-tuned: network and tokenizer are then
        taken from there. Without it both are trained from scratch.
    card
        What the model card says below its metadata.
    progress
        Told the loss of each epoch.

    Raises
    ------
    ValueError
        If there are no messages, not as many labels, or a label out of `LABELS`.

    Notes
    -----
    Cross-entropy, AdamW with linear warm-up and decay, gradients clipped at norm 1. Two runs on
    one machine give the same bits; torch's threads, generators and determinism switch and the
    logging of transformers are left as they were found.
    """
    if not messages or len(messages) != len(labels):
        raise ValueError(f"{len(messages)} messages and {len(labels)} labels cannot be trained on")
    names: list[str] = list(LABELS)
    targets = [names.index(label) for label in labels]
    texts = [message.text for message in messages]
    if start is None:
        tokenizer = _train_tokenizer(texts, training.vocabulary)
    else:
        tokenizer = _load_tokenizer(start)
    tokenizer.enable_truncation(_MAX_LENGTH)
    token_ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    tokenizer.no_truncation()
    with repeatable(seed), _quiet():
        if start is None:
            model = _new_classifier(tokenizer.get_vocab_size(), training)
        else:
            model = _load_classifier(start)
        _fit(model, token_ids, targets, Random(seed), training, progress)  # noqa: S311
        model.save_pretrained(folder)
    _save_tokenizer(tokenizer, folder)
    (folder / "README.md").write_text(_CARD_HEADER + card, encoding="utf-8")


def _train_tokenizer(texts: Sequence[str], size: int) -> Tokenizer:
    """Train a lower-casing WordPiece tokenizer, the same one every time."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from tokenizers.trainers import WordPieceTrainer

    def untrained(vocabulary: dict[str, int] | None = None) -> Tokenizer:
        tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        return tokenizer

    # The trainer numbers the continuing characters in the order of a hash map, which differs from
    # run to run and decides ties between merges. Naming them beforehand settles their numbers.
    letters = sorted({letter for text in texts for letter in text.lower() if letter.isalnum()})
    fixed = [*_SPECIAL_TOKENS, *letters, *(f"##{letter}" for letter in letters)]
    learning = untrained()
    learning.train_from_iterator(
        texts,
        WordPieceTrainer(
            vocab_size=size, min_frequency=2, special_tokens=fixed, show_progress=False
        ),
    )
    # Only the vocabulary is kept: in the tokenizer that learnt it every letter is a special token.
    tokenizer = untrained(learning.get_vocab())
    tokenizer.add_special_tokens(list(_SPECIAL_TOKENS))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def _load_tokenizer(folder: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def _load_classifier(folder: Path) -> BertForSequenceClassification:
    from transformers import BertForSequenceClassification

    model: BertForSequenceClassification = BertForSequenceClassification.from_pretrained(folder)
    return model


def _new_classifier(vocabulary: int, training: Training) -> BertForSequenceClassification:
    from transformers import BertConfig, BertForSequenceClassification

    configuration = BertConfig(  # type: ignore[no-untyped-call]
        vocab_size=vocabulary,
        hidden_size=training.hidden_size,
        num_hidden_layers=training.layers,
        num_attention_heads=training.heads,
        intermediate_size=2 * training.hidden_size,
        max_position_embeddings=_MAX_LENGTH,
        hidden_dropout_prob=training.dropout,
        attention_probs_dropout_prob=0.0,
        pad_token_id=0,
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )
    return BertForSequenceClassification(configuration)  # type: ignore[no-untyped-call]


def _fit(
    model: BertForSequenceClassification,
    token_ids: Sequence[Sequence[int]],
    targets: Sequence[int],
    rng: Random,
    training: Training,
    progress: Callable[[str], None],
) -> None:
    import torch
    from torch.nn.functional import cross_entropy

    rows = [torch.tensor(ids) for ids in token_ids]
    truth = torch.tensor(targets)
    steps = training.epochs * -(-len(rows) // training.batch_size)
    warm_up = max(1, steps // 10)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=training.learning_rate, weight_decay=0.01, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warm_up, (steps - step) / max(1, steps - warm_up)),
    )
    model.train()
    for epoch in range(1, training.epochs + 1):
        total = 0.0
        for batch in _batches([len(row) for row in rows], training.batch_size, rng):
            logits = model(**_padded([rows[i] for i in batch])).logits
            loss = cross_entropy(logits, truth[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        progress(f"epoch {epoch} of {training.epochs}, loss {total / len(rows):.3f}")
    model.eval()  # type: ignore[no-untyped-call]


def _batches(lengths: Sequence[int], size: int, rng: Random) -> list[list[int]]:
    """Cut a random order into batches of similar length, so that little is padding."""
    order = sorted(range(len(lengths)), key=lambda i: lengths[i] + 4 * rng.random())
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    return sorted(batches, key=lambda _: rng.random())


def _padded(rows: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
    import torch
    from torch.nn.utils.rnn import pad_sequence

    return {
        "input_ids": pad_sequence(list(rows), batch_first=True),
        "attention_mask": pad_sequence([torch.ones_like(row) for row in rows], batch_first=True),
    }


def _save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write the tokenizer's files, in the form every version of transformers reads."""
    tokens = dict(zip(("pad", "unk", "cls", "sep", "mask"), _SPECIAL_TOKENS, strict=True))
    configuration: dict[str, Any] = {f"{name}_token": token for name, token in tokens.items()} | {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": True,
        "model_max_length": _MAX_LENGTH,
    }
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(configuration, indent=2) + "\n", encoding="utf-8"
    )
    vocabulary = tokenizer.get_vocab()
    (folder / "vocab.txt").write_text(
        "".join(f"{token}\n" for token in sorted(vocabulary, key=vocabulary.__getitem__)),
        encoding="utf-8",
    )


@contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Make torch repeat itself on the CPU, and leave it as it was."""
    import torch

    threads = torch.get_num_threads()
    generator = torch.default_generator
    state = generator.get_state()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    # One thread: sums are then taken in one order whatever the machine has, and networks as
    # small as these gain nothing from a second.
    torch.set_num_threads(1)
    # Not torch.manual_seed, which would seed the accelerators' generators too.
    generator.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        generator.set_state(state)
        torch.set_num_threads(threads)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from logging and drawing progress bars."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


_CARD_HEADER = """\
---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-classification
tags:
- text-classification
- demonstration
- synthetic-data
---

"""
