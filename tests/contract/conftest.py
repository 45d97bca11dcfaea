"""The sandbox's own fixtures, for walking what it says."""

from tests.sandbox.conftest import client, process, receiver, sandbox

__all__ = ["client", "process", "receiver", "sandbox"]
