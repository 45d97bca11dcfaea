"""A small IMAP server over TLS: one folder, read as the portal's reader asks, remembering what."""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

USER = 'clerk "gifts"'
PASSWORD = "a password of tests"


@dataclass
class ImapFolder:
    """Mails by UID, the folder's UIDVALIDITY, and every command that came."""

    mails: dict[int, bytes]
    validity: int = 7
    breaks_off_at: str = ""
    commands: list[str] = field(default_factory=list)


def quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Session:
    """One client's connection."""

    def __init__(self, stream: ssl.SSLSocket, folder: ImapFolder) -> None:
        self.lines = stream.makefile("rb")
        self.stream = stream
        self.folder = folder

    def send(self, text: str) -> None:
        self.stream.sendall(text.encode() + b"\r\n")

    def serve(self) -> None:
        self.send("* OK ready")
        with self.lines:
            self.answer_all()

    def answer_all(self) -> None:
        for line in self.lines:
            tag, _, command = line.decode().rstrip("\r\n").partition(" ")
            self.folder.commands.append(command)
            if self.folder.breaks_off_at and self.folder.breaks_off_at in command:
                return
            self.answer(tag, command)

    def answer(self, tag: str, command: str) -> None:
        name = command.split(maxsplit=1)[0].upper()
        if name == "CAPABILITY":
            self.send("* CAPABILITY IMAP4rev1")
        elif name == "LOGIN" and command != f"LOGIN {quoted(USER)} {quoted(PASSWORD)}":
            self.send(f"{tag} NO no such user {command}")
            return
        elif name == "EXAMINE":
            if command != 'EXAMINE "INBOX"':
                self.send(f"{tag} NO no such folder")
                return
            self.send(f"* {len(self.folder.mails)} EXISTS")
            self.send(f"* OK [UIDVALIDITY {self.folder.validity}] valid")
        elif name == "UID":
            self.answer_uid(command)
        self.send(f"{tag} OK done")

    def answer_uid(self, command: str) -> None:
        uids = sorted(self.folder.mails)
        searched = re.match(r"UID SEARCH UID (\d+):\*", command)
        if searched:
            # As RFC 3501 has it, `n:*` always names the newest mail too.
            found = [uid for uid in uids if uid >= int(searched[1])] or uids[-1:]
            self.send("* SEARCH " + " ".join(map(str, found)))
            return
        fetched = re.match(r"UID FETCH (\d+) \((.*)\)", command)
        assert fetched
        # Servers may speak of other mails in between: that is not what was asked for.
        self.tell(999, b"another mail", fetched[2])
        self.tell(int(fetched[1]), self.folder.mails[int(fetched[1])], fetched[2])

    def tell(self, uid: int, mail: bytes, what: str) -> None:
        if what == "RFC822.SIZE":
            self.send(f"* 1 FETCH (UID {uid} RFC822.SIZE {len(mail)})")
        else:
            self.stream.sendall(f"* 1 FETCH (UID {uid} BODY[] {{{len(mail)}}}\r\n".encode())
            self.stream.sendall(mail + b")\r\n")


@contextmanager
def serving(folder: ImapFolder, tls: ssl.SSLContext) -> Iterator[int]:
    """Serve the folder to one client after another; gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), plain, tls.wrap_socket(plain, server_side=True) as stream:
                Session(stream, folder).serve()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)
