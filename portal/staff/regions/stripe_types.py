"""Stripe's payment method types as boxes to tick; what has none yet is typed.

Names are those that the API takes in `allowed_payment_method_types` and
`excluded_payment_method_types`; labels are the brands' own.
"""

from portal.forms import TickField
from portal.staff.regions.parts import Context, Fields, ListPart, Sent, WordsField, split_words

LONGEST_LIST = 300
TYPES = {
    "card": "Card",
    "link": "Link",
    "paypal": "PayPal",
    "cashapp": "Cash App Pay",
    "amazon_pay": "Amazon Pay",
    "revolut_pay": "Revolut Pay",
    "acss_debit": "Pre-authorized debit (Canada)",
    "us_bank_account": "Bank account (United States)",
    "sepa_debit": "SEPA debit",
    "bacs_debit": "Bacs debit",
    "au_becs_debit": "BECS debit (Australia)",
    "nz_bank_account": "Bank account (New Zealand)",
    "pay_by_bank": "Pay by Bank",
    "ideal": "iDEAL",
    "bancontact": "Bancontact",
    "eps": "EPS",
    "twint": "TWINT",
    "blik": "BLIK",
    "p24": "Przelewy24",
    "multibanco": "Multibanco",
    "alipay": "Alipay",
    "wechat_pay": "WeChat Pay",
    "kakao_pay": "Kakao Pay",
    "naver_pay": "Naver Pay",
    "konbini": "Konbini",
}


class TypesPart(ListPart):
    """A box for each type that is known, and a line for further ones, in the document's order."""

    def fields(self, context: Context) -> Fields:
        said = self._listed(context)
        boxes: Fields = {f"{self.name}_{one}": (TickField(), one in said) for one in TYPES}
        further = ", ".join(one for one in said if one not in TYPES)
        return {**boxes, f"{self.name}_more": (WordsField(longest=LONGEST_LIST), further)}

    def read(self, form: Sent, context: Context) -> object:
        said = self._listed(context)
        ticked = [one for one in TYPES if form[f"{self.name}_{one}"].data]
        wanted = [*ticked, *split_words(form[f"{self.name}_more"].data)]
        kept = [one for one in said if one in wanted]
        return self.say(list(dict.fromkeys([*kept, *wanted])), context)

    def field_at(self, below: str) -> str:
        return f"{self.name}_more"

    def _listed(self, context: Context) -> list[str]:
        return [str(one) for one in context.document.get(self.name) or ()]
