"""An archive of files that proves itself: a tar.gz whose manifest has each file's SHA-256."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
FORMAT = 1


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
