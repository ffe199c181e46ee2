"""Maps and flows with answers in closed form, as kernels."""

import numba
import numpy as np

from snnsurrogate.kernels import F_SIGNATURE, JAC_SIGNATURE, Kernel


def kernel(f, jac, *, kind, states, low, high, parameters=(), defaults=(), step=1.0):
    defaults = np.array(defaults, dtype=float)
    return Kernel(
        kind=kind,
        time_step=step,
        time_unit="s",
        states=states,
        state_units=("1",) * len(states),
        parameters=parameters,
        parameter_units=("1",) * len(parameters),
        parameter_defaults=defaults,
        f=numba.njit(F_SIGNATURE)(f),
        jac=numba.njit(JAC_SIGNATURE)(jac),
        low=np.array(low, dtype=float),
        high=np.array(high, dtype=float),
        parameter_low=defaults - 2.0,
        parameter_high=defaults + 2.0,
    )


def logistic():
    def f(x, p, out):
        out[0] = p[0] * x[0] * (1 - x[0])

    def jac(x, p, out):
        out[0, 0] = p[0] * (1 - 2 * x[0])

    return kernel(
        f, jac, kind="map", states=("x",), low=[-0.1], high=[1.1], parameters=("r",), defaults=[4.0]
    )


def henon():
    def f(x, p, out):
        out[0] = 1 - p[0] * x[0] ** 2 + x[1]
        out[1] = p[1] * x[0]

    def jac(x, p, out):
        out[0, 0] = -2 * p[0] * x[0]
        out[0, 1] = 1.0
        out[1, 0] = p[1]
        out[1, 1] = 0.0

    return kernel(
        f,
        jac,
        kind="map",
        states=("x", "y"),
        low=[-2, -2],
        high=[2, 2],
        parameters=("a", "b"),
        defaults=[1.4, 0.3],
    )


def lorenz():
    def f(x, p, out):
        out[0] = p[0] * (x[1] - x[0])
        out[1] = x[0] * (p[1] - x[2]) - x[1]
        out[2] = x[0] * x[1] - p[2] * x[2]

    def jac(x, p, out):
        out[0, 0], out[0, 1], out[0, 2] = -p[0], p[0], 0.0
        out[1, 0], out[1, 1], out[1, 2] = p[1] - x[2], -1.0, -x[0]
        out[2, 0], out[2, 1], out[2, 2] = x[1], x[0], -p[2]

    return kernel(
        f,
        jac,
        kind="flow",
        states=("x", "y", "z"),
        low=[-30, -30, -5],
        high=[30, 30, 60],
        parameters=("sigma", "r", "b"),
        defaults=[10.0, 28.0, 8 / 3],
        step=0.01,
    )


def spiral(*, kind="map", step=0.1):
    """Linear focus z' = (p + 2i) z, as a flow or as its exact map of one step."""

    def flow(x, p, out):
        out[0] = p[0] * x[0] - 2.0 * x[1]
        out[1] = 2.0 * x[0] + p[0] * x[1]

    def flow_jac(x, p, out):
        out[0, 0], out[0, 1], out[1, 0], out[1, 1] = p[0], -2.0, 2.0, p[0]

    def step_map(x, p, out):
        g, c, s = np.exp(p[0] * step), np.cos(2.0 * step), np.sin(2.0 * step)
        out[0] = g * (c * x[0] - s * x[1])
        out[1] = g * (s * x[0] + c * x[1])

    def step_jac(x, p, out):
        g, c, s = np.exp(p[0] * step), np.cos(2.0 * step), np.sin(2.0 * step)
        out[0, 0], out[0, 1], out[1, 0], out[1, 1] = g * c, -g * s, g * s, g * c

    f, jac = (step_map, step_jac) if kind == "map" else (flow, flow_jac)
    return kernel(
        f,
        jac,
        kind=kind,
        states=("x", "y"),
        low=[-1, -1.5],
        high=[1.5, 1],
        parameters=("mu",),
        defaults=[-0.3],
        step=step,
    )


