"""The staff's forms. Their CSRF token is checked before any of them is read."""

import re
import secrets
from collections.abc import Mapping
from typing import Any

from wtforms import Form, HiddenField, StringField
from wtforms.validators import StopValidation

from portal.forms import (
    AmountField,
    ChoiceField,
    EmailField,
    LineField,
    PortalForm,
)
from portal.i18n import gettext
from portal.plain import clean_line
from portal.signin.accounts import Role
from portal.signin.sessions import LONGEST

LONGEST_REASON = 300


def read_reason(sent: Mapping[str, str]) -> str:
    """Why something is done, as a form beside a button says; empty where it doesn't."""
    return clean_line(sent.get("reason"))[:LONGEST_REASON]


def make_once() -> str:
    """A name for a form, so that sent twice it is acted on once."""
    return secrets.token_urlsafe(12)


def read_once(sent: Mapping[str, str]) -> str:
    """The name that came with a form; a new one where none did."""
    return re.sub(r"[^\w-]", "", sent.get("once", ""), flags=re.ASCII)[:24] or make_once()


class SecretField(StringField):  # type: ignore[misc]  # WTForms carries no types
    """A password, taken exactly as typed. `ask` is the sentence for an empty one."""

    def __init__(self, *args: Any, ask: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ask = ask
        self.longest = LONGEST

    def pre_validate(self, form: Form) -> None:
        if not self.data:
            raise StopValidation(gettext(self.ask))


class SignInForm(PortalForm):
    email = LineField(ask="Enter your e-mail address", longest=254)
    password = SecretField(ask="Enter your password")
    next = HiddenField()


class PasswordForm(PortalForm):
    current = SecretField(ask="Enter your current password")
    password = SecretField(ask="Enter a new password")


class UserForm(PortalForm):
    """A new account."""

    email = EmailField(ask="Enter an e-mail address", longest=254)
    name = LineField(ask="Enter a name", longest=120)
    role = ChoiceField(ask="Choose a role")
    password = SecretField(ask="Enter a first password")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.role.options = [role.value for role in Role]


class RoleForm(PortalForm):
    role = ChoiceField(ask="Choose a role")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.role.options = [role.value for role in Role]


class StopForm(PortalForm):
    """Why a monthly gift is ended by staff."""

    reason = LineField(ask="Enter a reason, for the gift’s history", longest=LONGEST_REASON)


class WithdrawForm(PortalForm):
    """Why a bank's file is withdrawn."""

    reason = LineField(ask="Enter a reason, for the audit log", longest=LONGEST_REASON)


class RefundForm(PortalForm):
    """How much, and why; `once` tells a second sending of the same form."""

    amount = AmountField()
    reason = LineField(ask="Enter a reason, for the gift’s history", longest=LONGEST_REASON)
    once = LineField(ask="Open this page again before you send it", longest=64)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.amount.currency = currency
        self.amount.anchor = "amount"
