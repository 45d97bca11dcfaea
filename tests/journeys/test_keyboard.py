"""A gift with the keyboard alone, by what a browser does with Tab, Space, arrows and Enter."""

from tests.journeys.browser import Visitor
from tests.journeys.giving import Donor

MOST_STOPS = 60


def tab_to(visitor: Visitor, selector: str, *, back: bool = False) -> None:
    """Press Tab until the focus is there; each stop on the way must be visible."""
    target = visitor.page.locator(selector)
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


def test_gives_with_the_keyboard_alone(visitor: Visitor, donor: Donor) -> None:
    visitor.open("/c/LWCAN")
    keys = visitor.page.keyboard
    tab_to(visitor, "#amount-own")
    assert has_focus_ring(visitor)
    keys.type("75.50")
    tab_to(visitor, "#mode-interac")
    assert has_focus_ring(visitor)
    keys.press("ArrowDown")
    assert visitor.page.locator("#mode-card").is_checked()
    tab_to(visitor, "#cover_fee", back=True)
    keys.press("Space")
    assert visitor.page.locator("#cover_fee").is_checked()
    fields = donor.fields
    about = ("first_name", "last_name", "email", "address_line1", "city")
    type_into(visitor, **{name: fields[name] for name in about})
    type_into(visitor, postal_code=fields["postal_code"])
    tab_to(visitor, "#province")
    keys.type("Queb")
    tab_to(visitor, "#send")
    assert has_focus_ring(visitor)
    with visitor.page.expect_navigation():
        keys.press("Enter")
    visitor.look()
    type_into(visitor, card_number="4242424242424242", exp="12/40", cvc="123", name="A Eze")
    with visitor.page.expect_navigation():
        keys.press("Enter")
    visitor.look()
    assert visitor.heading() == "Thank you, Adaeze"
    assert "Of which for processing" in visitor.text()


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
