"""Operations of stochastic steps that torch has no differentiable form of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx

__all__ = ["round_down"]


class _RoundDown(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.floor(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


def round_down(x: Tensor) -> Tensor:
    """Largest integer not above x; its gradient is one (straight-through)."""
    result: Tensor = _RoundDown.apply(x)
    return result


fx.wrap("round_down")  # a leaf of the traced graph
