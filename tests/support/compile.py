"""How the programs of tests are compiled: quickly, and each of them once."""

import os
from functools import cache, wraps
from tempfile import TemporaryDirectory

import jax
import pytest
from jax._src import compiler

get_compile_options = compiler.get_compile_options


@cache
def older_generators():
    """Options for older code generators, which take half the time, in one thread.

    Those that this version of the compiler has.
    """
    options = {"xla_cpu_use_fusion_emitters": False}
    options["xla_cpu_parallel_codegen_split_count"] = 1
    return [item for item in options.items() if _is_known(*item)]


def _is_known(name, value):
    try:
        jax.jit(lambda: 0).lower().compile(compiler_options={name: value})
    except jax.errors.JaxRuntimeError:
        return False
    return True


@wraps(get_compile_options)
def quick_compile_options(*args, **kwargs):
    """Adds options that jax has no setting for."""
    options = get_compile_options(*args, **kwargs)
    options.env_option_overrides = [*options.env_option_overrides, *older_generators()]
    return options


def optimise_little(little=True):
    """Compiles what comes from now on in a fifth of the time, or as ever."""
    older_generators()  # Asked of the compiler before it is told to use them.
    jax.config.update("jax_disable_most_optimizations", little)
    chosen = quick_compile_options if little else get_compile_options
    compiler.get_compile_options = chosen


@pytest.fixture
def as_users_compile():
    """Gives one test all optimisation.

    What tests compare is the same with little. Those that measure what the compiler
    does, or hold a program to the last bits, ask for this.
    """
    optimise_little(False)
    yield
    optimise_little()


@pytest.fixture
def as_users_fuse():
    """Leaves one test all passes over programs, for what is read of compiled ones.

    Of the machine code, which is not read, little is optimised.
    """
    compiler.get_compile_options = get_compile_options
    yield
    optimise_little()


@pytest.fixture
def quick_processes(monkeypatch):
    """Lets the processes that a test starts compile as quickly as tests do."""
    options = older_generators()
    switches = (f"--{name}={str(value).lower()}" for name, value in options)
    monkeypatch.setenv("XLA_FLAGS", " ".join(switches))
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")


def share_programs(config):
    """Lets all processes of a session find what one of them has compiled.

    The folder is a temporary one where ``JAX_COMPILATION_CACHE_DIR`` names none.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = TemporaryDirectory(prefix="recur-", ignore_cleanup_errors=True)
        config.add_cleanup(folder.cleanup)
        os.environ["JAX_COMPILATION_CACHE_DIR"] = folder.name
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    jax.config.update(
        "jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"]
    )
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


__all__ = ["as_users_compile", "as_users_fuse", "quick_processes"]
