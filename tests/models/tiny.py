"""Small real checkpoints with random weights, made on the spot and saved like any other."""

import random
import warnings
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SYLLABLES = [c + v for c in "bdfgklmnprst" for v in "aeiou"]
WORDS = [a + b for a in SYLLABLES for b in SYLLABLES[:6]]
VOCABULARY = SPECIALS + WORDS
MAX_POSITIONS = 64
LABELS = {0: "bad", 1: "fair", 2: "good"}


def texts(count: int, longest: int, seed: int = 0) -> list[str]:
    """Distinct texts of 1 to `longest` words, each word one token; all lengths occur."""
    rng = random.Random(seed)
    lengths = [1 + i % longest for i in range(count)]
    found: dict[str, None] = {}
    for length in lengths:
        text = " ".join(rng.choices(WORDS, k=length))
        while text in found:
            text = " ".join(rng.choices(WORDS, k=length))
        found[text] = None
    result = list(found)
    rng.shuffle(result)
    return result


def tokenizer(family: str, **options) -> PreTrainedTokenizerFast:
    """One token a word; lower case; framed as the family frames its texts."""
    ids = {token: i for i, token in enumerate(VOCABULARY)}
    backend = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    named = {"unk_token": "[UNK]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    if family == "gpt2":
        # Nothing around the text, and no padding token.
        named = {"unk_token": "[UNK]", "bos_token": "[SEP]", "eos_token": "[SEP]"}
    else:
        last = family == "xlnet"
        backend.post_processor = processors.TemplateProcessing(
            single="$A [SEP] [CLS]" if last else "[CLS] $A [SEP]",
            pair="$A [SEP] $B:1 [SEP]:1 [CLS]:1" if last else "[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
        )
        named |= {"pad_token": "[PAD]", "cls_token": "[CLS]"}
        if family == "bart":
            named |= {"bos_token": "[CLS]", "eos_token": "[SEP]"}
    if family in {"roberta", "bart", "distilbert", "gpt2"}:
        options.setdefault("model_input_names", ["input_ids", "attention_mask"])
    else:  # not the default of every version of transformers
        options.setdefault("model_input_names", ["input_ids", "token_type_ids", "attention_mask"])
    options.setdefault("model_max_length", 10**30)
    return PreTrainedTokenizerFast(tokenizer_object=backend, **named, **options)


def config(family: str, **changes):
    """A small configuration of a family of networks."""
    from transformers import AutoConfig

    common = {"vocab_size": len(VOCABULARY), "pad_token_id": 0, "id2label": LABELS}
    wide = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    bert = wide | {"intermediate_size": 128, "max_position_embeddings": MAX_POSITIONS}
    settings = {
        "bert": bert,
        # Positions start behind the padding index, so RoBERTa has one more a padding token.
        "roberta": bert | {"max_position_embeddings": MAX_POSITIONS + 1, "type_vocab_size": 1},
        "electra": bert | {"embedding_size": 64},
        "albert": bert | {"embedding_size": 64},
        "deberta-v2": bert
        | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 2},
        "distilbert": {"dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 128}
        | {"max_position_embeddings": MAX_POSITIONS},
        "gpt2": {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": MAX_POSITIONS}
        | {"pad_token_id": None, "bos_token_id": 3, "eos_token_id": 3},
        "xlnet": {"d_model": 64, "n_layer": 2, "n_head": 4, "d_inner": 128},
        "bart": {"d_model": 64, "encoder_layers": 1, "decoder_layers": 1}
        | {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 128}
        | {"decoder_ffn_dim": 128, "max_position_embeddings": MAX_POSITIONS}
        | {"bos_token_id": 2, "eos_token_id": 3, "decoder_start_token_id": 3},
    }
    return AutoConfig.for_model(family, **(common | settings[family] | changes))


def network(family: str, seed: int = 0, **changes):
    """The network, with weights large enough for logits that differ."""
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        # DeBERTa's module calls torch.jit.script, which torch deprecates, when it is imported.
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        made = AutoModelForSequenceClassification.from_config(config(family, **changes))
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)
    return made.eval()


def save(folder: Path, family: str = "bert", tokenizer_options=None, **changes) -> Path:
    """Save a checkpoint to a folder and return it."""
    network(family, **changes).save_pretrained(folder)
    tokenizer(family, **(tokenizer_options or {})).save_pretrained(folder)
    return folder
