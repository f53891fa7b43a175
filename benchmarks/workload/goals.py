"""What the applications are run for, and what others reported."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """One row of the record: an application with options, and the figure it is for.

    Args:
      task: Name of the application.
      figure: The one of its figures that counts.
      goal: What it should reach; ``None`` for a row that others are compared with.
      more: Whether more is better.
      options: Options of the command.
      folds: Runs with ``--fold`` 0, 1, …, of which the mean counts, instead of seeds.
      beside: The figure it is measured against, and how far it may be from it.
      reported: What others have, with the source.
    """

    task: str
    figure: str
    goal: float | None
    more: bool = True
    options: tuple[str, ...] = ()
    folds: int = 1
    beside: str | None = None
    reported: str = ""

    @property
    def row(self) -> str:
        """The command without the program.

        Example:
          >>> Goal("music", "test nats a frame", 8.6, options=("--cell", "gru")).row
          'music --cell gru'
        """
        return " ".join((self.task, *self.options))


def _forecast(
    of: str,
    goal: float = 1.0,
    figure: str = "test RMSE over naive",
    reported: str = "",
) -> Goal:
    options = "--of", of
    return Goal("forecast", figure, goal, False, options, reported=reported)


TEXT = ("--hidden", "512", "--dropout", "0.3", "--steps", "4000",
        "--learning-rate", "5e-3")  # fmt: skip
PIXELS = "--by", "pixels", "--hidden", "64", "--steps", "1000"
SCATTERED = ("--places", "scattered", "--delay", "236", "--layers", "2",
             "--steps", "3000", "--learning-rate", "5e-3")  # fmt: skip
MUSIC = "RNN 8.91, GRU 8.43 to 8.54, LSTM 8.45 to 8.67 (Chung 2014; Bai 2018)"
TUTORIAL = "GRU and attention 28.3, LSTM 13.8 (the PyTorch seq2seq tutorials)"
GOALS = (
    Goal("text", "bits a character", None, False),
    *(Goal("text", "bits a character", None, False, ("--cell", cell))
      for cell in ("gru", "min-gru", "griffin")),
    Goal("text", "bits a character", 2.308, False, TEXT,
         reported="minGRU 2.233, Transformer 2.232 (Feng 2024)"),
    Goal("reviews", "test % right", -1.0, folds=10,
         beside="test % right, bag of words"),
    Goal("names", "test % right", 80),
    Goal("dna", "test % right", 94, folds=10, reported="RNN 93.89"),
    Goal("digits", "test % right", 98),
    Goal("digits", "test % right", None, options=(*PIXELS, "--cell", "irnn"),
         reported="IRNN 97.0 after long training (Le 2015)"),
    *(Goal("digits", "test % right", None, options=(*PIXELS, "--cell", cell))
      for cell in ("gru", "lstm", "lru")),
    Goal("speech", "test % right", 95),
    Goal("speech", "test % right", 96, options=("--of", "speakers"),
         reported="LSTM 95 to 97"),
    Goal("dictation", "test % digits wrong", 8, False),
    Goal("music", "test nats a frame", 8.6, False, reported=MUSIC),
    Goal("music", "test nats a frame", 9.1, False, ("--cell", "elman"), reported=MUSIC),
    _forecast("sunspots"),
    _forecast("temperature"),
    _forecast("passengers"),
    _forecast("co2"),
    _forecast("exchange", 1.02, reported="GRU RSE 0.0192 at 3 (Lai 2018)"),
    _forecast("ett", 0.424, figure="test MSE of scaled values",
              reported="LSTMa 0.650 (Zhou 2021)"),
    Goal("translate", "test BLEU, greedy", 25, reported=TUTORIAL),
    Goal("captions", "test % exact, greedy", 80),
    Goal("adding", "test squared error", 0.01, False,
         reported="GRU 5.3e-5, LSTM 0.164 (Bai 2018)"),
    Goal("copy", "test % right", 99),
    Goal("copy", "test % right", 99, options=(*SCATTERED, "--cell", "min-gru")),
    *(Goal("copy", "test % right", None, options=(*SCATTERED, "--cell", cell))
      for cell in ("gru", "lstm")),
    Goal("rain", "test nats above Bayes", 0.01, False),
    Goal("agent", "test mean return", 0.95),
    Goal("agent", "test mean return", 0.95, options=("--of", "cards")),
    Goal("agent", "test mean return", 0.05, False, ("--memory", "no")),
)  # fmt: skip


__all__ = ["GOALS", "Goal"]
