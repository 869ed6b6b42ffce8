"""Finite volumes for the compressible Euler equations in one to three dimensions: MUSCL-Hancock with HLLC fluxes.

Slopes of the primitive variables after van Leer; half a step ahead of all axes at once, then one unsplit update of
second order (Toro 2009, Riemann Solvers and Numerical Methods for Fluid Dynamics, sections 10.4 and 14.4).
"""

import numpy as np
from jaxtyping import Float64

State = Float64[np.ndarray, "conserved *space"]  # density, momentum along each axis, energy
Primitive = Float64[np.ndarray, "primitive *space"]  # density, velocity along each axis, pressure
GHOSTS = 2  # cells beyond each side that a step looks at
CFL = 0.3
Padding = tuple[str, ...]  # per axis numpy's mode of padding: "wrap" is periodic, "edge" is open


def primitive(state: State, gamma: float) -> Primitive:
    """Density, velocity and pressure."""
    density, momentum, energy = state[0], state[1:-1], state[-1]
    velocity = momentum / density
    pressure = (gamma - 1) * (energy - (momentum * velocity).sum(0) / 2)
    return np.concatenate([density[None], velocity, pressure[None]])


def conserved(values: Primitive, gamma: float) -> State:
    """Density, momentum and energy."""
    density, velocity, pressure = values[0], values[1:-1], values[-1]
    energy = pressure / (gamma - 1) + density * (velocity**2).sum(0) / 2
    return np.concatenate([density[None], density * velocity, energy[None]])


def stable(state: State, gamma: float, spacing: float) -> float:
    """The longest step from a state."""
    values = primitive(state, gamma)
    sound = np.sqrt(gamma * values[-1] / values[0])
    return CFL * spacing / float((np.abs(values[1:-1]) + sound).sum(0).max())


def step(state: State, gamma: float, spacing: float, time: float, padding: Padding) -> State:
    """The state a time later."""
    values = primitive(_padded(state, padding), gamma)
    axes = range(1, values.ndim)
    slopes = [_slope(values, axis) for axis in axes]
    inner = values[(slice(None), *(slice(1, -1),) * len(axes))]
    rates = [_rate(inner, slope, axis, gamma) for axis, slope in zip(axes, slopes, strict=True)]
    ahead = inner + time / (2 * spacing) * np.sum(rates, 0)
    change = np.zeros_like(state)
    for axis, slope in zip(axes, slopes, strict=True):
        strip = tuple(slice(None) if a in (0, axis) else slice(1, -1) for a in range(values.ndim))
        middle, half = ahead[strip], slope[strip] / 2
        faces = flux(_but_last(middle + half, axis), _but_first(middle - half, axis), axis, gamma)
        change -= np.diff(faces, axis=axis)
    return state + time / spacing * change


def flux(left: Primitive, right: Primitive, axis: int, gamma: float) -> State:
    """Of the Riemann problem at each face, by Harten, Lax and van Leer with a contact (Toro 2009, section 10.4)."""
    u_left, u_right, p_left, p_right = left[axis], right[axis], left[-1], right[-1]
    slow, fast = _speeds(left, right, axis, gamma)
    mass_left, mass_right = left[0] * (slow - u_left), right[0] * (fast - u_right)
    star = (p_right - p_left + mass_left * u_left - mass_right * u_right) / (mass_left - mass_right)
    upwind = star >= 0
    side = np.where(upwind, left, right)
    outer = np.where(upwind, slow, fast)
    mass = np.where(upwind, mass_left, mass_right)
    state, plain = conserved(side, gamma), _flux(side, axis, gamma)
    density = mass / (outer - star)
    middle = density * state / side[0]
    middle[axis] = density * star
    middle[-1] += density * (star - side[axis]) * (star + side[-1] / mass)
    inside = np.where(upwind, slow < 0, fast > 0)  # the fan of waves spans the face
    return plain + np.where(inside, outer * (middle - state), 0)


def _speeds(left: Primitive, right: Primitive, axis: int, gamma: float) -> tuple[np.ndarray, np.ndarray]:
    """Of the slowest and fastest wave, bounded as by Davis (1988, SIAM J. Sci. Stat. Comput. 9, 445)."""
    sounds = [np.sqrt(gamma * side[-1] / side[0]) for side in (left, right)]
    slow = np.minimum(left[axis] - sounds[0], right[axis] - sounds[1])
    return slow, np.maximum(left[axis] + sounds[0], right[axis] + sounds[1])


def _flux(values: Primitive, axis: int, gamma: float) -> State:
    """Through a face across an axis."""
    state, speed, pressure = conserved(values, gamma), values[axis], values[-1]
    through = state * speed
    through[axis] += pressure
    through[-1] += pressure * speed
    return through


def _slope(values: Primitive, axis: int) -> Float64[np.ndarray, "primitive *inner"]:
    """Limited difference per cell (van Leer 1974), of all but the outermost cells."""
    strip = tuple(slice(None) if a in (0, axis) else slice(1, -1) for a in range(values.ndim))
    steps = np.diff(values[strip], axis=axis)
    before, after = _but_last(steps, axis), _but_first(steps, axis)
    product = np.maximum(before * after, 0)
    return 2 * product / np.where(product > 0, before + after, 1)


def _rate(values: Primitive, slope: Primitive, axis: int, gamma: float) -> Primitive:
    """What the slope along an axis changes of the primitive variables, times the spacing per time."""
    rate = -values[axis] * slope
    rate[0] -= values[0] * slope[axis]
    rate[axis] -= slope[-1] / values[0]
    rate[-1] -= gamma * values[-1] * slope[axis]
    return rate


def _but_first(values: np.ndarray, axis: int) -> np.ndarray:
    return values[(slice(None),) * axis + (slice(1, None),)]


def _but_last(values: np.ndarray, axis: int) -> np.ndarray:
    return values[(slice(None),) * axis + (slice(None, -1),)]


def _padded(state: State, padding: Padding) -> Float64[np.ndarray, "conserved *padded"]:
    for axis, mode in enumerate(padding, 1):
        widths = [(GHOSTS, GHOSTS) if a == axis else (0, 0) for a in range(state.ndim)]
        state = np.pad(state, widths, mode=mode)  # type: ignore[arg-type]  # one of numpy's names
    return state
