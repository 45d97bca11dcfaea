"""A desk whose preview follows what is typed."""

from tests.journeys.browser import Visitor

DESK = "/staff/regions/ca/modes/interac"


def test_the_card_follows_what_is_typed_and_nothing_is_kept(clerk: Visitor) -> None:
    clerk.open(DESK)
    shown = clerk.page.frame_locator("#live iframe")
    card = shown.locator("#modes .mode").filter(has=clerk.page.locator("#mode-interac"))
    card.get_by_text("Interac").first.wait_for()
    assert shown.locator("#mode-interac").is_checked()
    assert card.locator("dl").is_visible()
    clerk.fill(label_en="By your bank’s app")
    card.get_by_text("By your bank’s app").wait_for()
    clerk.fill(label_en="")
    said = clerk.page.locator("#live [role=status]")
    said.get_by_text("Not shown yet: ").wait_for()
    assert "Enter a name in English" in said.inner_text()
    assert "By your bank’s app" in card.inner_text()
    clerk.fill(label_en="e-Transfer")
    card.get_by_text("e-Transfer").first.wait_for()
    assert said.inner_text() == ""
    clerk.open("/give/ca?lang=en")
    assert "By your bank’s app" not in clerk.text()


def test_a_desk_on_a_phone_has_the_preview_below(clerk: Visitor) -> None:
    clerk.page.set_viewport_size({"width": 390, "height": 844})
    clerk.open("/staff/regions/ca/edit")
    shown = clerk.page.frame_locator("#live iframe")
    shown.locator("h1").wait_for()
    clerk.fill(welcome_en="Welcome in Christ")
    shown.get_by_text("Welcome in Christ").wait_for()
    assert clerk.page.evaluate("document.documentElement.scrollWidth") <= 390
