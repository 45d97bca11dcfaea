"""Forms: what people type, cleaned and checked, with errors that say what to do.

The pattern is GOV.UK's: checked on submit by the server, everything typed is kept, one
sentence a field, built from a noun ("Enter your first name"). Templates draw the fields;
the classes here only read and judge.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from babel.numbers import format_decimal
from email_validator import EmailNotValidError, validate_email
from wtforms import BooleanField, Field, Form, StringField
from wtforms.validators import StopValidation

from portal.i18n import DEFAULT_LOCALE, current_locale, gettext
from portal.money import AmountError, Money, exponent, parse_amount
from portal.plain import clean_line, shows_letter

OTHER = "other"
SEND_BUTTON = "send"
# For an address whose letters before the @ the mail server has no way to write.
UNREACHABLE = (
    "Our mail server can’t write to an address with such letters before the @: enter another one"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One line of the error summary: the id of the field it leads to, and the sentence."""

    field_id: str
    sentence: str


class PortalForm(Form):  # type: ignore[misc]  # WTForms carries no types
    """A form whose fields are drawn by templates and whose errors make a summary."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The summary: what the whole form suffers from, then each field's first error."""
        return (
            *(Problem(SEND_BUTTON, sentence) for sentence in self.form_errors),
            *(
                Problem(getattr(field, "anchor", field.id), field.errors[0])
                for field in self
                if field.errors
            ),
        )

    def refuse(self, name: str, sentence: str) -> None:
        """Add an error that only the whole form can know to the field `name`."""
        self[name].errors = [*self[name].errors, sentence]


class LineField(StringField):  # type: ignore[misc]  # WTForms carries no types
    """One line of text. `ask` is the sentence for an empty one; without it, it is optional.

    One that is asked for has a letter or a digit. `longest` is the column's width, in characters.
    """

    data: str

    def __init__(self, *args: Any, ask: str = "", longest: int = 100, **kwargs: Any) -> None:
        super().__init__(*args, filters=(clean_line,), **kwargs)
        self.ask = ask
        self.longest = longest

    def pre_validate(self, form: Form) -> None:
        if not self.data and self.ask:
            raise StopValidation(gettext(self.ask))
        if self.ask and not shows_letter(self.data):
            raise StopValidation(gettext("Use letters or figures here, not symbols alone"))
        if len(self.data) > self.longest:
            raise StopValidation(
                gettext("Shorten this to %(number)s characters or fewer", number=self.longest)
            )


# RFC 5321 4.5.3.1.3, less the brackets around it.
LONGEST_EMAIL = 254


class EmailField(LineField):
    """An e-mail address, kept as typed but for spaces and the form of its domain."""

    def pre_validate(self, form: Form) -> None:
        super().pre_validate(form)
        try:
            self.data = validate_email(self.data, check_deliverability=False).normalized
        except EmailNotValidError:
            raise StopValidation(
                gettext("Enter an e-mail address in full, like name@example.org")
            ) from None


class ChoiceField(StringField):  # type: ignore[misc]  # WTForms carries no types
    """One value of `options`, set by the form; the first error sentence is for no choice."""

    def __init__(self, *args: Any, ask: str, **kwargs: Any) -> None:
        super().__init__(*args, filters=(clean_line,), **kwargs)
        self.ask = ask
        self.options: Collection[str] = ()
        self.anchor = self.id

    def pre_validate(self, form: Form) -> None:
        if self.data not in self.options:
            raise StopValidation(gettext(self.ask))


class TickField(BooleanField):  # type: ignore[misc]  # WTForms carries no types
    """A box that is ticked or not; not being sent means not."""


class AmountField(Field):  # type: ignore[misc]  # WTForms carries no types
    """An amount from cards with set sums and a box for one's own, all of the same name.

    Cards send a plain amount or `other`; the box comes after them. What was typed wins
    over a card, because it can't be there by accident. `data` is Money once it was read,
    `chosen` the card and `typed` the text of the box, both as sent.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = ""
        self.cards: Collection[str] = ()
        self.sent: tuple[str, ...] = ()
        self.anchor = f"{self.id}-own"

    def process_formdata(self, valuelist: list[str]) -> None:
        self.sent = tuple(value.strip() for value in valuelist)

    @property
    def text(self) -> str:
        """What counts of all that was sent."""
        meant = [value for value in self.sent if value and value != OTHER]
        return meant[-1] if meant else ""

    @property
    def chosen(self) -> str:
        """The card that is to look chosen: a set sum, `other`, or none."""
        if self.text in self.cards:
            return self.text
        return OTHER if self.text or OTHER in self.sent else ""

    @property
    def typed(self) -> str:
        """What the box is to show."""
        return "" if self.text in self.cards else self.text

    def read(self, currency: str) -> Money:
        """The amount, or `AmountError`; a card's sum has a point whatever the locale."""
        locale = DEFAULT_LOCALE if self.text in self.cards else current_locale()
        return parse_amount(self.text, currency, locale)

    def pre_validate(self, form: Form) -> None:
        try:
            self.data = self.read(self.currency)
        except AmountError as error:
            raise StopValidation(explain_amount(error, self.currency)) from None


def _ask_amount(_currency: str) -> str:
    return gettext("Enter an amount to give")


def _ask_figures(currency: str) -> str:
    return gettext("Enter the amount in figures only, like %(example)s", example=_example(currency))


def _ask_positive(_currency: str) -> str:
    return gettext("Enter an amount of more than zero")


def _ask_decimals(currency: str) -> str:
    if exponent(currency) == 0:
        return gettext(
            "Enter a whole amount, like %(example)s: %(currency)s has no decimals",
            example=_example(currency),
            currency=currency,
        )
    return gettext(
        "Enter the amount with no more than %(number)s decimals, like %(example)s",
        number=exponent(currency),
        example=_example(currency),
    )


def _ask_smaller(_currency: str) -> str:
    return gettext("Enter a smaller amount: this is more than can be given online")


AMOUNT_SENTENCES: dict[str, Callable[[str], str]] = {
    AmountError.EMPTY: _ask_amount,
    AmountError.UNCLEAR: _ask_figures,
    AmountError.NEGATIVE: _ask_positive,
    AmountError.DECIMALS: _ask_decimals,
    AmountError.TOO_LARGE: _ask_smaller,
}


def explain_amount(error: AmountError, currency: str) -> str:
    """What to do about text that is no amount of `currency`, in the current language."""
    return AMOUNT_SENTENCES[error.reason](currency)


def _example(currency: str) -> str:
    """An amount as people here would type it: 75.50, 75,50, or 7550."""
    digits = exponent(currency)
    number = 7550 if digits == 0 else 75.5
    pattern = "0" if digits == 0 else f"0.{'0' * digits}"
    return str(format_decimal(number, format=pattern, locale=current_locale()))
