"""Yingma's own model in PyTorch: a decoder of the llama architecture, small enough to be trained on two cores.

    token_embd ─▶ blk.0 … blk.N ─▶ output_norm ─▶ logits by token_embd again (tied)
                  └ x + attention(norm(x)), x + feed-forward(norm(x)); RMSNorm, RoPE, SwiGLU, no bias

Its parameters bear the names and have the layout that a GGUF file wants, RoPE on interleaved pairs included, so export
only writes them out. What is unusual here is for speed on a processor, and changes no result: scores of attention as
plain products (the fused kernel is slower for names this short), RoPE on the two halves of a head instead of on
interleaved floats (the rows of the two matrices are put in that order on the way), and a last block that works out
only the places at which an answer is asked for.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.recipe import Size

EPSILON = 1e-5
ROPE_BASE = 10_000.0
SPREAD = 0.02  # of the first weights


class Weight(nn.Module):
    """One matrix or one vector of factors, named as GGUF names it: `<name>.weight`."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape))


class Block(nn.Module):
    """One block. Matrices are [floats out, floats in]."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        width, hidden = size.width, size.hidden
        self.heads, self.head = size.heads, size.head
        self.attn_norm, self.ffn_norm = Weight(width), Weight(width)
        self.attn_q, self.attn_k, self.attn_v = Weight(width, width), Weight(width, width), Weight(width, width)
        self.attn_output = Weight(width, width)
        self.ffn_gate, self.ffn_up, self.ffn_down = Weight(hidden, width), Weight(hidden, width), Weight(width, hidden)
        pairs = torch.arange(width).view(self.heads, self.head // 2, 2)
        self.register_buffer("halves", pairs.transpose(1, 2).flatten(), persistent=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], hidden_from: Tensor, start: int) -> Tensor:
        """[rows, tokens, width] to [rows, tokens - start, width]; `hidden_from` is added to the scores."""
        rows, tokens, width = x.shape
        kind = x.dtype
        into = torch.cat((self.attn_q.weight[self.halves], self.attn_k.weight[self.halves], self.attn_v.weight))
        mixed = functional.linear(_norm(x, self.attn_norm), into.to(kind)).view(rows, tokens, 3, self.heads, self.head)
        query, key = _turned(mixed[:, :, :2], turn).unbind(2)
        query, key, value = (each.transpose(1, 2) for each in (query[:, start:], key, mixed[:, :, 2]))
        scores = torch.matmul(query, key.transpose(-1, -2)) * self.head**-0.5 + hidden_from[start:]
        seen = torch.matmul(scores.softmax(-1), value).transpose(1, 2).reshape(rows, tokens - start, width)
        x = x[:, start:] + functional.linear(seen, self.attn_output.weight.to(kind))
        wide = torch.cat((self.ffn_gate.weight, self.ffn_up.weight)).to(kind)
        gate, up = functional.linear(_norm(x, self.ffn_norm), wide).chunk(2, -1)
        return x + functional.linear(functional.silu(gate) * up, self.ffn_down.weight.to(kind))


class Decoder(nn.Module):
    """The model. `seed` decides its first weights."""

    def __init__(self, size: Size, vocabulary: int, seed: int = 0) -> None:
        super().__init__()
        self.size = size
        self.token_embd = Weight(vocabulary, size.width)
        self.blk = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.output_norm = Weight(size.width)
        chance = torch.Generator().manual_seed(seed)
        for name, each in self.named_parameters():
            if each.dim() == 2:
                deep = name.endswith(("attn_output.weight", "ffn_down.weight"))  # what is added to the stream
                spread = SPREAD / math.sqrt(2 * size.layers) if deep else SPREAD
                nn.init.normal_(each, std=spread, generator=chance)

    def forward(self, ids: Tensor, start: int = 0, kind: torch.dtype = torch.float32) -> Tensor:
        """The state behind each token from `start` on: int64 [rows, tokens] to `kind` [rows, tokens - start, width].

        A token sees those before it only, so what fills a row up on the right changes nothing.
        """
        tokens = ids.shape[1]
        x = functional.embedding(ids, self.token_embd.weight).to(kind)
        turn = _turn(tokens, self.size.head, kind)
        hidden_from = torch.full((tokens, tokens), -math.inf, dtype=kind).triu(1)
        for block in self.blk[:-1]:
            x = block(x, turn, hidden_from, 0)
        return self.blk[-1](x, turn, hidden_from, start)

    def logits(self, states: Tensor) -> Tensor:
        """States [..., width] to the float32 logits of the next token [..., vocabulary]."""
        return functional.linear(_norm(states, self.output_norm), self.token_embd.weight.to(states.dtype)).float()


def best_kind() -> torch.dtype:
    """bfloat16 where the processor multiplies it at twice the speed or more, else float32."""
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        known = getattr(torch.cpu, name, None)
        if known is not None and known():
            return torch.bfloat16
    return torch.float32


def _norm(x: Tensor, factors: Weight) -> Tensor:
    return functional.rms_norm(x, factors.weight.shape, factors.weight.to(x.dtype), EPSILON)


def _turn(tokens: int, head: int, kind: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosine and sine of each place's angles: [1, tokens, 1, 1, head / 2]."""
    speeds = ROPE_BASE ** (-torch.arange(0, head, 2) / head)
    angles = torch.outer(torch.arange(tokens), speeds)[None, :, None, None, :]
    return angles.cos().to(kind), angles.sin().to(kind)


def _turned(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """RoPE on [rows, tokens, 2, heads, head] whose heads hold the first floats of all pairs, then the second ones."""
    (cosine, sine), (first, second) = turn, x.chunk(2, -1)
    return torch.cat((first * cosine - second * sine, first * sine + second * cosine), -1)
