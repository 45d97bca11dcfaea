"""The `portal` command, also as `python -m portal`."""

import gc


def run() -> None:
    """Load the commands and run the one that is asked for.

    What is loaded stays, so none of it is looked through for garbage: that was a fifth of a start.
    """
    gc.disable()
    from portal.cli import main  # noqa: PLC0415 - the collector rests from before it is loaded

    gc.freeze()
    gc.enable()
    main()


if __name__ == "__main__":
    run()
