"""Mails as servers and people send them back: reports of every kind, and what is none."""

OURS = "portal.example"


def report(
    *,
    named: str = f"receipt-1@{OURS}",
    recipient: str = "rfc822; zoe@example.org",
    action: str = "failed",
    status: str = "5.1.1",
    diagnosis: str = "smtp; 550 5.1.1 No such user here",
    text: str = "Your message could not be delivered.",
    subject: str = "Undelivered Mail Returned to Sender",
    number: str = "1",
    whole: bool = True,
) -> bytes:
    """RFC 3464's, with the letter that came back or its head alone."""
    kind = "message/rfc822" if whole else "text/rfc822-headers"
    return (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.org (Mail Delivery System)\r\n"
        f"To: giving@{OURS}\r\nSubject: {subject}\r\nMessage-ID: <{number}@mx.example.org>\r\n"
        "Date: Mon, 23 Nov 2026 11:58:00 +0000\r\nAuto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.example.org\r\n\r\n"
        f"Final-Recipient: {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: {diagnosis}\r\n\r\n"
        f"--b\r\nContent-Type: {kind}\r\n\r\nMessage-ID: <{named}>\r\nSubject: Receipt\r\n\r\n"
        + ("Thank you.\r\n" if whole else "")
        + "--b--\r\n"
    ).encode()


def without(raw: bytes, part: bytes) -> bytes:
    """A report of which one part is missing."""
    head, *parts = raw.split(b"--b\r\n")
    return b"--b\r\n".join([head, *(one for one in parts if part not in one)])


EXIM = (
    b"Return-Path: <>\r\nFrom: Mail Delivery System <Mailer-Daemon@exim.example.org>\r\n"
    b"X-Failed-Recipients: zoe@example.org\r\nSubject: Mail delivery failed\r\n\r\n"
    b"zoe@example.org\r\n    all relevant MX records point to non-existent hosts\r\n\r\n"
    b"------ This is a copy of the message ------\r\n\r\nMessage-ID: <receipt-1@%b>\r\n"
    % OURS.encode()
)
AWAY = (
    b"From: Zoe <zoe@example.org>\r\nSubject: Out of office: 5.1.1 is my office\r\n"
    b"Auto-Submitted: auto-replied\r\nIn-Reply-To: <receipt-1@%b>\r\nMessage-ID: <a@x>\r\n\r\n"
    b"I am away until Monday. Your mail was not delivered to anybody else. Action: failed\r\n"
    % OURS.encode()
)
# A person forwards a report that they got themself.
FORWARDED = (
    b"From: Ada <ada@example.org>\r\nSubject: Fwd: Undelivered\r\nMessage-ID: <f@x>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="m"\r\n\r\n'
    b"--m\r\nContent-Type: text/plain\r\n\r\nWhat is this?\r\n"
    b"--m\r\nContent-Type: message/rfc822\r\n\r\n" + report(named="x@y") + b"\r\n--m--\r\n"
)
