"""The name under which this library is installed: ``recur`` is another's there."""

NAME = "recur-jax"


def install(extra: str) -> str:
    """Writes the command that installs an extra.

    Example:
      >>> install("flax")
      'pip install "recur-jax[flax]"'
    """
    return f'pip install "{NAME}[{extra}]"'
