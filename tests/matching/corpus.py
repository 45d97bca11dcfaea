"""Five thousand statement lines with the noise of real ones, and which gift each is for.

Seeded, so that every run judges the same lines. Each kind of line is one function that adds
its own gifts, notices and aliases to the world; gifts nobody pays stand among them.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from portal.gifts.references import ALPHABET, check_character, clean_reference, group
from portal.money import Money
from portal.payments.matching.pool import Notice, OpenGift, PayerAlias, payer_keys
from portal.payments.statements.formats.entries import StatementEntry

TODAY = date(2026, 11, 23)
AMOUNTS = (1000, 2000, 2500, 5000, 7500, 10000, 10000, 15000, 20000, 25000, 50000, 100000)
FIRST = (
    "John Mary Grace Samuel Esther Daniel Ruth Peter Amara Chinedu Ngozi Kwame Abena Tunde "
    "Funmi Jean Marie Zoé André Hélène François Élodie Jean-Pierre Anne-Sophie Luc Noémie "
    "Wei Mei Hiroshi Yuna Minjun Arjun Priya Ravi Ahmed Fatima Omar José María Lucía "
    "Thandi Sipho Lerato Johannes Anneke Liam Olivia Noah Emma Ava Ethan Chloe Gabriel"
).split()
LAST = (
    "Smith Johnson Brown Tremblay Gagnon Roy Côté Bouchard Gauthier Morin Lavoie Fortin "
    "Gagné Ouellet Pelletier Bélanger Lévesque Okafor Adeyemi Eze Balogun Okonkwo Mensah "
    "Boateng Owusu Nkosi Dlamini O'Brien MacDonald Campbell Wilson Martin Anderson Taylor "
    "Singh Patel Sharma Kaur Chen Wang Li Nguyen Tran Kim Park Tanaka Sato García López "
    "Fernández Müller Schäfer Weiß Kowalski Łukasik Novák Haddad Khalil Hassan Ivanova"
).split()
CHATTER = (
    "Thank you",
    "God bless",
    "November partnership",
    "offering",
    "Merci beaucoup",
    "for missions",
    "seed 2026",
    "LWCAN",
    "don mensuel",
    "Happy birthday Pastor",
)
DEPOSITS = (
    "INTEREST PAID",
    "PAYROLL DEPOSIT 4471X92B",
    "MOBILE CHEQUE DEPOSIT REF 8841K2",
    "GST RFND 77Q31",
    "BRANCH DEPOSIT 00219",
    "MISC PAYMENT STRIPE-9X4KQ2M7T",
    "RENT UNIT 4B NOVEMBER",
    "HYDRO REBATE B7742KX93Q",
    "TFR-FR 5023718",
)


@dataclass(slots=True)
class Sample:
    """One line; `truth` is the gift it pays. `matchable` if a careful clerk could tell."""

    kind: str
    entry: StatementEntry
    truth: int | None
    matchable: bool


@dataclass
class World:
    """Everything around the lines."""

    chance: random.Random
    gifts: list[OpenGift] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    aliases: list[PayerAlias] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def reference(self) -> str:
        body = "".join(self.chance.choice(ALPHABET) for _ in range(8))
        return group(body + check_character(body))

    def signs(self, length: int) -> str:
        return "".join(self.chance.choice(ALPHABET + "01IL") for _ in range(length))

    def interac(self) -> str:
        letters = "".join(self.chance.choice("abcdefgHJKLM23456789") for _ in range(7))
        return f"CA{letters}{self.chance.randrange(10)}"

    def name(self) -> str:
        return f"{self.chance.choice(FIRST)} {self.chance.choice(LAST)}"

    def amount(self) -> Money:
        odd = self.chance.random() < 0.2
        minor = self.chance.randrange(500, 90_000) if odd else self.chance.choice(AMOUNTS)
        return Money(minor, "CAD")

    def gift(self, **given: object) -> OpenGift:
        """Another open gift, kept in the world."""
        number = len(self.gifts) + 1
        name = self.name()
        money = self.amount()
        facts = {
            "gift_id": number,
            "reference": self.reference(),
            "money": money,
            "due_minor": money.minor,
            "created_on": TODAY - timedelta(days=self.chance.randrange(1, 40)),
            "name": name,
            "email": f"donor{number}@example.org",
            "mode": "interac",
        } | given
        gift = OpenGift(**facts)  # type: ignore[arg-type]  # a dict of the fields above
        self.gifts.append(gift)
        return gift

    def line(self, gift: OpenGift, message: str, **given: object) -> StatementEntry:
        """A line that pays this gift in full, as its donor's bank would write it."""
        facts = {
            "position": len(self.samples) + 1,
            "booked_on": gift.created_on + timedelta(days=self.chance.randrange(0, 6)),
            "money": gift.due,
            "payer_name": gift.name.upper() if self.chance.random() < 0.5 else gift.name,
            "message": message,
        } | given
        return StatementEntry(**facts)  # type: ignore[arg-type]  # a dict of the fields above

    def add(
        self, kind: str, entry: StatementEntry, truth: int | None, *, matchable: bool = True
    ) -> None:
        self.samples.append(Sample(kind, entry, truth, matchable))

    def around(self, text: str) -> str:
        """The text with what people write beside it."""
        before, after = self.chance.choice(CHATTER), self.chance.choice(CHATTER)
        return self.chance.choice(
            (text, f"{before} {text}", f"{text} {after}", f"{before}. {text}")
        )


