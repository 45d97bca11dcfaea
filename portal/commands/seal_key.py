"""`portal receipts key`: the key that seals documents, made, brought and looked at."""

import contextlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from portal.settings import Settings, load_settings

if TYPE_CHECKING:
    from portal.commands.doctor_outside import Finding
    from portal.receipts.seal_key import SealKey


@click.group()
def key() -> None:
    """The key that seals documents (PORTAL_SEAL_KEY)."""


@key.command("make")
@click.option("--name", default="", help="Whom the certificate names; else the site's host.")
@click.option("--replace", is_flag=True, help="Put one that is there aside.")
def key_make(name: str, *, replace: bool) -> None:
    """Make a key, and a certificate by which it vouches for itself, for ten years.

    What was sealed before stays as it is. Every machine needs the same key: copy the file.

    \b
    Example:
      portal receipts key make --name "Sample Ministries Canada"
    """
    settings = load_settings()
    _keep(settings, _make(settings, name), replace=replace)


@key.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--password", envvar="PORTAL_NEW_PASSWORD", default=None, hidden=True)
@click.option("--replace", is_flag=True, help="Put one that is there aside.")
def key_import(file: Path, password: str | None, *, replace: bool) -> None:
    """Bring a key of your own as PKCS#12, such as an authority's seal for organisations.

    The password is asked for, or read from PORTAL_NEW_PASSWORD; it isn't kept.

    \b
    Example:
      portal receipts key import seal.p12
    """
    from portal.receipts.seal_key import SealUnusable, read_pkcs12

    if password is None:
        password = click.prompt("Password of the file", hide_input=True, default="")
    try:
        found = read_pkcs12(file.read_bytes(), password)
    except SealUnusable as error:
        raise click.ClickException(str(error)) from None
    _keep(load_settings(), found, replace=replace)


def _make(settings: Settings, name: str = "") -> "SealKey":
    from portal.clock import SystemClock
    from portal.receipts.seal_key import make_key

    return make_key(name or str(urlsplit(settings.base_url).hostname), SystemClock().now())


def _keep(settings: Settings, found: "SealKey", *, replace: bool) -> None:
    from portal.receipts.seal_key import put_aside, write_key

    path = settings.seal_path
    try:
        if replace:
            put_aside(path)
        write_key(path, found)
    except FileExistsError:
        raise click.ClickException(
            f"{path} is there already: use it, or say --replace to put it aside."
        ) from None
    except OSError as error:
        raise click.ClickException(
            f"{path} can’t be written ({type(error).__name__}): look at PORTAL_SEAL_KEY."
        ) from None
    click.echo(f"{path}: documents are sealed as {found.name} until {found.ends_at:%Y-%m-%d}.")


def ensure_key(settings: Settings) -> None:
    """Make the key of an installation that has none; not where it would be one machine's alone."""
    from portal.receipts.seal_key import write_key

    is_ours = bool(settings.seal_key or settings.sqlite_path)
    if is_ours and not settings.seal_path.exists():
        with contextlib.suppress(FileExistsError):
            write_key(settings.seal_path, _make(settings))


# So long before its certificate ends.
RENEW_SEAL = timedelta(days=60)
OTHERS_MAY = 0o077


def examine_seal(settings: Settings) -> "Finding":
    """Whether documents are sealed, by whom and until when, and who could read the key."""
    from portal.clock import SystemClock
    from portal.commands.doctor_outside import Finding
    from portal.receipts.seal_key import SealUnusable, read_key

    path = settings.seal_path
    if not path.exists():
        text = f"documents are not sealed: no key at {path}; portal receipts key make"
        return Finding("seal", not settings.seal_key, text)
    try:
        key = read_key(path)
    except SealUnusable as error:
        return Finding("seal", False, str(error))
    if path.stat().st_mode & OTHERS_MAY:
        return Finding("seal", False, f"others may read {path}: chmod 600 {path}")
    left = key.ends_at - SystemClock().now()
    text = f"as {key.name}, until {key.ends_at:%Y-%m-%d}"
    if left < RENEW_SEAL:
        return Finding("seal", False, f"{text}: make or bring another key with --replace")
    return Finding("seal", True, text)
