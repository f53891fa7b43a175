"""What lengths, masks and resets mean, case by case, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.support.draw import assert_close, random_like

CELL = recur.LSTM(4)
PARAMS = CELL.init(jax.random.key(0), 3)
XS = random_like(1, jnp.zeros((6, 2, 3)))
CARRY = random_like(2, CELL.init_carry((2,)))
TRUE = np.ones((6, 2), bool)


def roll(xs=XS, carry=CARRY, **time):
    return recur.unroll(CELL, PARAMS, carry, xs, **time)


def test_each_row_as_if_alone():
    last, ys = roll(seq_lengths=[4, 0])
    for row, length in enumerate((4, 0)):
        one = jax.tree.map(lambda a: a[row], CARRY)  # noqa: B023
        alone, zs = roll(XS[:length, row], one)
        assert_close(jax.tree.map(lambda a: a[row], last), alone)  # noqa: B023
        assert_close(ys[:length, row], zs)
    assert not np.asarray(ys[4:]).any()
    np.testing.assert_array_equal(last.c[1], CARRY.c[1])


def test_packed_sequences_equal_the_sequences_apart():
    first, second = XS[:4, 0], XS[:2, 1]
    packed = jnp.concatenate([first, second])
    start = jnp.arange(6) == 4
    anew = random_like(5, CELL.init_carry())
    for reverse in (False, True):
        one, two = jax.tree.map(lambda a: a[0], CARRY), anew
        # Whichever way one walks, the second to be entered starts anew.
        carries = (two, one) if reverse else (one, two)
        time = {"reset": start, "reset_carry": anew, "reverse": reverse}
        last, ys = roll(packed, one, **time)
        lasts, apart = zip(
            *(
                roll(x, c, reverse=reverse)
                for x, c in zip((first, second), carries, strict=True)
            ),
            strict=True,
        )
        assert_close(ys, jnp.concatenate(apart))
        assert_close(last, lasts[0] if reverse else lasts[1])


def test_a_reset_at_an_invalid_step_is_ignored():
    mask = TRUE.copy()
    mask[2] = False
    assert_close(roll(mask=mask, reset=~mask), roll(mask=mask))


def test_a_learned_reset_carry_gets_gradients():
    cell = recur.LearnedCarry(CELL)
    params = cell.init(jax.random.key(0), 3)
    reset = np.zeros((6, 2), bool)
    reset[3, 0] = True

    def loss(params):
        anew = cell.init_carry(params=params)
        time = {"reset": reset, "reset_carry": anew}
        return recur.unroll(cell, params, CARRY, XS, **time)[1].sum()

    assert np.abs(jax.grad(loss)(params).carry.c).max() > 1e-3


def test_one_trace_for_all_lengths():
    traces = []

    @jax.jit
    def compiled(lengths):
        traces.append(1)
        return roll(seq_lengths=lengths)[1]

    for lengths in ([6, 6], [0, 3], [1, 2]):
        compiled(jnp.array(lengths))
    assert len(traces) == 1


def test_lengths_out_of_range_are_harmless_where_they_cannot_be_seen():
    compiled = jax.jit(lambda lengths: roll(seq_lengths=lengths))
    assert_close(compiled(jnp.array([-3, 99])), roll(seq_lengths=[0, 6]))


@pytest.mark.slow
def test_several_batch_axes():
    xs = random_like(3, jnp.zeros((6, 2, 3, 3)))
    carry = random_like(4, CELL.init_carry((2, 3)))
    lengths = np.array([[6, 0, 2], [1, 5, 3]])
    flat = lambda a, axis: a.reshape(*a.shape[:axis], 6, *a.shape[axis + 2 :])
    last, ys = roll(xs, carry, seq_lengths=lengths, reset=np.ones((6, 2, 3), bool))
    one = jax.tree.map(lambda a: flat(a, 0), carry)
    expected = roll(
        flat(xs, 1), one, seq_lengths=flat(lengths, 0), reset=np.ones((6, 6), bool)
    )
    assert_close((jax.tree.map(lambda a: flat(a, 0), last), flat(ys, 1)), expected)


def test_flags_without_batch_axes_hold_for_a_single_sequence():
    one = jax.tree.map(lambda a: a[0], CARRY)
    last, ys = roll(XS[:, 0], one, seq_lengths=3, mask=np.ones(6, bool))
    assert_close((last, ys[:3]), roll(XS[:3, 0], one))


def test_integer_inputs_and_outputs():
    table = jnp.arange(12.0).reshape(4, 3)
    step = lambda params, carry, x: (carry + table[x], x)
    ids = jnp.array([[1, 2], [3, 0], [2, 2]])
    last, ys = recur.unroll(step, None, jnp.zeros((2, 3)), ids, seq_lengths=[3, 1])
    np.testing.assert_array_equal(ys, [[1, 2], [3, 0], [2, 0]])
    np.testing.assert_array_equal(last[1], table[2])


@pytest.mark.parametrize("sizes", [[6], [1] * 6, [2, 3, 1]])
def test_stream_gives_the_same_numbers(sizes):
    chunks = jnp.split(XS, np.cumsum(sizes)[:-1])
    carries, ys = zip(*recur.stream(CELL, PARAMS, CARRY, chunks), strict=True)
    assert_close((carries[-1], jnp.concatenate(ys)), roll())


def test_stream_waits_for_its_chunks():
    def chunks():
        yield XS[:2]
        raise StopIteration from None  # pragma: no cover

    carry, ys = next(recur.stream(CELL, PARAMS, CARRY, chunks()))
    assert_close((carry, ys), roll(XS[:2]))


@pytest.mark.quick(5)
@pytest.mark.parametrize("steps", [7, 0, 1, 2])
@pytest.mark.parametrize("remat", [3, "sqrt", 1, 100, None])
def test_remat_at_every_length(steps, remat):
    xs = random_like(3, jnp.zeros((steps, 2, 3)))
    for reverse in (False, True):
        assert_close(roll(xs, reverse=reverse, remat=remat), roll(xs, reverse=reverse))


def nll(logits, label):
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), label[:, None], axis=-1)
    return -chosen[:, 0]


@pytest.mark.slow
def test_unroll_loss_equals_the_loss_outside():
    unit = recur.Readout(recur.GRU(4), 9)
    params, carry = unit.init(jax.random.key(0), 3), unit.init_carry((2,))
    labels = jnp.arange(12).reshape(6, 2) % 9
    lengths = jnp.array([6, 2])

    def inside(params):
        _, losses = recur.unroll_loss(
            unit, nll, params, carry, XS, labels, seq_lengths=lengths
        )
        return losses.sum()

    def outside(params):
        _, logits = recur.unroll(unit, params, carry, XS)
        losses = jax.vmap(nll)(logits, labels)
        return jnp.where(jnp.arange(6)[:, None] < lengths[None], losses, 0).sum()

    both = [jax.value_and_grad(f)(params) for f in (inside, outside)]
    assert_close(*both)


@pytest.mark.slow
@pytest.mark.usefixtures("as_users_fuse")
def test_unroll_loss_never_holds_all_logits():
    classes, steps = 1000, 256
    unit = recur.Readout(recur.GRU(4), classes)
    params, carry = unit.init(jax.random.key(0), 3), unit.init_carry((2,))
    xs, labels = jnp.zeros((steps, 2, 3)), jnp.zeros((steps, 2), jnp.int32)

    def inside(params):
        return recur.unroll_loss(unit, nll, params, carry, xs, labels)[1].sum()

    compiled = jax.jit(jax.grad(inside)).lower(params).compile()
    logits = steps * 2 * classes * 4
    assert compiled.memory_analysis().temp_size_in_bytes < logits / 3


@pytest.mark.parametrize(
    ("time", "kind", "words"),
    [
        ({"seq_lengths": [7, 0]}, ValueError, "from 0 to 7; expected 0 to 6"),
        ({"seq_lengths": [-1, 0]}, ValueError, "from -1 to 0; expected 0 to 6"),
        ({"seq_lengths": [1.0, 2.0]}, TypeError, "float64.*expected integers"),
        ({"seq_lengths": [1, 2, 3]}, ValueError, r"seq_lengths has .* \(3,\)"),
        ({"seq_lengths": TRUE[0]}, TypeError, r"bool\[2\]; expected integers"),
        ({"mask": TRUE.astype(int)}, TypeError, r"mask is int64.*expected .* bool"),
        ({"mask": TRUE[:5]}, ValueError, r"mask is bool\[5, 2\]; expected 6 steps"),
        ({"mask": TRUE[:, :1]}, ValueError, r"mask has the batch axes \(1,\)"),
        ({"reset": [True]}, TypeError, "reset is a list; expected an array of bool"),
        ({"reset": TRUE.T}, ValueError, r"reset is bool\[2, 6\]; expected 6 steps"),
        ({"reset_carry": CARRY}, ValueError, "reset_carry came without reset"),
        (
            {"reset": TRUE, "reset_carry": CARRY.h},
            TypeError,
            "reset_carry has the structure",
        ),
        (
            {"reset": TRUE, "reset_carry": recur.LSTM(5).init_carry()},
            ValueError,
            r"reset_carry has a leaf float32\[5\]; expected float32\[2, 4\]",
        ),
        (
            {"mask": TRUE, "seq_lengths": np.array(3)},
            ValueError,
            "batch axes of the flags differ",
        ),
        ({"remat": "little"}, ValueError, "remat is 'little'; expected None"),
        ({"remat": 0}, ValueError, "remat is 0; expected a positive integer"),
        ({"remat": 1.5}, TypeError, "remat is float 1.5; expected a positive"),
    ],
)
def test_bad_flags(time, kind, words):
    with pytest.raises(kind, match=words):
        roll(**time)
    if "remat" not in time:
        with pytest.raises(kind, match=words):
            recur.static_unroll(CELL, PARAMS, CARRY, XS, **time)


def test_a_carry_without_batch_axes_cannot_be_held():
    step = lambda params, carry, x: (carry + 1, x)
    with pytest.raises(
        ValueError, match=r"axes \(2,\) and carry is int32\[\]; expected"
    ):
        recur.unroll(step, None, jnp.int32(0), XS, seq_lengths=[1, 2])


@pytest.mark.parametrize("implementation", [("chunked", "scan"), "scan"], ids=str)
def test_an_output_for_all_rows_cannot_be_zero_for_some(implementation):
    step = lambda params, carry, x: (x[:, :4] @ params + carry, {"sum": carry.sum()})
    for roll_it in (recur.unroll, recur.static_unroll):
        way = {"implementation": implementation} if roll_it is recur.unroll else {}
        with pytest.raises(ValueError, match=r"y\['sum'\] of the step is float32\[\]"):
            roll_it(
                step, jnp.eye(3, 4), jnp.zeros((2, 4)), XS, seq_lengths=[1, 2], **way
            )


def test_series_are_sliced():
    step = lambda params, carry, x: (carry + params["a"] * params["b"], x)
    params = {"a": recur.PerStep(jnp.arange(6.0)), "b": 2.0}
    last, _ = recur.unroll(step, params, jnp.float32(0), XS)
    assert last == 30
    last, _ = recur.static_unroll(step, params, jnp.float32(0), XS)
    assert last == 30
