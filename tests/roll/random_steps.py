"""Steps composed at random, with random data and flags, each from one seed."""

import inspect
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import recur
import tests.roll.ops  # noqa: F401  (fills OPS)
from tests.roll.ops.operation import OPS, Op

LAYOUTS = ((None, 3), (1, 4), (2, 3), (3, 5), (0, 3))
"""Rows and entries a row; ``None`` is a carry without batch axes."""

PARAMS = {"w": "weight", "u": "weight", "b": "bias", "s": "number"}
SERIES = {"w_t": "weight", "b_t": "bias", "s_t": "number"}
CARRY = {"h": "row", "g": "row", "c": "number", "z": "spectrum", "m": "ints"}
INPUTS = {"x": "row", "n": "number", "i": "index", "key": "key"}


@dataclass(frozen=True)
class Line:
    """``result = op(*args)``."""

    result: str
    op: Op
    args: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """A step, line by line, what it is given, and how it is rolled.

    Args:
      seed: Of the data.
      rows: Of the batch, ``None`` for none.
      size: ``H``.
      steps: ``T``.
      kinds: Of each name.
      lines: The step.
      carry: The name of what follows each part of the carry.
      outputs: Names of what the step puts out.
      flags: Those of the roll, with their values.
    """

    seed: int
    rows: int | None
    size: int
    steps: int
    kinds: dict[str, str]
    lines: list[Line]
    carry: dict[str, str]
    outputs: list[str]
    flags: dict[str, Any] = field(default_factory=dict)
    bounded: bool = False  # What would grow beyond bounds passes through a tanh.

    def has(self, trait: str) -> bool:
        """Whether this is true of an operation, ``"coarse"`` for example."""
        return any(line.op.trait == trait for line in self.lines)

    def step(self, params, carry, x):
        """The step itself."""
        known = {**params, **carry, **x}
        for line in self.lines:
            known[line.result] = line.op.run(*(known[name] for name in line.args))
        after = {k: known[v] for k, v in self.carry.items()}
        if self.bounded and "h" in after:
            after["h"] = jnp.tanh(after["h"])
        return after, [known[name] for name in self.outputs]

    def data(self):
        """``(params, carry, xs)``, drawn from the seed; ``xs`` are time-major."""
        draw = np.random.default_rng(self.seed)
        given = [name for name in self.kinds if name not in self._made]
        values = {
            name: self._value(draw, self.kinds[name], name in (*SERIES, *INPUTS))
            for name in given
        }
        values |= {k: recur.PerStep(v) for k, v in values.items() if k in SERIES}
        trees = ((*PARAMS, *SERIES), CARRY, INPUTS)
        return tuple({k: values[k] for k in names if k in values} for names in trees)

    def source(self) -> str:
        """The step and its roll as text, for whoever mends what fails."""
        params, carry, xs = jax.eval_shape(self.data)
        sources = {line.op.name: inspect.getsource(line.op.run) for line in self.lines}
        body = [
            f"    {n.result} = {n.op.name}({', '.join(n.args)})" for n in self.lines
        ]
        after = ", ".join(f"{k}={v}" for k, v in self.carry.items())
        outputs = ", ".join(self.outputs)
        return "\n".join(
            [
                *sources.values(),
                f"# params: {_shapes(params)}",
                f"# carry: {_shapes(carry)}",
                f"# xs: {_shapes(xs)}",
                f"def step({', '.join(params)}; {', '.join(carry)}; {', '.join(xs)}):",
                *body,
                f"    return dict({after}), [{outputs}]",
                "",
                *(f"# {name} = {flag}" for name, flag in self.flags.items()),
            ]
        )

    @property
    def _made(self) -> set[str]:
        return {line.result for line in self.lines}

    def _value(self, draw: Any, kind: str, over_time: bool) -> Any:
        batch = () if self.rows is None else (self.rows,)
        shapes = {"weight": (self.size,) * 2, "bias": (self.size,), "index": batch}
        shapes |= dict.fromkeys(("row", "spectrum", "ints"), (*batch, self.size))
        shape = (self.steps,) * over_time + shapes.get(kind, ())
        if kind == "key":
            impl = str(
                draw.choice(["threefry2x32", "threefry2x32", "rbg", "unsafe_rbg"])
            )
            return jax.random.split(jax.random.key(self.seed, impl=impl), self.steps)
        if kind == "index":
            return jnp.asarray(draw.integers(0, self.size, shape), jnp.int32)
        if kind == "ints":
            return jnp.asarray(draw.integers(-2, 3, shape), jnp.int32)
        value = 0.6 * draw.normal(size=shape)
        if kind == "spectrum":
            value = value + 0.6j * draw.normal(size=shape)
        return jnp.asarray(value)