def no_fixed_point():
    def f(x, p, out):
        out[0] = 1.0 + x[0] ** 2

    def jac(x, p, out):
        out[0, 0] = 2 * x[0]

    return kernel(f, jac, kind="flow", states=("x",), low=[-3], high=[3], step=0.01)


def saddle_node():
    """x' = p - x^2: fixed points +-sqrt(p), none for p < 0; a fold, never a Hopf point."""

    def f(x, p, out):
        out[0] = p[0] - x[0] ** 2
        out[1] = -x[1]

    def jac(x, p, out):
        out[0, 0], out[0, 1], out[1, 0], out[1, 1] = -2 * x[0], 0.0, 0.0, -1.0

    return kernel(
        f,
        jac,
        kind="flow",
        states=("x", "y"),
        low=[-3, -1],
        high=[3, 1],
        parameters=("p",),
        defaults=[1.0],
        step=0.01,
    )


def delayed_logistic():
    """x_{n+1} = r x_n (1 - x_{n-1}): Neimark-Sacker at r = 2 with multipliers exp(+-i pi/3)."""

    def f(x, p, out):
        out[0] = p[0] * x[0] * (1 - x[1])
        out[1] = x[0]

    def jac(x, p, out):
        out[0, 0] = p[0] * (1 - x[1])
        out[0, 1] = -p[0] * x[0]
        out[1, 0] = 1.0
        out[1, 1] = 0.0

    return kernel(
        f,
        jac,
        kind="map",
        states=("x", "y"),
        low=[0.0, 0.0],
        high=[1.0, 1.0],
        parameters=("r",),
        defaults=[2.1],
    )


def normal_form(sign=1.0):
    """r' = mu r + sign r^3 - r^5, theta' = 2: Hopf at 0, and with sign 1 a fold of cycles.

    The cycles: r^2 = (sign +- sqrt(1 + 4 mu)) / 2; they fold at mu = -1/4, r^2 = 1/2.
    """

    def f(x, p, out):
        s = x[0] * x[0] + x[1] * x[1]
        g = p[0] + sign * s - s * s
        out[0] = g * x[0] - 2.0 * x[1]
        out[1] = 2.0 * x[0] + g * x[1]

    def jac(x, p, out):
        s = x[0] * x[0] + x[1] * x[1]
        g = p[0] + sign * s - s * s
        dg = sign - 2.0 * s
        out[0, 0] = g + 2.0 * dg * x[0] * x[0]
        out[0, 1] = -2.0 + 2.0 * dg * x[0] * x[1]
        out[1, 0] = 2.0 + 2.0 * dg * x[0] * x[1]
        out[1, 1] = g + 2.0 * dg * x[1] * x[1]

    return kernel(
        f,
        jac,
        kind="flow",
        states=("x", "y"),
        low=[-1.5, -1.5],
        high=[1.5, 1.5],
        parameters=("mu",),
        defaults=[0.1],
        step=0.01,
    )


def steep_hopf(a):
    """r' = mu r + a r^3, theta' = 2: unstable cycles at mu = -a r^2."""

    def f(x, p, out):
        g = p[0] + a * (x[0] * x[0] + x[1] * x[1])
        out[0] = g * x[0] - 2.0 * x[1]
        out[1] = 2.0 * x[0] + g * x[1]

    def jac(x, p, out):
        g = p[0] + a * (x[0] * x[0] + x[1] * x[1])
        out[0, 0] = g + 2.0 * a * x[0] * x[0]
        out[0, 1] = -2.0 + 2.0 * a * x[0] * x[1]
        out[1, 0] = 2.0 + 2.0 * a * x[0] * x[1]
        out[1, 1] = g + 2.0 * a * x[1] * x[1]

    return kernel(
        f,
        jac,
        kind="flow",
        states=("x", "y"),
        low=[-1.5, -1.5],
        high=[1.5, 1.5],
        parameters=("mu",),
        defaults=[0.1],
        step=0.01,
    )


