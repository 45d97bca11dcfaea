"""Speed against references of the same run: `python -m tests.benchmarks [name ...]`."""