def as_given(world: World) -> None:
    gift = world.gift()
    world.add("reference as given", world.line(gift, world.around(gift.reference)), gift.gift_id)


def in_another_form(world: World) -> None:
    gift = world.gift()
    bare = gift.reference.replace("-", "")
    forms = (
        gift.reference.lower(),
        bare.lower(),
        f"REF{bare}",
        f"gift{bare.lower()}thanks",
        " ".join(bare),
        gift.reference.replace("-", " "),
        gift.reference.replace("-", "–"),
        f"{bare[:6]} {bare[6:]}",
        f"LWCAN/{gift.reference}",
    )
    message = world.around(world.chance.choice(forms))
    world.add("reference in another form", world.line(gift, message), gift.gift_id)


def one_wrong_sign(world: World) -> None:
    gift = world.gift()
    message = world.around(_misread(world, gift.reference))
    world.add("one wrong sign", world.line(gift, message), gift.gift_id)


def two_swapped_signs(world: World) -> None:
    gift = world.gift()
    bare = gift.reference.replace("-", "")
    places = [at for at in range(8) if bare[at] != bare[at + 1]]
    at = world.chance.choice(places)
    swapped = bare[:at] + bare[at + 1] + bare[at] + bare[at + 2 :]
    message = world.around(_regroup(world, swapped))
    world.add("two swapped signs", world.line(gift, message), gift.gift_id)


def one_sign_lost(world: World) -> None:
    gift = world.gift()
    bare = gift.reference.replace("-", "")
    at = world.chance.randrange(9)
    message = world.around(bare[:at] + bare[at + 1 :])
    world.add("one sign lost", world.line(gift, message), gift.gift_id)


def only_the_name(world: World) -> None:
    gift = world.gift()
    world.add("no reference, name", world.line(gift, world.around("")), gift.gift_id)


def only_a_noisy_name(world: World) -> None:
    gift = world.gift()
    first, _, last = gift.name.partition(" ")
    slip = world.chance.randrange(1, len(last)) if len(last) > 4 else 0
    noisy = (
        f"{last}, {first}",
        f"{first[0]} {last}",
        f"MR {first} {last}".upper(),
        f"{first} {last[:slip]}{last[slip + 1 :]}" if slip else f"{first} {last}",
        f"{first} Q {last}",
        f"{first} {last}"[:10] if len(first) < 5 and len(last) > 5 else f"{last} {first}",
    )
    entry = world.line(gift, "", payer_name=world.chance.choice(noisy))
    world.add("no reference, noisy name", entry, gift.gift_id)


def name_in_the_text(world: World) -> None:
    gift = world.gift()
    text = f"E-TRANSFER - AUTODEPOSIT {gift.name.upper()}"
    world.add("name in the text", world.line(gift, text, payer_name=""), gift.gift_id)


def only_the_email(world: World) -> None:
    gift = world.gift()
    entry = world.line(gift, "", payer_name="", payer_email=gift.email.upper())
    world.add("no reference, e-mail", entry, gift.gift_id)


def notice_with_reference(world: World) -> None:
    """The bank's line is bare; only Interac's mail carries the message."""
    gift = world.gift()
    interac = world.interac()
    entry = world.line(gift, "E-TRANSFER - AUTODEPOSIT", interac_reference=interac)
    world.notices.append(_notice(gift, entry, interac, world.around(gift.reference)))
    world.add("reference in a notice", entry, gift.gift_id)


def known_payer(world: World) -> None:
    """A company's account that a clerk once confirmed for this donor."""
    gift = world.gift()
    account = f"00{world.chance.randrange(10**9)}"
    entry = world.line(gift, "", payer_name=f"{world.signs(5)} Holdings Inc", payer_account=account)
    world.aliases += [PayerAlias(key, gift.email) for key in payer_keys(entry)]
    world.add("known payer", entry, gift.gift_id)