def draw_program(seed: int) -> Program:
    """Draws a program; the same seed gives the same one."""
    draw = np.random.default_rng(seed)
    rows, size = LAYOUTS[draw.integers(len(LAYOUTS))]
    chances = {"g": 0.3, "c": 0.1, "z": 0.04, "m": 0.04}
    chances |= {"n": 0.4, "i": 0.3, "key": 0.3, "w_t": 0.1, "b_t": 0.1, "s_t": 0.1}
    given = {**PARAMS, **SERIES, **CARRY, **INPUTS}
    kinds = {k: v for k, v in given.items() if draw.random() < chances.get(k, 1)}
    carry = [name for name in CARRY if name in kinds]
    lines = _lines(draw, kinds, int(draw.integers(3, 12)))
    after = {name: _last(draw, kinds, kinds[name], lines) for name in carry}
    rich = [n.result for n in lines if n.op.gives in ("row", "spectrum", "ints")]
    outputs = [after["h"], *draw.choice(rich or ["h"], draw.integers(0, 3))]
    outputs = [str(name) for name in outputs]
    steps = int(draw.integers(4, 8))
    program = needed(Program(seed, rows, size, steps, kinds, lines, after, outputs))
    program.flags.update(_flags(draw, program))
    return program


def needed(program: Program) -> Program:
    """The same program without lines and inputs that it does not use."""
    wanted, lines = {*program.carry.values(), *program.outputs}, []
    for line in reversed(program.lines):
        if line.result in wanted:
            wanted.update(line.args)
            lines.insert(0, line)
    kinds = {k: v for k, v in program.kinds.items() if k in {"x", *CARRY, *wanted}}
    return replace(program, lines=lines, kinds=kinds)


def _lines(draw: Any, kinds: dict[str, str], count: int) -> list[Line]:
    """Draws lines, of which the first needs the carry and a weight."""
    lines: list[Line] = []
    unused = {"h", "x"}
    while len(lines) < count:
        often = np.array([op.often for op in OPS], float)
        op = OPS[draw.choice(len(OPS), p=often / often.sum())]
        fits = set(op.takes) <= set(kinds.values())
        if fits and (lines or {"row", "weight"} <= set(op.takes)):
            args = [_any(draw, kinds, kind, unused) for kind in op.takes]
            if not lines:
                args[op.takes.index("row")] = "h"
            result = f"v{len(lines)}"
            lines.append(Line(result, op, tuple(args)))
            unused = unused.difference(args) | {result}
            kinds[result] = op.gives
    return lines


def _any(draw: Any, kinds: dict[str, str], kind: str, unused: set[str]) -> str:
    """Draws an argument, best one that nothing has used yet."""
    names = [name for name, k in kinds.items() if k == kind]
    chances = np.array([5.0 if name in unused else 1.0 for name in names])
    return str(names[draw.choice(len(names), p=chances / chances.sum())])


def _last(draw: Any, kinds: dict[str, str], kind: str, lines: list[Line]) -> str:
    made = [line.result for line in lines if line.op.gives == kind]
    return str(draw.choice(made[-2:])) if made else _any(draw, kinds, kind, set())


def _flags(draw: Any, program: Program) -> dict[str, Any]:
    shared = {"c", "n", "key"}.intersection(program.kinds) or program.has("mixes")
    batch = () if program.rows is None or shared else (program.rows,)
    steps, shape = program.steps, (program.steps, *batch)
    could = {
        "seq_lengths": lambda: jnp.asarray(draw.integers(0, steps + 1, batch)),
        "mask": lambda: jnp.asarray(draw.random(shape) < 0.7),
        "reset": lambda: jnp.asarray(draw.random(shape) < 0.3),
        "reverse": lambda: True,
        "remat": lambda: draw.choice(["sqrt", 1, 2, 3]),
        "scan_unroll": lambda: 2,
    }
    if batch:
        could["time_major"] = lambda: False
    flags = {name: make() for name, make in could.items() if draw.random() < 0.25}
    if "time_major" in flags:
        flags |= {k: a.T for k, a in flags.items() if k in ("mask", "reset")}
    if "remat" in flags and flags["remat"] != "sqrt":
        flags["remat"] = int(flags["remat"])
    if "reset" in flags and draw.random() < 0.5:
        flags["reset_carry"] = jax.tree.map(jnp.negative, program.data()[1])
    return flags


def _shapes(tree: Any) -> str:
    return str(jax.tree.map(lambda a: f"{a.dtype}{list(a.shape)}", tree)).replace(
        "'", ""
    )


__all__ = ["Line", "Program", "draw_program", "needed"]
