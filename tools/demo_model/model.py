# Owns the decoder in plain torch, with Hugging Face's Llama weight names. It knows nothing of corpora or of files.
from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class ModelShape:
    """Every width is a multiple of 32, which Q8_0 blocks need."""

    vocab_size: int = 6144
    hidden_size: int = 256
    layers: int = 6
    heads: int = 8
    kv_heads: int = 4
    intermediate_size: int = 480
    context_length: int = 2048
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.heads

    def as_dict(self) -> dict[str, int | float]:
        return asdict(self)


def rotary_tables(shape: ModelShape, length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of shape (length, head_dim), halves repeated as in Hugging Face's `rotate_half`."""
    half = torch.arange(0, shape.head_dim, 2, dtype=torch.float32) / shape.head_dim
    angles = torch.outer(torch.arange(length, dtype=torch.float32), shape.rope_theta**-half)
    both = torch.cat((angles, angles), dim=-1)
    return both.cos(), both.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    turned: Tensor = x * cos + torch.cat((-second, first), dim=-1) * sin
    return turned


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention spelt out: on CPU the backward pass of torch's fused kernel takes half of a training step."""
    length = q.shape[2]
    future = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
    scores = (q @ k.transpose(2, 3)) * q.shape[-1] ** -0.5
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    return torch.matmul(weights.to(v.dtype), v)


class Attention(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        kv_width = shape.kv_heads * shape.head_dim
        self.q_proj = nn.Linear(shape.hidden_size, shape.hidden_size, bias=False)
        self.k_proj = nn.Linear(shape.hidden_size, kv_width, bias=False)
        self.v_proj = nn.Linear(shape.hidden_size, kv_width, bias=False)
        self.o_proj = nn.Linear(shape.hidden_size, shape.hidden_size, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, length, width = x.shape
        head = (batch, length, -1, self.shape.head_dim)
        q = rotate(self.q_proj(x).view(head).transpose(1, 2), cos, sin)
        k = rotate(self.k_proj(x).view(head).transpose(1, 2), cos, sin)
        v = self.v_proj(x).view(head).transpose(1, 2)
        groups = self.shape.heads // self.shape.kv_heads
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        mixed = attend(q, k, v)
        out: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(batch, length, width))
        return out


class FeedForward(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Block(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.self_attn = Attention(shape)
        self.mlp = FeedForward(shape)
        self.input_layernorm = nn.RMSNorm(shape.hidden_size, eps=shape.norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden_size, eps=shape.norm_eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Decoder(nn.Module):
    """`LlamaModel` with tied embeddings: `embed_tokens`, `layers.N…`, `norm`."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.hidden_size, eps=shape.norm_eps)
        cos, sin = rotary_tables(shape, shape.context_length)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        depth_scale = (2 * self.shape.layers) ** -0.5
        nn.init.normal_(self.embed_tokens.weight, std=0.02)
        for name, weight in self.named_parameters():
            if weight.ndim == 2 and "embed_tokens" not in name:
                residual = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5 * (depth_scale if residual else 1.0))

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, length) token ids -> (batch, length, hidden_size) final states."""
        length = tokens.shape[1]
        x = self.embed_tokens(tokens)
        dtype = torch.bfloat16 if torch.is_autocast_enabled(tokens.device.type) else x.dtype
        cos, sin = self.get_buffer("cos")[:length].to(dtype), self.get_buffer("sin")[:length].to(dtype)
        x = x.to(dtype)
        for block in self.layers:
            x = block(x, cos, sin)
        out: Tensor = self.norm(x)
        return out

    def logits(self, states: Tensor) -> Tensor:
        return F.linear(states, self.embed_tokens.weight.to(states.dtype))

    def loss(self, tokens: Tensor, weights: Tensor) -> Tensor:
        """Mean next-token loss over the positions whose weight is above zero; logits are made only there."""
        states = self(tokens[:, :-1])
        wanted = weights[:, 1:]
        chosen = wanted > 0
        losses = self.token_losses(states[chosen], tokens[:, 1:][chosen])
        return (losses * wanted[chosen]).sum() / wanted.sum()

    def token_losses(self, states: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(self.logits(states).float(), targets, reduction="none")
