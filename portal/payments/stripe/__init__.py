"""Stripe's wing: asking it, hearing it, and what its objects mean for a gift."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast


@contextmanager
def _without(name: str) -> Iterator[None]:
    """Hide a package for as long as another one looks for it."""
    kept = sys.modules.get(name)
    sys.modules[name] = cast(Any, None)
    try:
        yield
    finally:
        del sys.modules[name]
        if kept is not None:
            sys.modules[name] = kept


# The SDK loads the first asynchronous client that it finds, a tenth of a start; we use none.
with _without("aiohttp"):
    import stripe  # noqa: F401