def cusp():
    """x' = h + m x - x^3, y' = -y: folds at h = +-2 (m/3)^(3/2), meeting in a cusp at 0."""

    def f(x, p, out):
        out[0] = p[0] + p[1] * x[0] - x[0] ** 3
        out[1] = -x[1]

    def jac(x, p, out):
        out[0, 0], out[0, 1], out[1, 0], out[1, 1] = p[1] - 3 * x[0] ** 2, 0.0, 0.0, -1.0

    return kernel(
        f,
        jac,
        kind="flow",
        states=("x", "y"),
        low=[-3, -1],
        high=[3, 1],
        parameters=("h", "m"),
        defaults=[0.0, 1.0],
        step=0.01,
    )


def double_well():
    """x' = v, v' = x - x^3 - p v: rest at +-1, basins mirror images of each other."""

    def f(x, p, out):
        out[0] = x[1]
        out[1] = x[0] - x[0] ** 3 - p[0] * x[1]

    def jac(x, p, out):
        out[0, 0], out[0, 1] = 0.0, 1.0
        out[1, 0], out[1, 1] = 1 - 3 * x[0] ** 2, -p[0]

    return kernel(
        f,
        jac,
        kind="flow",
        states=("x", "v"),
        low=[-2, -2],
        high=[2, 2],
        parameters=("damping",),
        defaults=[0.5],
        step=0.02,
    )


def newton_cubic():
    """Newton's method for x^3 - x: the roots -1, 0, 1 attract; 0 from |x| < 1/sqrt 5."""

    def f(x, p, out):
        out[0] = x[0] - (x[0] ** 3 - x[0]) / (3 * x[0] ** 2 - 1)

    def jac(x, p, out):
        out[0, 0] = 6 * x[0] * (x[0] ** 3 - x[0]) / (3 * x[0] ** 2 - 1) ** 2

    return kernel(f, jac, kind="map", states=("x",), low=[-3], high=[3])


def subcritical_hopf():
    """r' = r (mu + r^2 - r^4), angle' = 1: rest and a cycle coexist for -1/4 < mu < 0."""

    def f(x, p, out):
        square = x[0] * x[0] + x[1] * x[1]
        g = p[0] + square - square * square
        out[0] = g * x[0] - x[1]
        out[1] = x[0] + g * x[1]

    def jac(x, p, out):
        square = x[0] * x[0] + x[1] * x[1]
        g, slope = p[0] + square - square * square, 2 - 4 * square
        out[0, 0] = g + slope * x[0] * x[0]
        out[0, 1] = slope * x[0] * x[1] - 1
        out[1, 0] = 1 + slope * x[0] * x[1]
        out[1, 1] = g + slope * x[1] * x[1]

    return kernel(
        f,
        jac,
        kind="flow",
        states=("x", "y"),
        low=[-2, -2],
        high=[2, 2],
        parameters=("mu",),
        defaults=[-0.1],
        step=0.05,
    )


def cycle_and_focus():
    """The unit circle at angular speed 1, and beside it z' = (mu + i sqrt(1/2)) z: torus at 0.

    z carries -|z|^2 z, so that the torus is stable where it exists.
    """
    w = np.sqrt(0.5)

    def f(x, p, out):
        a = 1.0 - x[0] * x[0] - x[1] * x[1]
        b = p[0] - x[2] * x[2] - x[3] * x[3]
        out[0] = a * x[0] - x[1]
        out[1] = x[0] + a * x[1]
        out[2] = b * x[2] - w * x[3]
        out[3] = w * x[2] + b * x[3]

    def jac(x, p, out):
        out[:] = 0.0
        a = 1.0 - x[0] * x[0] - x[1] * x[1]
        b = p[0] - x[2] * x[2] - x[3] * x[3]
        out[0, 0] = a - 2 * x[0] * x[0]
        out[0, 1] = -1.0 - 2 * x[0] * x[1]
        out[1, 0] = 1.0 - 2 * x[0] * x[1]
        out[1, 1] = a - 2 * x[1] * x[1]
        out[2, 2] = b - 2 * x[2] * x[2]
        out[2, 3] = -w - 2 * x[2] * x[3]
        out[3, 2] = w - 2 * x[2] * x[3]
        out[3, 3] = b - 2 * x[3] * x[3]

    return kernel(
        f,
        jac,
        kind="flow",
        states=("x", "y", "u", "v"),
        low=[-1.5] * 4,
        high=[1.5] * 4,
        parameters=("mu",),
        defaults=[-0.2],
        step=0.01,
    )


