"""The decoder: RoPE on interleaved pairs, no look ahead, the part asked for the same as the whole."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

torch = pytest.importorskip("torch", reason="PyTorch is not here: ./yingma model train installs it")

from training.decoder import Block, Decoder  # noqa: E402
from training.recipe import Size  # noqa: E402

SIZE = Size(layers=2, width=16, heads=2, hidden=24, context=128)
VOCABULARY = 40


@pytest.fixture(scope="module")
def model() -> Any:
    made = Decoder(SIZE, VOCABULARY, seed=3)
    with torch.no_grad():
        for each in made.parameters():  # far from 0, so that a fault shows
            each.add_(torch.randn(each.shape, generator=torch.Generator().manual_seed(1)) * 0.2)
    return made


def interleaved(x: Any, place: int) -> Any:
    """RoPE as llama.cpp has it for this architecture: floats 2i and 2i + 1 of a head are a pair. [heads, head]."""
    out = x.clone()
    for pair in range(x.shape[-1] // 2):
        angle = place * 10000.0 ** (-2 * pair / x.shape[-1])
        first, second = x[:, 2 * pair], x[:, 2 * pair + 1]
        out[:, 2 * pair] = first * math.cos(angle) - second * math.sin(angle)
        out[:, 2 * pair + 1] = first * math.sin(angle) + second * math.cos(angle)
    return out


def plain_block(block: Block, x: Any) -> Any:
    """One block written down as its formula: [tokens, width]."""

    def norm(values: Any, factors: Any) -> Any:
        return values / torch.sqrt((values**2).mean(-1, keepdim=True) + 1e-5) * factors.weight

    tokens, _ = x.shape
    seen = torch.zeros_like(x)
    inner = norm(x, block.attn_norm)
    parts = [(inner @ each.weight.T).view(tokens, SIZE.heads, -1) for each in (block.attn_q, block.attn_k)]
    query, key = (torch.stack([interleaved(row, at) for at, row in enumerate(part)]) for part in parts)
    value = (inner @ block.attn_v.weight.T).view(tokens, SIZE.heads, -1)
    for at in range(tokens):
        for head in range(SIZE.heads):
            scores = torch.softmax(key[: at + 1, head] @ query[at, head] / math.sqrt(SIZE.head), 0)
            seen[at].view(SIZE.heads, -1)[head] = scores @ value[: at + 1, head]
    x = x + seen @ block.attn_output.weight.T
    inner = norm(x, block.ffn_norm)
    gate, up = inner @ block.ffn_gate.weight.T, inner @ block.ffn_up.weight.T
    return x + (gate * torch.sigmoid(gate) * up) @ block.ffn_down.weight.T


def test_a_block_is_its_formula(model: Any) -> None:
    ids = torch.tensor([[5, 7, 11, 2, 39, 7]])
    with torch.no_grad():
        x = model.token_embd.weight[ids[0]]
        for block in model.blk:
            x = plain_block(block, x)
        torch.testing.assert_close(model(ids)[0], x, rtol=1e-4, atol=1e-5)


def test_the_part_asked_for_is_that_of_the_whole(model: Any) -> None:
    ids = torch.randint(0, VOCABULARY, (3, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(model(ids, 4), model(ids)[:, 4:])


def test_a_token_sees_only_those_before_it(model: Any) -> None:
    ids = torch.randint(0, VOCABULARY, (1, 9), generator=torch.Generator().manual_seed(0))
    other = ids.clone()
    other[:, 6:] = 1
    with torch.no_grad():
        torch.testing.assert_close(model(ids)[:, :6], model(other)[:, :6])


def test_first_weights_are_the_seed() -> None:
    def first(seed: int) -> Any:
        return Decoder(SIZE, VOCABULARY, seed).token_embd.weight

    assert torch.equal(first(0), first(0))
    assert not torch.equal(first(0), first(1))


def test_sizes_that_do_not_fit() -> None:
    with pytest.raises(ValidationError, match="even number"):
        Size(layers=1, width=18, heads=2, hidden=8, context=128)
