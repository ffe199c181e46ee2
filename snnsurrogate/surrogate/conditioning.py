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
        quadratic: add a quadratic polynomial of q, which is zero and no parameter of the module:
            gradients do not reach it, a calibration sets it.
    """

    blank: Tensor
    ones: Tensor
    left: Tensor
    right: Tensor
    quadratic: Tensor

    def __init__(
        self, n_parameters: int, widths: dict[str, int], hidden: int, *, quadratic: bool = False
    ) -> None:
        super().__init__()
        self.n_parameters = n_parameters
        self.first = nn.Linear(max(n_parameters, 1), hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, sum(widths.values()))
        self.register_buffer("blank", torch.zeros(1, 0), persistent=False)
        self.register_buffer("ones", torch.ones(1), persistent=False)
        self.polynomial = quadratic
        if quadratic:
            i, j = torch.triu_indices(n_parameters, n_parameters)
            eye = torch.eye(n_parameters)
            self.register_buffer("left", eye[i], persistent=False)
            self.register_buffer("right", eye[j], persistent=False)
            features = n_parameters + len(i)
            self.register_buffer("quadratic", torch.zeros(sum(widths.values()), features))
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
        made: Tensor = self.last(self.hidden(q))
        if self.polynomial and self.n_parameters:
            made = made + functional.linear(self.monomials(q), self.quadratic)
        return made

    def hidden(self, q: Tensor) -> Tensor:
        """The last hidden layer (batch, hidden)."""
        if not self.n_parameters:
            q = functional.linear(q, self.blank, self.ones)
        return torch.tanh(self.second(torch.tanh(self.first(q))))

    def monomials(self, q: Tensor) -> Tensor:
        """Parameters and their products (batch, k + k (k + 1) / 2)."""
        products = functional.linear(q, self.left) * functional.linear(q, self.right)
        return torch.cat([q, products], 1)

    def take(self, outputs: Tensor, name: str) -> Tensor:
        """One named output (batch, width)."""
        begin, end = self.places[name]
        return outputs[:, begin:end]
