"""Benchmarks of rolls: this library beside its peers, each beside the machine's limit.

Run ``python -m benchmarks`` for a first look of about a minute, and
``python -m benchmarks --help`` for the rest. What is measured, and how, is in
``NOTES.md``; the fields of a result are in ``schema.json``.

Floors, imports running downwards only: ``commands``, ``running``, ``report``,
``suites``, ``peers``, ``measure``, ``workload``.
"""
