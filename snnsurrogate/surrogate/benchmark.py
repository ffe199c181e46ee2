"""Speed of a compiled rollout beside the same map stepped in torch, in one process."""

from __future__ import annotations

import time

import numpy as np

from snnsurrogate.kernels import integrate
from snnsurrogate.surrogate import models, runtime
from snnsurrogate.surrogate.scaling import Scaling


def rollout_against_torch(
    *, hidden: tuple[int, ...] = (24, 24), steps: int = 20000, repeats: int = 5
) -> dict[str, float]:
    """Steps per second of one trajectory, compiled and torch eager, and their ratio.

    Both run the same untrained map of a three-state, one-parameter system, one thread, float64;
    torch without autograd. The two are timed in turn, and the median ratio of the pairs is given.

    Args:
        hidden: units of the map's hidden layers.
        steps: steps of the compiled rollout; torch runs a twentieth of them.
        repeats: pairs of timings.
    """
    import torch

    states = ("V", "n", "S")
    one = np.ones(3)
    scaling = Scaling(mean=0 * one, sd=one, increment=0.05 * one, mid=np.zeros(1), half=np.ones(1))
    layout = models.Layout(states=states, parameters=("p",), increment_scale=scaling.increment)
    module = models.RecurrentMap(hidden=hidden).build(layout, generator_seed=0)
    f, jac = runtime.compile_step(module, scaling)
    kernel = runtime.map_kernel(f, jac, states, ("p",))
    x0, p = 0.1 * one, np.array([0.3])
    integrate(kernel, x0, p, n_steps=10)

    def compiled() -> float:
        start = time.perf_counter()
        integrate(kernel, x0, p, n_steps=steps)
        return steps / (time.perf_counter() - start)

    def eager() -> float:
        few = max(steps // 20, 100)
        x, q = torch.as_tensor(x0)[None], torch.as_tensor(p)[None]
        with torch.no_grad():
            start = time.perf_counter()
            for _ in range(few):
                x = module.step(x, q)  # type: ignore[operator]
            return few / (time.perf_counter() - start)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        eager()
        pairs = [(compiled(), eager()) for _ in range(repeats)]
    finally:
        torch.set_num_threads(threads)
    return {
        "compiled_steps_per_s": float(np.median([a for a, _ in pairs])),
        "torch_steps_per_s": float(np.median([b for _, b in pairs])),
        "ratio": float(np.median([a / b for a, b in pairs])),
        "ratio_min": float(min(a / b for a, b in pairs)),
        "ratio_max": float(max(a / b for a, b in pairs)),
    }
