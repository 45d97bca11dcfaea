"""Signing in by a mailed link: the pages of it, alike in every area that has them.

An area registers them on its blueprint, and says who has an address and how whom a link is for
comes in. What the pages say beside their heading is the same everywhere (`templates/mailed_links`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from portal.forms import LONGEST_EMAIL, EmailField, LineField, PortalForm
from portal.i18n import gettext
from portal.signin.accounts import WINDOW_MINUTES, TooManyTries
from portal.signin.links import LIFE, Asking, FindOwner, Shown, ask_for_link, use_link
from portal.web import client_key, services

# The cookie's name for the secret of the browser that asked.
ASKED = "asked"
RULES = (
    ("/sign-in", "sign_in", "send_sign_in"),
    ("/sign-in/code", "code", "send_code"),
    ("/sign-in/<token>", "link", "send_link"),
)


class SignInForm(PortalForm):
    email = EmailField(ask="Enter your e-mail address", longest=LONGEST_EMAIL)


class CodeForm(PortalForm):
    code = LineField(ask="Enter the code from the message", longest=40)


def too_many() -> str:
    """That links or tries are used up for a while."""
    return gettext(
        "Too many tries for this address or from your network: wait %(minutes)s minutes, then "
        "try again.",
        minutes=WINDOW_MINUTES,
    )


def invalid() -> str:
    """That a link or a code lets nobody in."""
    return gettext(
        "This link or code doesn’t work any more: it was used, is older than %(minutes)s minutes, "
        "or is not whole. Ask for a new one.",
        minutes=minutes(),
    )


def minutes() -> int:
    """How long links and codes work."""
    return int(LIFE.total_seconds() // 60)


def ask(area: str, email: str, find_owner: FindOwner) -> None:
    """Promise a link to an address, which is then bound to this browser; or `TooManyTries`."""
    asking = Asking(area, email, client_key(), session.get(ASKED, ""))
    session[ASKED] = ask_for_link(services(), asking, find_owner)


def show(*, token: str = "", code: str = "") -> Shown:
    """What this browser shows of a link."""
    return Shown(token=token, browser=session.get(ASKED, ""), code=code, network=client_key())


def use(area: str, form: PortalForm, shown: Shown) -> tuple[int | None, int]:
    """Whom a link is for, with the answer's status; where it is for nobody, the form says so."""
    try:
        found = use_link(services(), area, shown)
    except TooManyTries:
        form.refuse("code", too_many())
        return None, 429
    if found is None:
        form.refuse("code", invalid())
    return found, 303 if found is not None else 422


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPages:
    """An area's pages for signing in.

    `home` is the endpoint people come in by, `welcome` the heading; `find_owner` says whose an
    address is, `begin` lets the owner of a used link in, or not any more, and `is_in` whether
    somebody is.
    """

    area: str
    home: str
    welcome: Callable[[], str]
    find_owner: FindOwner
    begin: Callable[[int], bool]
    is_in: Callable[[], bool]

    @property
    def endpoints(self) -> frozenset[str]:
        """The pages that are open to all."""
        return frozenset(f"{self.area}.{name}" for _, *names in RULES for name in names)

    def register(self, blueprint: Blueprint) -> None:
        for rule, looking, sending in RULES:
            blueprint.get(rule, endpoint=looking)(getattr(self, looking))
            blueprint.post(rule, endpoint=sending)(getattr(self, sending))

    def sign_in(self) -> ResponseReturnValue:
        return self._lead_in() if self.is_in() else self._show("sign_in", SignInForm(), 200)

    def send_sign_in(self) -> ResponseReturnValue:
        """The same answer, rows and work for an address that is known and for one that isn't."""
        form = SignInForm(request.form)
        if not form.validate():
            return self._show("sign_in", form, 422)
        try:
            ask(self.area, form.email.data, self.find_owner)
        except TooManyTries:
            form.refuse("email", too_many())
            return self._show("sign_in", form, 429)
        return redirect(url_for(f"{self.area}.code"), 303)

    def code(self) -> ResponseReturnValue:
        return self._show("code", CodeForm(), 200)

    def send_code(self) -> ResponseReturnValue:
        """The browser that asked, and the code from the letter."""
        form = CodeForm(request.form)
        status = self._come_in(form, show(code=form.code.data)) if form.validate() else 422
        return self._lead_in() if status == 303 else self._show("code", form, status)

    def link(self, token: str) -> ResponseReturnValue:
        """A page with a button: mail servers and previews look at links, and use none up."""
        return self._show("link", CodeForm(), 200, token)

    def send_link(self, token: str) -> ResponseReturnValue:
        """The link, and the browser that asked or else the code beside the link."""
        form = CodeForm(request.form)
        status = 422
        if ASKED in session or form.validate():
            status = self._come_in(form, show(token=token, code=form.code.data or ""))
        return self._lead_in() if status == 303 else self._show("link", form, status, token)

    def _come_in(self, form: PortalForm, shown: Shown) -> int:
        """The status of the answer: 303 for who is in now, else the form says why not."""
        owner_id, status = use(self.area, form, shown)
        if owner_id is None or self.begin(owner_id):
            return status
        form.refuse("code", invalid())
        return 422

    def _lead_in(self) -> ResponseReturnValue:
        return redirect(url_for(self.home), 303)

    def _show(
        self, name: str, form: PortalForm, status: int, token: str = ""
    ) -> ResponseReturnValue:
        page = render_template(
            f"mailed_links/{name}.html",
            area=self.area,
            form=form,
            welcome=self.welcome(),
            minutes=minutes(),
            token_text=token,
            # Another link than the browser's own leads here too, so the code can be typed.
            has_asked=ASKED in session and not form.problems,
        )
        return page, status
