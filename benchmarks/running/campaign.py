"""All cases of a run on all backends, kept as they are measured."""

from collections.abc import Callable, Mapping

import jax
from tqdm import tqdm

from benchmarks.measure.ceiling import Ceiling, measure_ceiling
from benchmarks.measure.device import Device
from benchmarks.peers.catalogue import CATALOGUE, OURS, Absent, load_peer
from benchmarks.peers.peer import Peer
from benchmarks.report.record import Run
from benchmarks.running.machine import environment, load
from benchmarks.running.options import Options
from benchmarks.running.reasons import plain_line
from benchmarks.running.rows import rows_of
from benchmarks.running.trial import Trial, conduct
from benchmarks.suites import cases
from benchmarks.workload.case import Case

Keep = Callable[[Run], None]


def run_campaign(options: Options, keep: Keep) -> Run:
    """Runs every suite on every backend against every peer that is here.

    Args:
      options: What is asked for.
      keep: Called with the record so far after every case.

    Returns:
      The record; marked as interrupted if the user stopped it.
    """
    record = Run({})
    peers = _present_peers(options, record)
    record.environment = environment(
        {"jax", "jaxlib", "numpy"}.union(*(CATALOGUE[p].distributions for p in peers)),
        list(options.arguments),
        precision=options.precision,
    )
    try:
        for backend in options.backends:
            _run_backend(options, backend, peers, record, keep)
    except KeyboardInterrupt:
        record.interrupted = True
    record.environment["load_end"] = load()
    keep(record)
    return record


def cases_of(options: Options) -> list[Case]:
    """Lists the cases of all suites asked for."""
    return [case for name in options.suites for case in cases(name, options.choice)]


def _present_peers(options: Options, record: Run) -> dict[str, Peer]:
    peers = {}
    for name in dict.fromkeys((OURS, *options.against)):
        try:
            peers[name] = load_peer(name)
        except Absent as absent:
            record.absent.append({"name": name, "reason": plain_line(str(absent))})
    return peers


def _run_backend(
    options: Options, backend: str, peers: Mapping[str, Peer], record: Run, keep: Keep
) -> None:
    try:
        device = jax.devices(backend)[0]
    except RuntimeError as error:
        record.absent.append({"name": backend, "reason": plain_line(str(error))})
        return
    if backend != "cpu" and options.precision == "highest":
        # Accelerators shorten float32 products unless told not to.
        jax.config.update("jax_default_matmul_precision", "highest")
    ceilings: dict[str, Ceiling] = {}
    with tqdm(cases_of(options), unit="case", disable=options.quiet) as bar:
        for case in bar:
            bar.set_description(f"{backend} {case.label} {case.shape}")
            notify = bar.set_postfix_str
            if case.dtype not in ceilings:
                notify("measuring the ceiling")
                ceilings[case.dtype] = _ceiling(options, device, case.dtype, record)
            _run_case(
                options, case, peers, device, ceilings[case.dtype], record, notify
            )
            keep(record)


def _run_case(
    options: Options,
    case: Case,
    peers: Mapping[str, Peer],
    device: Device,
    ceiling: Ceiling,
    record: Run,
    notify: Callable[[str], None],
) -> None:
    trial = Trial(case)
    try:
        conduct(trial, peers, device, options.budget, notify)
    finally:
        record.rows += rows_of(
            trial, ceiling, backend=device.platform, flags=options.flags
        )


def _ceiling(options: Options, device: Device, dtype: str, record: Run) -> Ceiling:
    with jax.enable_x64(dtype == "float64"):
        ceiling = measure_ceiling(device, dtype)
    copies = [{"bytes": n, "bytes_per_second": r} for n, r in ceiling.copies.items()]
    record.ceilings.append(
        {
            "backend": device.platform,
            "device": device.device_kind,
            "dtype": dtype,
            "flags": options.flags,
            "flops_per_second": ceiling.flops,
            "copies": copies,
        }
    )
    return ceiling
