"""A name server on this machine, for what the doctor asks."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset

# Among the records of a server that knows nothing but them.
PRIVATE = "private"
Records = Mapping[str, list[str]]


@contextmanager
def running_dns(records: Records, refuses: frozenset[str] = frozenset()) -> Iterator[str]:
    """Answer for these names' TXT records alone, and with SERVFAIL for others; its address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_serve, args=(server, records, refuses), daemon=True)
        thread.start()
        host, port = server.getsockname()
        yield f"{host}:{port}"
        server.sendto(b"", server.getsockname())
        thread.join()


def _serve(server: socket.socket, records: Records, refuses: frozenset[str]) -> None:
    while asked := server.recvfrom(4096):
        wire, sender = asked
        if not wire:
            return
        server.sendto(_answer(dns.message.from_wire(wire), records, refuses), sender)


def _answer(query: dns.message.Message, records: Records, refuses: frozenset[str]) -> bytes:
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.RA
    name = query.question[0].name
    texts = records.get(name.to_text(omit_final_dot=True))
    if name == dns.name.root and PRIVATE not in records:
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "NS", "a.root-servers.net."))
    elif name.to_text(omit_final_dot=True) in refuses:
        answer.set_rcode(dns.rcode.SERVFAIL)
    elif texts is None:
        answer.set_rcode(dns.rcode.NXDOMAIN)
    for text in texts or ():
        quoted = " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", quoted))
    return answer.to_wire()
