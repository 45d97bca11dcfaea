"""`portal backup` and `portal restore`: database and proofs in one file that proves itself.

The database goes out by its own means, while the site is open: SQLite's online backup, and
PostgreSQL's `pg_dump`. The secret key and the other settings are not in it: they come from the
environment.

The archive is a tar.gz whose manifest has each file's SHA-256.
"""

import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from portal import __version__
from portal.clock import SystemClock
from portal.database import Database
from portal.services import add_entry
from portal.settings import Settings, load_settings

MANIFEST = "manifest.json"
FORMAT = 1
# What the audit log calls it, where the doctor looks.
BACKUP = "backup"


class ArchiveError(Exception):
    """The file is no archive of ours, or not whole; the text is a sentence."""


@contextmanager
def writing(path: Path, about: dict[str, Any]) -> Iterator["Writer"]:
    """A new archive that only its owner can read; it is there once it is whole, or not at all.

    Raises `FileExistsError` where there is one.
    """
    if path.exists():
        raise FileExistsError(path)
    part = path.with_name(f"{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz") as tar:
                writer = Writer(tar)
                yield writer
                writer.add_manifest(about)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


class Writer:
    """Adds files, and remembers their hashes for the manifest, which comes last."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._hashes: dict[str, str] = {}

    def add(self, source: Path, name: str) -> None:
        """A file under a name of its own; one that changes meanwhile is a fault."""
        with source.open("rb") as file:
            self._hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            info = self._tar.gettarinfo(arcname=name, fileobj=file)
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            self._tar.addfile(info, file)

    def add_manifest(self, about: dict[str, Any]) -> None:
        text = json.dumps({"format": FORMAT, **about, "files": self._hashes}, indent=1)
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(text.encode())
        self._tar.addfile(info, io.BytesIO(text.encode()))


def unpack(path: Path, folder: Path) -> dict[str, Any]:
    """Lay an archive's files into an empty folder; its manifest, once every hash was right.

    Raises `ArchiveError`.
    """
    try:
        with tarfile.open(path, "r:gz") as tar:
            tar.extractall(folder, filter="data")
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        files: dict[str, str] = manifest["files"]
    except (tarfile.TarError, OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise ArchiveError(f"{path.name} is no whole backup ({type(error).__name__}).") from error
    if manifest.get("format") != FORMAT:
        raise ArchiveError(f"{path.name} is of a newer release.")
    found = {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()} - {
        MANIFEST
    }
    if found != set(files):
        raise ArchiveError(f"{path.name} lacks files, or holds strange ones.")
    for name, digest in files.items():
        with (folder / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise ArchiveError(f"{name} in {path.name} was changed or damaged.")
    return manifest


UPLOADS = "uploads"
DUMPS = {"sqlite": "database.sqlite", "postgresql": "database.dump"}
# A line of them each is said after a restore.
COUNTED = ("gifts", "evidence", "ledger_entries", "receipts", "statement_lines")


class BackupFailed(click.ClickException):
    """One sentence for the operator."""


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Keep the database and the donors' proofs in FILE, while the site is open.

    FILE is a .tar.gz that only you can read. Settings are not in it: keep PORTAL_SECRET_KEY too.

    \b
    Example:
      portal backup ./portal-2026-11-27.tar.gz
    """
    settings = load_settings()
    database = Database(settings.database_url)
    about = {"portal": __version__, "engine": _engine(database), "at": _now()}
    try:
        with (
            tempfile.TemporaryDirectory(dir=file.parent) as folder,
            writing(file, about) as archive,
        ):
            archive.add(_dump(database, Path(folder)), DUMPS[_engine(database)])
            kept = _add_uploads(archive, settings.uploads_path)
    except FileExistsError:
        raise BackupFailed(f"{file} is there already.") from None
    except OSError as error:
        raise BackupFailed(f"{file} can't be written: {error.strerror}.") from None
    with database.write() as session:
        add_entry(session, "system", BACKUP, "installation", {}, now=SystemClock().now())
    click.echo(f"{file}: {file.stat().st_size:,} bytes, with {kept} proofs.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(file: Path) -> None:
    """Put a backup in the place of an installation that has no gifts yet, and prove its books.

    The database must be of the kind it was kept from, and empty; stop web and worker before.

    \b
    Example:
      portal restore ./portal-2026-11-27.tar.gz
    """
    settings = load_settings()
    database = Database(settings.database_url)
    _check_empty(database, settings)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            manifest = unpack(file, folder)
        except ArchiveError as error:
            raise BackupFailed(str(error)) from None
        _load(database, manifest, folder)
        if (folder / UPLOADS).is_dir():
            shutil.copytree(folder / UPLOADS, settings.uploads_path, dirs_exist_ok=True)
    database.close()
    _say_what_came(settings, manifest)


def _engine(database: Database) -> str:
    return "sqlite" if database.is_sqlite else "postgresql"


def _now() -> str:
    return SystemClock().now().isoformat(timespec="seconds")


def _dump(database: Database, folder: Path) -> Path:
    path = folder / DUMPS[_engine(database)]
    if not database.is_sqlite:
        _run_tool(database, "pg_dump", "--format=custom", "--no-owner", f"--file={path}")
        return path
    with database.reader.connect() as connection, closing(sqlite3.connect(path)) as copy:
        driver: Any = connection.connection.driver_connection
        driver.backup(copy, pages=2_000, sleep=0.01)
        if copy.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise BackupFailed("The database is damaged: SQLite’s own check failed.")
    return path


def _add_uploads(archive: Writer, folder: Path) -> int:
    """Every proof that was there after the database was kept: what it names is among them."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in paths:
        archive.add(path, f"{UPLOADS}/{path.relative_to(folder)}")
    return len(paths)


def _check_empty(database: Database, settings: Settings) -> None:
    uploads = settings.uploads_path
    if uploads.is_dir() and any(uploads.iterdir()):
        raise BackupFailed(f"{uploads} holds proofs; move it away first.")
    with database.reader.connect() as connection:
        tables = set(sa.inspect(connection).get_table_names())
        gifts = connection.scalar(sa.text("SELECT count(*) FROM gifts")) if "gifts" in tables else 0
    if gifts:
        raise BackupFailed(f"The database holds {gifts} gifts; restore into an empty one.")
    if tables and not database.is_sqlite:
        raise BackupFailed("The database has tables; restore into one that was just created.")


def _load(database: Database, manifest: dict[str, Any], folder: Path) -> None:
    engine = _engine(database)
    if manifest.get("engine") != engine:
        raise BackupFailed(f"The backup is of {manifest.get('engine')}, the database of {engine}.")
    path = folder / DUMPS[engine]
    if not database.is_sqlite:
        options = ("--no-owner", "--exit-on-error", "--single-transaction")
        _run_tool(database, "pg_restore", *options, str(path))
        return
    with database.writer.connect() as connection, closing(sqlite3.connect(path)) as kept:
        driver: Any = connection.connection.driver_connection
        driver.rollback()
        kept.backup(driver)


def _run_tool(database: Database, tool: str, *words: str) -> None:
    """One of PostgreSQL's own programs; no list of processes shows the password."""
    url = database.writer.url.set(drivername="postgresql")
    secret = {"PGPASSWORD": str(url.password)} if url.password else {}
    address = url.set(password=None).render_as_string()
    try:
        ran = subprocess.run(
            [tool, f"--dbname={address}", *words],
            env={**os.environ, **secret},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise BackupFailed(f"{tool} is not installed: it comes with PostgreSQL’s client.") from None
    if ran.returncode:
        raise BackupFailed(f"{tool} failed: {' '.join(ran.stderr.split())[:500]}")


def _say_what_came(settings: Settings, manifest: dict[str, Any]) -> None:
    """The tables brought up to this release, counted, and the books proven."""
    from portal.commands.installation import prepare
    from portal.payments.books import prove
    from portal.receipts.gaps import list_last_numbers

    prepare(settings)
    database = Database(settings.database_url)
    with database.read() as session:
        for table in COUNTED:
            count = session.scalar(sa.select(sa.func.count()).select_from(sa.table(table)))
            click.echo(f"{table}: {count:,}")
        problems = prove(session)
        series = [(one.issuer, one.label) for one in list_last_numbers(session)]
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    click.echo(f"The installation of {manifest['at']} is back, and its books add up.")
    for issuer, label in series:
        click.echo(f"The last receipt of {issuer} in it is {label}.")
    if series:
        click.echo(
            "If later ones went out, let none be numbered twice before you open: "
            "portal receipts skip NUMBER --issuer ISSUER --why TEXT"
        )
