# Owns the Muon optimiser for the weight matrices. Embeddings and norms go to torch's AdamW.
from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonalise(stack: Tensor, steps: int = 5) -> Tensor:
    """Pushes the singular values of each matrix in (n, rows, cols) towards one (Jordan et al., Muon, 2024)."""
    a, b, c = NEWTON_SCHULZ
    x = stack.to(torch.bfloat16)
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.transpose(1, 2)
    x = x / (x.float().norm(dim=(1, 2), keepdim=True).to(x.dtype) + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = torch.baddbmm(a * x, b * gram + c * (gram @ gram), x)
    return x.transpose(1, 2) if tall else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; matrices of one shape are handled together as one stack."""

    def __init__(self, params: list[nn.Parameter], lr: float, momentum: float = 0.95, decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for param in group["params"]:
                by_shape[param.shape].append(param)
            for params in by_shape.values():
                self._step_stack(params, group["lr"], group["momentum"], group["decay"])

    def _step_stack(self, params: list[Tensor], lr: float, momentum: float, decay: float) -> None:
        directions = []
        for param in params:
            if param.grad is None:
                raise ValueError("Muon.step() needs a gradient for every parameter; call backward() first.")
            buffer = self.state[param].setdefault("momentum", torch.zeros_like(param))
            buffer.lerp_(param.grad, 1 - momentum)
            directions.append(param.grad.lerp(buffer, momentum))
        updates = orthogonalise(torch.stack(directions))
        scale = max(1.0, params[0].shape[0] / params[0].shape[1]) ** 0.5
        for param, update in zip(params, updates, strict=True):
            param.mul_(1 - lr * decay)
            param.add_(update.to(param.dtype), alpha=-lr * scale)
