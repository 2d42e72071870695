"""Writes a decoder as a GGUF file that llama.cpp runs: matrices in half precision, norms in single, the tokenizer.

The tokenizer is one of single characters and bytes, with the fragments of answers behind them. The chat template is the
name, the mark and nothing else, so `create_chat_completion` of any program on llama.cpp asks the model as it was
trained, given a question of `prompts.embedded.Asker`. One difference stays: a fragment of two characters (`位"`, `",`)
that stands in a name is one token to llama.cpp's tokenizer, and two to `Vocabulary.encode`, which is the rule.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from prompts.embedded import BOS, EOS, FIRST_TEXT, MARK, SPECIAL, UNK, Vocabulary
from training.decoder import EPSILON, ROPE_BASE, Decoder

NAME = "yingma-embedded"
FILE = "yingma.gguf"
CHARACTERS = "yingma.characters"  # how many tokens behind the bytes are single characters
CHAT = "{{ bos_token }}{{ messages[-1]['content'] }}" + MARK


def export(model: Decoder, vocabulary: Vocabulary, path: Path) -> None:
    """Write the file, whole or not at all. The same weights give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    writer = gguf.GGUFWriter(part, "llama")
    _sizes(writer, model, len(vocabulary.texts))
    _tokenizer(writer, vocabulary)
    for name, tensor in model.state_dict().items():
        values = tensor.float().numpy()
        writer.add_tensor(name, values.astype(np.float16) if values.ndim == 2 else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(path)


def _sizes(writer: gguf.GGUFWriter, model: Decoder, vocabulary: int) -> None:
    size = model.size
    writer.add_name(NAME)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(size.context)
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.layers)
    writer.add_feed_forward_length(size.hidden)
    writer.add_head_count(size.heads)
    writer.add_head_count_kv(size.heads)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_rope_dimension_count(size.head)
    writer.add_vocab_size(vocabulary)


def _tokenizer(writer: gguf.GGUFWriter, vocabulary: Vocabulary) -> None:
    kind = gguf.TokenType
    count = len(vocabulary.texts)
    kinds = [kind.UNKNOWN, *[kind.CONTROL] * (len(SPECIAL) - 1), *[kind.BYTE] * (FIRST_TEXT - len(SPECIAL))]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(list(vocabulary.texts))
    writer.add_token_scores([0.0] * FIRST_TEXT + [-1.0] * (count - FIRST_TEXT))
    writer.add_token_types([*kinds, *[kind.NORMAL] * (count - FIRST_TEXT)])
    writer.add_unk_token_id(UNK)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT)
    writer.add_uint32(CHARACTERS, vocabulary.characters)
