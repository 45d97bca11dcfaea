"""Who may see a partner's figures, as its owners and staff type it: what their pages share."""

from portal.forms import LONGEST_EMAIL, ChoiceField, EmailField, PortalForm
from portal.i18n import LANGUAGES, gettext
from portal.signin.accounts import PartnerRole, Person


class PersonForm(PortalForm):
    email = EmailField(ask="Enter an e-mail address", longest=LONGEST_EMAIL)
    role = ChoiceField(ask="Choose what they may do")
    locale = ChoiceField(ask="Choose the language of their messages")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.role.options = tuple(PartnerRole)
        self.locale.options = LANGUAGES

    def to_person(self) -> Person:
        """Who is to be let in, by a form that is right."""
        return Person(self.email.data, PartnerRole(self.role.data), self.locale.data)


def name_role(role: PartnerRole) -> str:
    return gettext("Owner") if role is PartnerRole.OWNER else gettext("Viewer")


def list_roles() -> list[tuple[str, str]]:
    """What to choose from."""
    return [(role.value, name_role(role)) for role in PartnerRole]


def say_last_owner() -> str:
    return gettext("This is the last owner. Make someone else an owner first.")
