"""Conditioning on parameters: scale and shift of layers, from a small network of the parameters.

Feature-wise linear modulation. A surrogate that uses it computes the modulation with ``condition``
and passes it to its layers; compiled rollouts evaluate it once per run, because it depends on the
parameters alone, so that a step costs the same with any number of parameters.

Source: Perez, Strub, de Vries, Dumoulin & Courville (2018), arXiv:1709.07871.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Modulation"]


class Modulation(nn.Module):
    """Network of scaled parameters q (batch, k) with named outputs of given widths.

    Args:
        n_parameters: k; with none of them the outputs are learned constants.
        widths: name -> width of an output.
        hidden: units of the two hidden layers.
    """

    blank: Tensor
    ones: Tensor

    def __init__(self, n_parameters: int, widths: dict[str, int], hidden: int) -> None:
        super().__init__()
        self.n_parameters = n_parameters
        self.first = nn.Linear(max(n_parameters, 1), hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, sum(widths.values()))
        self.register_buffer("blank", torch.zeros(1, 0), persistent=False)
        self.register_buffer("ones", torch.ones(1), persistent=False)
        with torch.no_grad():
            self.last.weight.mul_(0.3)
            self.last.bias.zero_()
        self.places: dict[str, tuple[int, int]] = {}
        at = 0
        for name, width in widths.items():
            self.places[name] = (at, at + width)
            at += width

    def forward(self, q: Tensor) -> Tensor:
        """All outputs (batch, sum of widths); about zero at the start."""
        if not self.n_parameters:
            q = functional.linear(q, self.blank, self.ones)
        return self.last(torch.tanh(self.second(torch.tanh(self.first(q)))))  # type: ignore[no-any-return]

    def take(self, outputs: Tensor, name: str) -> Tensor:
        """One named output (batch, width)."""
        begin, end = self.places[name]
        return outputs[:, begin:end]
