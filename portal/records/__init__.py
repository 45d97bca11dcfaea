"""Finding gifts, listing them, handing them out: no page, no Flask."""