def another_sum(world: World) -> None:
    gift = world.gift()
    factor = world.chance.choice((30, 50, 90, 110, 200))
    money = Money(gift.due_minor * factor // 100, "CAD")
    entry = world.line(gift, world.around(gift.reference), money=money)
    world.add("reference, too little or much", entry, gift.gift_id)


def another_gifts_sum(world: World) -> None:
    """The reference of one gift with the amount of another, of the same donor or not."""
    gift, other = world.gift(), world.chance.choice(world.gifts)
    if other.due_minor == gift.due_minor:
        other = world.gift(due_minor=gift.due_minor + 700, money=gift.money + Money(700, "CAD"))
    name = world.chance.choice((gift.name, other.name))
    entry = world.line(gift, gift.reference, money=other.due, payer_name=name)
    world.add("reference, another gift's sum", entry, gift.gift_id)


def foreign_money(world: World) -> None:
    gift = world.gift()
    money = Money(gift.due_minor, world.chance.choice(("USD", "EUR", "NGN")))
    entry = world.line(gift, world.around(gift.reference), money=money)
    world.add("reference, foreign currency", entry, gift.gift_id)


def somebody_else_pays(world: World) -> None:
    gift = world.gift()
    spouse = f"{world.chance.choice(FIRST)} {gift.name.partition(' ')[2]}"
    name = world.chance.choice((spouse, world.name()))
    entry = world.line(gift, world.around(gift.reference), payer_name=name)
    world.add("reference, another payer", entry, gift.gift_id)


def second_of_duplicate_gifts(world: World) -> None:
    """Two gifts of one donor and amount; the line names the second."""
    first = world.gift()
    second = world.gift(
        name=first.name, email=first.email, money=first.money, due_minor=first.due_minor
    )
    slip = world.chance.random() < 0.3
    message = _misread(world, second.reference) if slip else second.reference
    world.add("one of two equal gifts", world.line(second, message), second.gift_id)


def rest_of_a_gift(world: World) -> None:
    money = world.amount()
    gift = world.gift(money=money, due_minor=money.minor // 2)
    world.add("the rest of a gift", world.line(gift, world.around(gift.reference)), gift.gift_id)


def double_line(world: World) -> None:
    """The same line twice: the first pays, the second is more than was promised."""
    gift = world.gift()
    entry = world.line(gift, world.around(gift.reference))
    world.add("first of a double line", entry, gift.gift_id)
    again = replace(entry, position=len(world.samples) + 1)
    world.add("second of a double line", again, None, matchable=False)


def unrelated(world: World) -> None:
    money = world.chance.choice(world.gifts).due if world.gifts else world.amount()
    entry = StatementEntry(
        position=len(world.samples) + 1,
        booked_on=TODAY,
        money=money,
        payer_name=world.chance.choice(("", world.signs(7), f"{world.signs(6)} LTD")),
        message=f"{world.chance.choice(DEPOSITS)} {world.signs(world.chance.randrange(4, 12))}",
        bank_reference=world.signs(9),
    )
    world.add("unrelated deposit", entry, None, matchable=False)


def settled_gift(world: World) -> None:
    """The reference of a gift that is paid already, from a donor with another open gift."""
    gift = world.gift()
    reference = world.reference()
    world.settled.add(reference)
    world.add("a settled gift's", world.line(gift, reference), None, matchable=False)


def money_out(world: World) -> None:
    gift = world.gift()
    entry = world.line(gift, gift.reference, money=-gift.due)
    world.add("money out", entry, None, matchable=False)


def bounced(world: World) -> None:
    """A payment that came and went back."""
    gift = world.gift()
    entry = world.line(gift, gift.reference)
    world.add("came and went back", entry, None, matchable=False)
    back = replace(entry, money=-entry.money, position=len(world.samples) + 1)
    world.add("money out", back, None, matchable=False)


def namesakes(world: World) -> None:
    """Two donors of one name give the same; nothing tells whose line it is."""
    first = world.gift()
    second = world.gift(name=first.name, money=first.money, due_minor=first.due_minor)
    entry = world.line(second, "", booked_on=max(first.created_on, second.created_on))
    world.add("namesakes, nothing else", entry, None, matchable=False)


def spoofed_notice(world: World) -> None:
    """A forged mail claims a stranger's transfer for the forger's own gift."""
    gift = world.gift()
    interac = world.interac()
    entry = world.line(gift, "DEPOSIT", payer_name=world.signs(8), interac_reference=interac)
    world.notices.append(_notice(gift, entry, interac, gift.reference))
    world.add("claimed by a forged notice", entry, None, matchable=False)


def near_a_settled_gift(world: World) -> None:
    """A slip of the pen as near to a settled gift's reference as to an open one's."""
    gift = world.gift()
    misread, other = _between(world, gift.reference)
    world.settled.add(other)
    entry = world.line(gift, misread, payer_name="")
    world.add("slip near a settled gift", entry, None, matchable=False)


def near_two_gifts(world: World) -> None:
    """A slip of the pen that two open gifts of one amount fit."""
    gift = world.gift()
    misread, other = _between(world, gift.reference)
    world.gift(reference=other, money=gift.money, due_minor=gift.due_minor)
    entry = world.line(gift, misread, payer_name="")
    world.add("slip near two gifts", entry, None, matchable=False)


# How often each kind comes, per thousand.
KINDS: tuple[tuple[Callable[[World], None], int], ...] = (
    (as_given, 200),
    (in_another_form, 110),
    (one_wrong_sign, 90),
    (two_swapped_signs, 50),
    (one_sign_lost, 20),
    (only_the_name, 90),
    (only_a_noisy_name, 50),
    (name_in_the_text, 30),
    (only_the_email, 30),
    (notice_with_reference, 50),
    (known_payer, 30),
    (another_sum, 30),
    (another_gifts_sum, 30),
    (foreign_money, 20),
    (somebody_else_pays, 30),
    (second_of_duplicate_gifts, 30),
    (rest_of_a_gift, 15),
    (double_line, 20),
    (unrelated, 60),
    (settled_gift, 10),
    (money_out, 10),
    (bounced, 5),
    (namesakes, 10),
    (spoofed_notice, 10),
    (near_a_settled_gift, 5),
    (near_two_gifts, 5),
)


def make_corpus(lines: int = 5000, *, seed: int = 20261123, idle_gifts: int = 3000) -> World:
    """At least every kind in its share, shuffled, and exactly so many lines."""
    world = World(random.Random(seed))
    for _ in range(idle_gifts):
        world.gift()
    for _ in range(300):
        world.settled.add(world.reference())
    placed: list[tuple[float, Sample]] = []
    for make, _ in _turns(world.chance):
        make(world)
        together = world.samples[len(placed) :]
        # Anywhere in the file, yet lines of one story keep their order.
        places = sorted(world.chance.random() for _ in together)
        placed += zip(places, together, strict=True)
        if len(placed) >= lines:
            break
    placed = sorted(placed[:lines], key=lambda pair: pair[0])
    world.samples = [sample for _, sample in placed]
    for position, sample in enumerate(world.samples, start=1):
        sample.entry = replace(sample.entry, position=position)
    return world


def _turns(chance: random.Random) -> Iterator[tuple[Callable[[World], None], int]]:
    weights = [share for _, share in KINDS]
    yield from KINDS
    while True:
        yield from chance.choices(KINDS, weights)


def _misread(world: World, reference: str) -> str:
    """The reference with one sign written wrong, as people do."""
    bare = reference.replace("-", "")
    at = world.chance.randrange(9)
    looks_like = {"2": "Z", "5": "S", "8": "B", "Q": "O", "D": "0", "J": "I", "Z": "2", "S": "5"}
    anything = world.chance.choice([sign for sign in ALPHABET + "01OIL" if sign != bare[at]])
    wrong = looks_like.get(bare[at], anything)
    return _regroup(world, bare[:at] + wrong + bare[at + 1 :])


def _regroup(world: World, signs: str) -> str:
    return world.chance.choice((group(signs), signs, group(signs).lower(), f"REF {signs}"))


def _between(world: World, reference: str) -> tuple[str, str]:
    """A misreading of `reference`, and another valid reference it may as well stand for."""
    bare = reference.replace("-", "")
    at, beside = world.chance.sample(range(8), 2)
    other_sign = world.chance.choice([sign for sign in ALPHABET if sign != bare[at]])
    misread = bare[:at] + other_sign + bare[at + 1 :]
    fits = (misread[:beside] + sign + misread[beside + 1 :] for sign in ALPHABET)
    other = next(found for signs in fits if (found := clean_reference(signs)))
    return group(misread), other


def _notice(gift: OpenGift, entry: StatementEntry, interac: str, message: str) -> Notice:
    return Notice(
        interac_reference=interac,
        money=entry.money,
        received_on=entry.booked_on,
        name=gift.name,
        email=gift.email,
        message=message,
    )
