"""A gift with the keyboard alone, by what a browser does with Tab, Space, arrows and Enter."""

from collections.abc import Callable

from tests.journeys.browser import Visitor
from tests.journeys.giving import Donor
from tests.journeys.letters import check_receipt, open_mail

MOST_STOPS = 60


def tab_to(visitor: Visitor, selector: str, *, back: bool = False) -> None:
    """Press Tab until the focus is there; each stop on the way must be visible."""
    target = visitor.page.locator(selector).first
    for _ in range(MOST_STOPS):
        visitor.page.keyboard.press("Shift+Tab" if back else "Tab")
        if target.evaluate("field => field === document.activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


def type_into(visitor: Visitor, **fields: str) -> None:
    for selector, text in fields.items():
        tab_to(visitor, f"#{selector}")
        visitor.page.keyboard.type(text)


def has_focus_ring(visitor: Visitor) -> bool:
    """Whether the focused thing, or what stands for it, is drawn differently."""
    return bool(
        visitor.page.evaluate(
            """() => {
                const focused = document.activeElement;
                const boxes = [focused, focused.closest("label"), focused.parentElement];
                return boxes.some(box => box && (getComputedStyle(box).outlineStyle !== "none"
                    || getComputedStyle(box).boxShadow !== "none"));
            }"""
        )
    )


def press_enter(visitor: Visitor) -> None:
    """On what has the focus, which leads to another page; look at that."""
    assert has_focus_ring(visitor)
    with visitor.page.expect_navigation():
        visitor.page.keyboard.press("Enter")
    visitor.look()


def test_gives_in_french_with_the_keyboard_alone_from_the_form_to_the_receipt(
    visit: Callable[..., Visitor], donor: Donor
) -> None:
    visitor = visit(locale="fr-CA")
    visitor.open("/c/LWCAN")
    fill_in(visitor, donor)
    tab_to(visitor, "#send")
    press_enter(visitor)
    type_into(visitor, card_number="4242424242424242", exp="12/40", cvc="123", name="A Eze")
    press_enter(visitor)
    assert visitor.heading() == "Merci, Adaeze"
    assert "Dont frais de traitement" in visitor.text()
    open_mail(visitor, donor)
    tab_to(visitor, ".text a[href*='/gift/']")
    press_enter(visitor)
    assert visitor.heading() == "Merci, Adaeze"
    tab_to(visitor, "a[href$='/receipt.pdf']")
    with visitor.page.expect_request("**/receipt.pdf") as asked:
        visitor.page.keyboard.press("Enter")
    receipt = visitor.fetch(asked.value.url)
    told = ("La présente confirme que", "Adaeze O’Brien-Tremblay", "78,07", "Carte")
    check_receipt(receipt, "fr", "Accusé de réception de votre don", *told)


def fill_in(visitor: Visitor, donor: Donor) -> None:
    """The form of Canada, by card and with the fee covered."""
    keys, fields = visitor.page.keyboard, donor.fields
    type_into(visitor, **{"amount-own": "75,50"})
    assert has_focus_ring(visitor)
    tab_to(visitor, "#mode-interac")
    assert has_focus_ring(visitor)
    keys.press("ArrowDown")
    assert visitor.page.locator("#mode-card").is_checked()
    tab_to(visitor, "#cover_fee", back=True)
    keys.press("Space")
    assert visitor.page.locator("#cover_fee").is_checked()
    about = ("first_name", "last_name", "email", "address_line1", "city", "postal_code")
    type_into(visitor, **{name: fields[name] for name in about})
    tab_to(visitor, "#province")
    keys.type("Qu")


def test_a_refused_form_puts_the_focus_on_what_is_wrong(visitor: Visitor) -> None:
    visitor.open("/give/ca")
    tab_to(visitor, "#send")
    visitor.expect_status(422)
    with visitor.page.expect_navigation():
        visitor.page.keyboard.press("Enter")
    visitor.look()
    focused = visitor.page.evaluate("document.activeElement.id")
    assert focused == "error-summary"
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.press("Enter")
    assert visitor.page.evaluate("document.activeElement.matches('input, select')")
