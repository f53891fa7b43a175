"""Logistic regression on counts of n-grams: the floor of every text classifier."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np


def bag_of_ngrams(
    train: Sequence[str],
    labels: np.ndarray,
    test: Sequence[str],
    truth: np.ndarray,
    *,
    analyzer: Literal["word", "char"],
    longest: int = 3,
) -> float:
    """Percent right of a linear classifier that knows no order beyond n-grams.

    Args:
      train: Texts to fit.
      labels: Their classes.
      test: Texts to classify.
      truth: Their classes.
      analyzer: Of what the n-grams are.
      longest: Largest ``n``.

    Returns:
      Percent of ``test`` that is right.

    Example:
      >>> bag_of_ngrams(["good"] * 3 + ["bad"] * 3, np.array([1, 1, 1, 0, 0, 0]),
      ...               ["good one", "bad one"], np.array([1, 0]), analyzer="word")
      100.0
    """
    model = fit_bag(train, labels, analyzer=analyzer, longest=longest)
    return percent_right(model, test, truth)


def fit_bag(
    train: Sequence[str],
    labels: np.ndarray,
    *,
    analyzer: Literal["word", "char"],
    longest: int = 3,
) -> Any:
    """Fits the classifier of :func:`bag_of_ngrams`, to measure it on several parts.

    Example:
      >>> model = fit_bag(["good", "bad"], np.array([1, 0]), analyzer="word")
      >>> percent_right(model, ["bad"], np.array([0]))
      100.0
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(
        analyzer=analyzer, ngram_range=(1, longest), sublinear_tf=True
    )
    model = make_pipeline(words, LogisticRegression(C=10, max_iter=1000))
    return model.fit(list(train), labels)


def percent_right(model: Any, test: Any, truth: np.ndarray) -> float:
    """Percent of ``test`` that a classifier of scikit-learn has right.

    Example:
      >>> model = fit_bag(["good", "bad"], np.array([1, 0]), analyzer="word")
      >>> percent_right(model, ["bad", "bad"], np.array([0, 1]))
      50.0
    """
    return 100 * float(np.mean(model.predict(test) == truth))


def by_place(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, truth: np.ndarray
) -> float:
    """Percent right of a linear classifier that weighs the symbol at each place.

    Args:
      train: Symbols to fit, ``[N, T]``.
      labels: Their classes, ``[N]``.
      test: Symbols to classify, ``[M, T]``.
      truth: Their classes, ``[M]``.

    Returns:
      Percent of ``test`` that is right.

    Example:
      >>> symbols = np.array([[0, 1], [0, 2], [1, 1], [1, 2]])
      >>> by_place(symbols, symbols[:, 0], symbols, symbols[:, 0])
      100.0
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    ones = OneHotEncoder(handle_unknown="ignore")
    model = make_pipeline(ones, LogisticRegression(max_iter=1000))
    return percent_right(model.fit(train, labels), test, truth)


__all__ = ["bag_of_ngrams", "by_place", "fit_bag", "percent_right"]
