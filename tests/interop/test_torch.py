"""torch modules and ours: the same outputs, carries and gradients, both directions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import GRU, LSTM, Bidirectional, Elman, Stack
from recur.interop._shared.uniform import stack_carries
from recur.interop.torch import (
    carry_from_torch,
    carry_to_torch,
    from_torch,
    to_torch,
)
from tests.interop.agreement import (
    assert_close,
    assert_same,
    loss_of,
    random_carry,
    random_params,
    roll,
    rolled,
    sequence,
)
from tests.support.draw import quickly

torch = pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")  # Only slow.

MODULES = {
    "rnn": lambda: torch.nn.RNN(3, 5),
    "rnn-relu-deep": lambda: torch.nn.RNN(3, 4, 2, nonlinearity="relu"),
    "lstm": lambda: torch.nn.LSTM(3, 5),
    "lstm-deep-both-ways": lambda: torch.nn.LSTM(2, 3, 2, bidirectional=True),
    "lstm-projection-both-ways": lambda: torch.nn.LSTM(
        3, 5, 2, proj_size=2, bidirectional=True
    ),
    "gru-no-bias": lambda: torch.nn.GRU(1, 4, bias=False),
    "gru-deep-both-ways": lambda: torch.nn.GRU(
        3, 4, 2, bidirectional=True, dropout=0.5
    ),
}


def module_of(name):
    torch.manual_seed(0)
    return MODULES[name]().eval()


def as_arrays(tree):
    return jax.tree.map(lambda t: t.detach().numpy(), tree)


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", MODULES)
def test_outputs_carries_and_gradients_are_those_of_the_module(name):
    module, xs = module_of(name), sequence(6, 2, module_of(name).input_size)
    cell, _ = from_torch(module)
    carry = random_carry(cell, 2)
    given, inputs = carry_to_torch(cell, carry), torch.from_numpy(xs).requires_grad_()
    ys, last = module(inputs, given)
    leaves = [ys, *(last if isinstance(last, tuple) else (last,))]
    weights = [sequence(*y.shape, seed=100 + n) for n, y in enumerate(leaves)]
    terms = zip(weights, leaves, strict=True)
    sum((torch.from_numpy(w) * y).sum() for w, y in terms).backward()
    named = dict(module.named_parameters())
    state = {n: jnp.asarray(w.detach().numpy()) for n, w in named.items()}

    def loss(state, xs):
        options = {"nonlinearity": getattr(module, "nonlinearity", None)}
        ys, last = roll(from_torch(state, **options), xs, carry)
        outputs = ys, jax.tree.map(jnp.asarray, stacked(cell, last))
        return loss_of(outputs), outputs

    grads, outputs = quickly(jax.grad(loss, (0, 1), has_aux=True))(state, xs)
    assert_close(outputs, as_arrays(leaves))
    assert_close(grads[0], {n: w.grad.numpy() for n, w in named.items()})
    assert_close(grads[1], inputs.grad.numpy())
    assert_same(carry_from_torch(cell, given), carry)


def stacked(cell, carry):
    """What carry_to_torch does, under a trace."""
    return stack_carries("test", cell, carry)


CELLS = {
    "elman": (Elman(4), {}),
    "elman-relu": (Elman(4, activation=jax.nn.relu), {"nonlinearity": "relu"}),
    "gru-stack": (Stack((GRU(3), GRU(3), GRU(3))), {"num_layers": 3}),
    "lstm-both-ways": (Bidirectional(LSTM(3)), {"bidirectional": True}),
    "lstm-projection": (LSTM(5, projection_size=2), {"proj_size": 2}),
}
KINDS = {Elman: "RNN", GRU: "GRU", LSTM: "LSTM"}


def kind_of(cell):
    cell = cell.cells[0] if isinstance(cell, Stack) else cell
    return KINDS[type(cell.forward if isinstance(cell, Bidirectional) else cell)]


def build(cell, options, input_size=2):
    sizes = (cell.cells[0] if isinstance(cell, Stack) else cell,)
    inner = sizes[0].forward if isinstance(sizes[0], Bidirectional) else sizes[0]
    return getattr(torch.nn, kind_of(cell))(input_size, inner.hidden_size, **options)


@pytest.mark.parametrize("name", CELLS)
def test_modules_made_of_ours_agree_and_round_trips_are_exact(name, tmp_path):
    cell, options = CELLS[name]
    params, xs = random_params(cell, 2), sequence(4, 3, 2)
    module = build(cell, options)
    module.load_state_dict(to_torch(cell, params))
    ys, last = module(torch.from_numpy(xs))
    ours = rolled((cell, params), xs)
    assert_close((ours[0], stacked(cell, ours[1])), as_arrays((ys, last)))
    assert_same(from_torch(module)[1], params)
    assert from_torch(module)[0] == cell
    save_file = pytest.importorskip("safetensors.torch").save_file
    path = tmp_path / "model.safetensors"
    save_file(to_torch(cell, params, prefix="net.rnn") | {"w": torch.ones(1)}, path)
    told = {"nonlinearity": options.get("nonlinearity", "tanh")}
    assert_same(from_torch(path, **told)[1], params)
    assert from_torch(path, prefix="net.rnn", **told)[0] == cell


@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
def test_single_steps(name):
    torch.manual_seed(0)
    module = getattr(torch.nn, name)(3, 4)
    x = sequence(2, 3)
    cell, params = from_torch(module)
    y = module(torch.from_numpy(x))
    theirs = as_arrays(y[0] if isinstance(y, tuple) else y)
    assert_close(cell.step(params, cell.init_carry((2,)), x)[1], theirs)
    module.load_state_dict(to_torch(cell, params, single_step=True))
    assert_same(from_torch(module)[1], params)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_every_precision_goes_through_unrounded(dtype, x64):
    cell = LSTM(3, dtype=dtype)
    params = random_params(cell, 2)
    module = torch.nn.LSTM(2, 3).to(getattr(torch, dtype))
    module.load_state_dict(to_torch(cell, params))
    found, back = from_torch(module)
    assert found == cell
    assert_same(back, params)
    assert module.weight_hh_l0.double().tolist() == params.w_hh.T.tolist()


def test_float64_is_not_rounded_behind_ones_back():
    with pytest.raises(ValueError, match="jax_enable_x64"):
        from_torch(torch.nn.GRU(2, 3).double())


def test_params_do_not_share_memory_with_the_module():
    module = torch.nn.GRU(1, 1)
    before = jax.tree.map(np.array, from_torch(module)[1])
    params = from_torch(module)[1]
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(1.0)
    assert_same(params, jax.tree.map(jnp.asarray, before))


def test_parametrised_weights_come_as_they_act():
    module = torch.nn.GRU(2, 3)
    plain = from_torch(module)[1]
    torch.nn.utils.parametrizations.weight_norm(module, "weight_hh_l0")
    assert_close(from_torch(module)[1], plain, 1e-6)
    with pytest.raises(ValueError, match="weight_hh_l0"):
        from_torch(module.state_dict())


def test_inside_a_larger_module():
    model = torch.nn.ModuleDict({"a": torch.nn.GRU(2, 3), "b": torch.nn.GRU(2, 3)})
    expected = from_torch(model["b"])[1]
    assert_same(from_torch(model, prefix="b")[1], expected)
    assert_same(from_torch(model.state_dict(), prefix="b.")[1], expected)
    with pytest.raises(ValueError, match="2 recurrent modules"):
        from_torch(model.state_dict())
    with pytest.raises(ValueError, match=r"2 recurrent modules \('a.', 'b.'\)"):
        from_torch(model)
    with pytest.raises(ValueError, match=r"\('a.', 'b.'\), 0 with the prefix 'c.'"):
        from_torch(model, prefix="c")


def test_the_only_one_inside_a_larger_module():
    lstm = torch.nn.LSTM(2, 3)
    model = torch.nn.Sequential(torch.nn.Embedding(4, 2), torch.nn.ModuleList([lstm]))
    cell, params = from_torch(lstm)
    for source in (model, model.state_dict()):
        assert from_torch(source)[0] == cell
        assert_same(from_torch(source)[1], params)


def state(**changes):
    whole = as_arrays(torch.nn.LSTM(3, 5, 2).state_dict())
    return {n: w for n, w in (dict(whole) | changes).items() if w is not None}


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (lambda: state(bias_hh_l1=None), ValueError, "missing bias_hh_l1"),
        (lambda: state(weight_hh_l0=None), ValueError, "weight_hh_l0 is missing"),
        (lambda: state(weight_ih_l7=sequence(1)), ValueError, "layers"),
        (lambda: state(bias_ih_l0=sequence(7)), ValueError, "bias_ih_l0 is float32"),
        (lambda: state(weight_hh_l0=sequence(7, 5)), ValueError, "1, 3 or 4 times"),
        (lambda: state(weight_hh_l0=sequence(0, 0)), ValueError, "weight_hh_l0"),
        (lambda: state(bias_ih_l0=np.ones(20, int)), TypeError, "int64"),
        (lambda: state(bias_ih_l0=np.ones(20, object)), TypeError, "object"),
        (lambda: state(bias_ih_l0=[1.0] * 20), TypeError, "a list"),
        (lambda: state(extra=sequence(1)), ValueError, "extra is no weight"),
        (lambda: state(bias_ih_l0=np.ones(20, np.float16)), ValueError, "one dtype"),
        (lambda: {}, ValueError, "0 recurrent modules"),
        (lambda: torch.nn.Linear(2, 3), TypeError, "Linear"),
        (lambda: 3, TypeError, "source is int 3"),
        (lambda: torch.nn.RNN(2, 3).state_dict(), ValueError, "nonlinearity is None"),
        (lambda: "model.pth", ValueError, "pickles"),
        (lambda: torch.nn.Sequential(torch.nn.Tanh()), TypeError, "is a Sequential"),
        (lambda: torch.nn.GRU(2, 3, device="meta"), TypeError, "on meta"),
        (
            lambda: {
                n: w.to_sparse() for n, w in torch.nn.GRU(2, 3).state_dict().items()
            },
            TypeError,
            r"weight_ih_l0 is a tensor of torch.float32, torch.sparse_coo",
        ),
    ],
)
def test_bad_sources_are_refused(source, error, message):
    with pytest.raises(error, match=message):
        from_torch(source())


def test_a_nonlinearity_other_than_the_modules_is_refused():
    module = torch.nn.RNN(2, 3, nonlinearity="relu")
    assert from_torch(module, nonlinearity="relu")[0] == from_torch(module)[0]
    for other in ("tanh", "gelu"):
        with pytest.raises(ValueError, match=f"is str '{other}'; expected 'relu'"):
            from_torch(module, nonlinearity=other)


@pytest.mark.parametrize("damage", ["cut", "empty", "length", "header", "type"])
def test_damaged_files_are_refused(damage, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    path = tmp_path / "model.safetensors"
    safetensors.save_file(dict(torch.nn.LSTM(2, 3).state_dict()), path)
    data = path.read_bytes()
    path.write_bytes(
        {
            "cut": data[:-8],
            "empty": b"",
            "length": b"\xff" * 8 + data[8:],
            "header": data[:9] + b"(" + data[10:],
            "type": data.replace(b'"F32"', b'"I32"'),
        }[damage]
    )
    with pytest.raises((ValueError, TypeError), match="from_torch: "):
        from_torch(path)


@pytest.mark.parametrize(
    ("cell", "error", "message"),
    [
        (GRU(3, reset_after=False), ValueError, "reset_after=False"),
        (LSTM(3, peephole=True), ValueError, "peephole"),
        (LSTM(3, coupled=True), ValueError, "coupled"),
        (Elman(3, activation=jax.nn.sigmoid), ValueError, "sigmoid"),
        (Stack((LSTM(3), LSTM(4))), ValueError, "differ"),
        (Stack((LSTM(3), Bidirectional(LSTM(3)))), ValueError, "differ"),
        (Bidirectional(LSTM(3), merge="sum"), ValueError, "merge"),
        (recur.LayerNormLSTM(3), TypeError, "LayerNormLSTM"),
        (recur.ClipCell(LSTM(3)), TypeError, "inside a wrapper"),
    ],
)
def test_what_torch_lacks_is_refused(cell, error, message):
    with pytest.raises(error, match=message):
        to_torch(cell, random_params(cell, 2))


def test_params_of_another_cell_are_refused():
    params = random_params(LSTM(3), 2)
    for cell, error in ((LSTM(4), ValueError), (GRU(3), TypeError)):
        with pytest.raises(error, match="to_torch: params"):
            to_torch(cell, params)
    with pytest.raises(TypeError, match=r"params\.b is a list"):
        to_torch(LSTM(3), params._replace(b=[1.0]))
    with pytest.raises(ValueError, match=r"params\.w_ih is float32"):
        to_torch(LSTM(3), params._replace(w_ih=params.b))
    with pytest.raises(ValueError, match="w_ih of layer 1"):
        to_torch(Stack((LSTM(3), LSTM(3))), (params, params))
    with pytest.raises(ValueError, match="bias_ih is not zero"):
        to_torch(LSTM(3), params, bias=False)
    both = recur.BidirectionalParams(params, params)
    with pytest.raises(ValueError, match="one by one"):
        to_torch(Bidirectional(LSTM(3)), both, single_step=True)


def test_states_of_another_module_are_refused():
    cell = Bidirectional(LSTM(3))
    with pytest.raises(ValueError, match=r"expected \[2, ..., 3\] and \[2, ..., 3\]"):
        carry_from_torch(cell, torch.zeros(2, 4, 3))
    cell = LSTM(3)
    with pytest.raises(
        ValueError, match=r"\[1, 4, 3\], float32\[1, 5, 3\]; .* one bat"
    ):
        carry_from_torch(cell, (torch.zeros(1, 4, 3), torch.zeros(1, 5, 3)))


def test_carries_of_another_cell_are_refused():
    with pytest.raises(TypeError, match=r"carry has float32\[2, 3\]; expected LSTMC"):
        carry_to_torch(LSTM(3), GRU(3).init_carry((2,)))
    with pytest.raises(TypeError, match="carry has a LSTMCarry; expected an array"):
        carry_to_torch(GRU(3), LSTM(3).init_carry((2,)))