def cubic():
    """x' = mu + x - x^3/3 in one variable: folds at mu = -2/3 (x = 1) and 2/3 (x = -1)."""

    def f(x, p, out):
        out[0] = p[0] + x[0] - x[0] ** 3 / 3

    def jac(x, p, out):
        out[0, 0] = 1 - x[0] ** 2

    return kernel(
        f,
        jac,
        kind="flow",
        states=("x",),
        low=[-3],
        high=[3],
        parameters=("mu",),
        defaults=[0.0],
        step=0.01,
    )


def square_root():
    """x' = sqrt(p) - x: no real value for p < 0."""

    def f(x, p, out):
        out[0] = p[0] ** 0.5 - x[0] if p[0] >= 0 else np.nan

    def jac(x, p, out):
        out[0, 0] = -1.0

    return kernel(
        f,
        jac,
        kind="flow",
        states=("x",),
        low=[-1],
        high=[2],
        parameters=("p",),
        defaults=[0.5],
        step=0.01,
    )


def bogdanov_takens():
    """x' = y, y' = b1 + b2 x + x^2 - x y: folds at b1 = b2^2/4, Hopf at b1 = 0 for b2 < 0."""

    def f(x, p, out):
        out[0] = x[1]
        out[1] = p[0] + p[1] * x[0] + x[0] * x[0] - x[0] * x[1]

    def jac(x, p, out):
        out[0, 0], out[0, 1] = 0.0, 1.0
        out[1, 0], out[1, 1] = p[1] + 2 * x[0] - x[1], -x[0]

    return kernel(
        f,
        jac,
        kind="flow",
        states=("x", "y"),
        low=[-3, -1],
        high=[3, 1],
        parameters=("b1", "b2"),
        defaults=[0.0, -1.0],
        step=0.01,
    )


def bautin():
    """z' = (mu + 2i + beta |z|^2 - |z|^4) z: Hopf at mu = 0, generalised where beta = 0 too."""

    def f(x, p, out):
        s = x[0] * x[0] + x[1] * x[1]
        g = p[0] + p[1] * s - s * s
        out[0] = g * x[0] - 2.0 * x[1]
        out[1] = 2.0 * x[0] + g * x[1]

    def jac(x, p, out):
        s = x[0] * x[0] + x[1] * x[1]
        g = p[0] + p[1] * s - s * s
        dg = 2 * (p[1] - 2.0 * s)
        out[0, 0] = g + dg * x[0] * x[0]
        out[0, 1] = -2.0 + dg * x[0] * x[1]
        out[1, 0] = 2.0 + dg * x[0] * x[1]
        out[1, 1] = g + dg * x[1] * x[1]

    return kernel(
        f,
        jac,
        kind="flow",
        states=("x", "y"),
        low=[-1, -1.5],
        high=[1.5, 1],
        parameters=("mu", "beta"),
        defaults=[0.1, -0.5],
        step=0.01,
    )


def rotation():
    """z -> (1 + mu - |z|^2) exp(i theta) z: Neimark-Sacker at mu = 0 for every theta."""

    def f(x, p, out):
        g = 1 + p[0] - x[0] * x[0] - x[1] * x[1]
        c, s = np.cos(p[1]), np.sin(p[1])
        out[0] = g * (c * x[0] - s * x[1])
        out[1] = g * (s * x[0] + c * x[1])

    def jac(x, p, out):
        g = 1 + p[0] - x[0] * x[0] - x[1] * x[1]
        c, s = np.cos(p[1]), np.sin(p[1])
        u, v = c * x[0] - s * x[1], s * x[0] + c * x[1]
        out[0, 0], out[0, 1] = g * c - 2 * x[0] * u, -g * s - 2 * x[1] * u
        out[1, 0], out[1, 1] = g * s - 2 * x[0] * v, g * c - 2 * x[1] * v

    return kernel(
        f,
        jac,
        kind="map",
        states=("x", "y"),
        low=[-1, -1.5],
        high=[1.5, 1],
        parameters=("mu", "theta"),
        defaults=[0.1, 1.0],
        step=0.5,
    )
