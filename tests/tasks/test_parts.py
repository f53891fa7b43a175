"""Parts of the applications, each against plain NumPy or a loop."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recur.tasks.adding import Adding, AddingSettings
from recur.tasks.agent import CLIP, DISCOUNT, TRACE, Agent, AgentSettings, Life, Step
from recur.tasks.captions import Captions
from recur.tasks.classification import (
    Classification,
    ClassifierParams,
    ClassifierSettings,
    Examples,
    make_examples,
    split_places,
)
from recur.tasks.copy import Copy, CopySettings
from recur.tasks.dictation import Dictation, DictationSettings, Rows
from recur.tasks.digits import DigitsSettings
from recur.tasks.dna import Dna, DnaSettings
from recur.tasks.forecast import Forecast, ForecastParams, ForecastSettings
from recur.tasks.generated import Drawn, Generated
from recur.tasks.music import Music, MusicSettings
from recur.tasks.names import Names
from recur.tasks.pairs import Pairs, lay_out, pair_batches
from recur.tasks.pictures import draw_confusion, read_image
from recur.tasks.rain import EVENTS, FIRST, NEXT, PRIOR, Rain, posterior
from recur.tasks.reviews import Reviews, ReviewsSettings
from recur.tasks.series import SERIES, Series, read_numbers, read_series
from recur.tasks.settings import CELLS, PRODUCTS, Settings
from recur.tasks.speech import Scaling, Speech, SpeechSettings, read_digits
from recur.tasks.task import sum_valid
from recur.tasks.translate import Translate
from recur.tasks.worlds import Came, Cards, CardsState, Maze, MazeState, World
from recur.tasks.writing import Writing, WritingParams, WritingSettings
from tests.support.interpreter import interpreted, traced

KEY = jax.random.key(0)
BASES = {Classification: (Names, Dna, Speech, Reviews), Writing: (Translate, Captions),
         Generated: (Adding, Copy, Rain)}  # fmt: skip


def test_what_is_shared_is_written_once():
    for base, kinds in BASES.items():
        assert all(issubclass(kind, base) for kind in kinds)
    assert issubclass(DigitsSettings, ClassifierSettings)
    assert World.__name__ == "World"


def test_folds_are_a_partition():
    tested = [split_places(23, seed=1, fold=fold)[2] for fold in range(10)]
    assert sorted(np.concatenate(tested)) == list(range(23))
    for fold in range(10):
        parts = split_places(23, seed=1, fold=fold)
        assert sorted(np.concatenate(parts)) == list(range(23))


@pytest.mark.slow
def test_a_class_does_not_depend_on_the_padding():
    task = Names(ClassifierSettings(hidden=4, embedding=3))
    params = task.init(KEY)
    assert isinstance(params, ClassifierParams)
    short = make_examples([task.encode("Rossi")], np.zeros(1))
    longer = Examples(np.pad(short.xs, ((0, 0), (0, 7))), short.lengths, short.labels)
    loss = jax.jit(jax.value_and_grad(lambda p, b: jnp.sin(task.logits(p, b)).sum()))
    results = [loss(params, batch) for batch in (short, longer)]
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), *results
    )


def test_no_sequence_is_in_two_parts():
    task = Dna(DnaSettings(hidden=4, fold=3))
    rows = [{x.tobytes() for x in part.xs} for part in (task.train, task.test)]
    assert not rows[0] & rows[1]
    names = Names(ClassifierSettings(hidden=4))
    parts = [set(names.texts[part]) for part in names._parts]
    assert not any(a & b for a, b in itertools.combinations(parts, 2))


def test_bayes_is_right_by_counting_all_days():
    events = np.array(list(itertools.product(range(5), repeat=3)))
    found = posterior(events)
    for row, p in zip(events, found, strict=True):
        joint = {}
        for day, prior in (("rain", PRIOR), ("dry", 1 - PRIOR)):
            joint[day] = prior * FIRST[day][row[0]]
            for a, b in itertools.pairwise(row):
                joint[day] *= NEXT[day][a, b]
        assert p[-1] == pytest.approx(joint["rain"] / sum(joint.values()))
    for chances in (*FIRST.values(), *NEXT.values()):
        np.testing.assert_allclose(chances.sum(-1), 1)
    task = Rain(Settings(cell="gru", hidden=4))
    drawn = task.draw(np.random.default_rng(0), 40_000)
    said = posterior(drawn.xs.argmax(-1))[:, -1]
    for low in (0.1, 0.3, 0.6):  # Of days that are said to be so, so many have rain.
        near = abs(said - low) < 0.05
        assert drawn.targets[near].mean() == pytest.approx(low, abs=0.05)
    assert len(EVENTS) == drawn.xs.shape[-1]


def test_what_is_drawn_is_what_is_asked():
    task = Copy(CopySettings(hidden=4, delay=7))
    xs, targets = task.draw(np.random.default_rng(0), 3)
    assert xs.shape == (3, 27, 10)
    ids = xs.argmax(-1)
    np.testing.assert_array_equal(ids[:, :10], targets)
    assert (ids[:, 10:16] == 8).all()
    assert (ids[:, 16] == 9).all()
    perfect = np.full((27, 3, 9), -30.0, np.float32)
    perfect[:17, :, 8] = 30
    perfect[np.arange(17, 27)[:, None], np.arange(3), targets.T] = 30
    np.testing.assert_allclose(task.losses(jnp.asarray(perfect), targets), 0, atol=1e-6)
    assert isinstance(Adding(AddingSettings(length=8)).batch(3), Drawn)


def test_scattered_symbols_keep_their_order_and_stand_before_the_sign():
    task = Copy(CopySettings(hidden=4, delay=7, places="scattered"))
    xs, targets = task.draw(np.random.default_rng(0), 200)
    ids = xs.argmax(-1)
    for row, symbols in zip(ids, targets, strict=True):
        np.testing.assert_array_equal(row[row < 8], symbols)
    assert (ids[:, 16] == 9).all()
    assert ((ids < 8).sum(0) > 0).tolist() == [True] * 16 + [False] * 11


@pytest.mark.parametrize("cell", CELLS)
def test_layers_of_each_cell_take_inputs_of_any_size(cell):
    """They differ, say what is alive, and have no fewer weights than is reckoned."""
    task = Copy(CopySettings(cell=cell, hidden=6, layers=2, delay=2))
    params = task.init(KEY)
    ys = interpreted(task.outputs)(params, task.batch(0).xs)
    assert ys.shape == (22, 64, 9)
    assert np.ptp(ys, axis=1).min() > 0
    (of_input, own), inputs = PRODUCTS[cell], 10 + 6
    reckoned = 6 * (of_input * inputs + 2 * own * 6 + 9)
    assert reckoned <= sum(a.size for a in jax.tree.leaves(params)) < 1.5 * reckoned


def test_words_share_one_length_and_images_keep_theirs():
    words = [(np.arange(n), np.arange(n + 3)) for n in (5, 13, 14)]
    read, written = lay_out(words)
    assert (read.values.shape, written.values.shape) == ((16, 3), (17, 3))
    assert written.seq_lengths.tolist() == [8, 16, 17]
    read, written = lay_out([(np.ones((32, 4)), np.arange(9))])
    assert (read.values.shape, written.values.shape) == ((32, 1, 4), (13, 1))


def test_what_fills_a_batch_up_counts_nothing():
    pairs = [(np.arange(1, n), np.arange(n, dtype=np.int32)) for n in (4, 6, 5)]
    (one, first), (two, rest) = pair_batches(pairs, size=2)
    assert (list(first), list(rest)) == ([0, 1], [2])
    assert (one.target.seq_lengths - 1).tolist() == [3, 5]
    assert (two.target.seq_lengths - 1).tolist() == [4, 0]
    np.testing.assert_array_equal(two.source.values[:4, 0], pairs[2][0])


@pytest.mark.slow
def test_music_is_measured_frame_by_frame():
    task = Music(MusicSettings(hidden=3, dropout=0.0, transpose=0))
    params = task.init(KEY)
    total, count = 0.0, 0
    for piece in task.valid[:3]:
        frames = jnp.asarray(piece, jnp.float32)
        carry = task.model.init_carry()
        for frame, after in itertools.pairwise(frames[:9]):
            carry, logits = task.model.step(params, carry, frame)
            p = 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
            total -= np.log(np.where(after == 1, p, 1 - p)).sum()
            count += 1
    pieces = [piece[:9] for piece in task.valid[:3]]
    assert task._mean_nats(params, pieces) == pytest.approx(total / count, rel=1e-4)


def test_a_piece_in_another_key_is_the_same_piece():
    task = Music(MusicSettings(hidden=3, transpose=4))
    batch = task.batch(0)
    moved = np.asarray(task._moved(batch, KEY).values)
    shifts = set()
    for row in range(moved.shape[1]):
        same = [
            s for s in range(-4, 5)
            if (np.roll(batch.values[:, row], s, -1) == moved[:, row]).all()
        ]  # fmt: skip
        assert same
        shifts.add(same[0])
    assert len(shifts) > 2


@pytest.mark.slow
def test_a_forecast_begins_as_naive_and_its_interval_is_calibrated():
    task = Forecast(ForecastSettings(cell="gru", hidden=3))
    params = task.init(KEY)
    assert isinstance(params, ForecastParams)
    xs, ys = task._windows[1]
    np.testing.assert_allclose(
        task.forecasts(params, 1)[:, 0, :, 0], xs[:, -1:, 0], rtol=1e-5
    )
    assert task.evaluate(params) == pytest.approx(1.0, rel=1e-4)
    found = task._widened(params, 1)
    inside = (found[:, 1] <= ys) & (ys <= found[:, 2])
    assert inside.mean() == pytest.approx(0.8, abs=0.05)
    with pytest.raises(ValueError, match="of: ett needs its data"):
        Forecast(ForecastSettings(of="ett"))


def test_the_naive_forecast_repeats_the_last_season():
    task = Forecast(ForecastSettings(cell="gru", hidden=3))
    task.kind = SERIES["ett"]._replace(season=3, horizon=5)
    np.testing.assert_array_equal(task.naive(np.arange(7)[None]), [[4, 5, 6, 4, 5]])


def test_a_path_is_read_off_as_ctc_has_it():
    task = Dictation(DictationSettings(hidden=3))
    assert isinstance(task.batch(0), Rows)
    for path, text in (
        ([0, 1, 1, 0, 1, 2, 2], "aae"), ([0, 0], ""), ([3], "i"), ([5, 5, 4], "uo"),
    ):  # fmt: skip
        assert task._collapsed(np.array(path)) == text
    again = task.batch(7)
    jax.tree.map(np.testing.assert_array_equal, again, task.batch(7))


@pytest.mark.slow
def test_the_words_written_do_not_depend_on_the_batch():
    task = Translate(WritingSettings(hidden=6, embedding=4, beams=2))
    params = task.init(KEY)
    assert isinstance(params, WritingParams)
    assert isinstance(task.batch(0), Pairs)
    sources = [source for source, _ in task.parts[2][:5]]
    together = task.write(params, sources, beams=2)
    assert together == [task.write(params, [s], beams=2)[0] for s in sources]
    (weights,) = task.looks(params, sources[:1], [["1", "2"]])
    assert weights.shape == (3, len(sources[0]))
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)


def test_a_maze_pays_for_the_turn_that_the_sign_said():
    maze = Maze(length=2)
    for up, turn, pay in itertools.product((False, True), (1, 2), (1,)):
        state = MazeState(jnp.int32(0), jnp.bool_(up), jnp.int32(0))
        for place in range(2):
            came = maze.step(state, jnp.int32(0), KEY)
            assert isinstance(came, Came)
            assert (float(came.reward), bool(came.done)) == (0, False)
            state = came.state
            assert not came.seen[:2].any()
            assert bool(came.seen[3]) == (place == 1)
        came = maze.step(state, jnp.int32(turn), KEY)
        assert float(came.reward) == (pay if (turn == 1) == up else -1)
        assert came.done
    still = maze.step(state, jnp.int32(0), KEY)
    assert float(still.reward) == pytest.approx(-0.05)


def test_all_cards_named_right_pay_one():
    cards = Cards(lag=2, length=6)
    state, seen = cards.first(KEY)
    assert isinstance(state, CardsState)
    shown, total = [int(seen.argmax())], 0.0
    for n in range(6):
        action = shown[n - 2] if n >= 2 else 0
        came = cards.step(state, jnp.int32(action), KEY)
        total += float(came.reward)
        assert bool(came.done) == (n == 5)
        state = came.state
        shown.append(int(came.seen.argmax()))
    assert total == pytest.approx(1.0)


@pytest.mark.slow
def test_advantages_and_objective_are_those_of_the_papers():
    task = Agent(AgentSettings(hidden=3, batch=2))
    params, rng = task.init(KEY), np.random.default_rng(0)
    life = task.init_carry()
    assert isinstance(life, Life)
    keys = jax.random.split(KEY, 7)
    steps, live = [], traced(task.live, params, life, keys[0])
    for key in keys:
        life, step = live(params, life, key)
        steps.append(step)
    steps = jax.tree.map(lambda *a: np.stack(a), *steps)
    assert isinstance(steps, Step)
    done = jnp.asarray(rng.random((7, 2)) < 0.3)
    steps = steps._replace(done=done, reward=jnp.asarray(rng.normal(size=(7, 2)), "f4"))
    found = interpreted(task._advantages)(params, life, steps)
    now = life.seen[None], life.start[None]
    after = interpreted(task.roll)(params, life.carry, *now)[2][0]
    expected, trace = np.zeros((7, 2)), np.zeros(2)
    for t in reversed(range(7)):
        on = DISCOUNT * (1 - np.asarray(done[t]))
        surprise = steps.reward[t] + on * after - steps.value[t]
        trace = surprise + TRACE * on * trace
        expected[t], after = trace, np.asarray(steps.value[t])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    # Where the policy is the one that acted, nothing is clipped, and the cotangent is
    # that of the policy gradient.
    plain = Agent(AgentSettings(hidden=3, batch=2, entropy=0.0))
    start = task.init_carry().carry
    policy = lambda p: plain.objective(p, start, steps, found)

    def reinforce(p):
        _, log_p, value = plain.roll(p, start, steps.seen, steps.start)
        taken = jnp.take_along_axis(log_p, steps.action[..., None], -1)[..., 0]
        scaled = (found - found.mean()) / (found.std() + 1e-6)
        error = ((value - (steps.value + found)) ** 2).mean()
        return -(taken * scaled).mean() + 0.5 * error

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
        interpreted(jax.grad(policy))(params),
        interpreted(jax.grad(reinforce))(params),
    )
    assert 0 < CLIP < 1


def test_pictures_are_read_and_drawn(tmp_path):
    import matplotlib.image

    image = np.random.default_rng(0).random((40, 20, 3))
    matplotlib.image.imsave(tmp_path / "a.png", image)
    read = read_image(str(tmp_path / "a.png"), 20)
    assert read.shape[:2] == (20, 20)
    assert 0 <= read.min() <= read.max() <= 1
    (tmp_path / "b.png").write_text("no image")
    with pytest.raises(ValueError, match=r"say: .* is no image"):
        read_image(str(tmp_path / "b.png"), 20)
    assert draw_confusion(np.eye(3, dtype=int), list("abc"), title="t")[1:4] == b"PNG"


def test_frames_and_tables_are_read_as_they_stand(tmp_path):
    table = np.arange(12.0).reshape(4, 3)
    np.savetxt(tmp_path / "frames", table)
    scaling = Scaling.of(table)
    found = scaling.read(str(tmp_path / "frames"))
    np.testing.assert_allclose(found, (table - table.mean(0)) / table.std(0), rtol=1e-5)
    for text, message in (("1 2", "2 numbers a line; expected 3"), ("x", "cannot be")):
        (tmp_path / "bad").write_text(text)
        with pytest.raises(ValueError, match=message):
            scaling.read(str(tmp_path / "bad"))
    (tmp_path / "a.csv").write_text("day,x,y\n1,2,3\n4,5,6\n")
    columns = slice(1, None)
    np.testing.assert_array_equal(
        read_numbers(tmp_path / "a.csv", "say", columns), [[2, 3], [5, 6]]
    )
    kind = Series("folder", "a.csv", 1, 1, columns=columns)
    np.testing.assert_array_equal(read_series(tmp_path, kind), [[2, 3], [5, 6]])


def test_what_is_padded_is_not_summed():
    values = np.where(np.arange(3)[:, None] < [3, 1], 2.0, np.nan).astype(np.float32)
    total, count = sum_valid(jnp.asarray(values), jnp.array([3, 1]))
    assert (float(total), float(count)) == (8.0, 4.0)


def test_files_of_another_format_are_refused(tmp_path):
    folder = tmp_path / "fsdd"
    folder.mkdir()
    (folder / "a_mfcc.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="arrays X, y and lengths"):
        read_digits(tmp_path)
    (tmp_path / "splice.csv").write_text("a,b,c\nEI,x\n")
    with pytest.raises(ValueError, match=r"line 2.*; expected rows of class"):
        Dna(DnaSettings(), tmp_path)
    (tmp_path / "x_labelled.txt").write_text("good\t1\nbad\t7\n")
    with pytest.raises(ValueError, match=r"line 2.*; expected lines of text"):
        Reviews(ReviewsSettings(), tmp_path)
    (tmp_path / "monthly-sunspots.csv").write_text("a,b\n1,x\n")
    with pytest.raises(ValueError, match="expected a table of numbers"):
        Forecast(ForecastSettings(), tmp_path)
    assert Speech(SpeechSettings(hidden=3)).classes == tuple("aeiou")
