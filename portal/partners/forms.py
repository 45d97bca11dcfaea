"""The partners' forms. Their CSRF token is checked before any of them is read."""

from portal.forms import ChoiceField, EmailField, LineField, PortalForm
from portal.i18n import LANGUAGES
from portal.signin.partner_users import PartnerRole

LONGEST_EMAIL = 254


class SignInForm(PortalForm):
    email = EmailField(ask="Enter your e-mail address", longest=LONGEST_EMAIL)


class CodeForm(PortalForm):
    code = LineField(ask="Enter the code from the message", longest=40)


class PersonForm(PortalForm):
    email = EmailField(ask="Enter an e-mail address", longest=LONGEST_EMAIL)
    role = ChoiceField(ask="Choose what they may do")
    locale = ChoiceField(ask="Choose the language of their messages")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.role.options = tuple(PartnerRole)
        self.locale.options = LANGUAGES
