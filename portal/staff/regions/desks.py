"""The desks of issuers, regions and funds: what stands on each page, in order."""

from portal.regions.catalogue import Fund, Issuer, ReceiptRule, Region
from portal.staff.regions.desk import Desk, Group
from portal.staff.regions.desk_parts import (
    CodesPart,
    CountryPart,
    CurrencyRowsPart,
    DayPart,
    EmailPart,
    GiftAidPart,
    IssuerPart,
    LocalesPart,
    PickPart,
    PicturePart,
    ProvincesPart,
    TablePart,
    TicksPart,
    ZonePart,
)
from portal.staff.regions.parts import (
    DaysPart,
    LinesPart,
    NumberPart,
    Part,
    StepsPart,
    TextsPart,
    TickPart,
)

FILL, CHOOSE = "Fill this in", "Choose one"
NUMBER_KINDS = {
    "": "Not checked",
    "ca_rr": "Canada: charity’s number (RR)",
    "us_ein": "United States: EIN",
    "au_abn": "Australia: ABN",
    "nz_cc": "New Zealand: charity’s number (CC)",
    "za_pbo": "South Africa: PBO number",
    "fr_siren_rna": "France: SIREN or RNA",
}
PAPERS = {"a4": "A4", "us-letter": "US Letter"}
# The fields of an address that can be required, by the names that donors' forms have.
ADDRESS_FIELDS = {
    "address_line1": "Address is required",
    "city": "Town or city is required",
    "province": "Province or state is required",
    "postal_code": "Postal code is required",
}

ISSUER = Desk(
    Issuer,
    (
        Group(
            "Who receives the gifts",
            (
                Part("legal_name", "Legal name", ask=FILL),
                TextsPart("registration_label", "What the registration number is called"),
                Part("registration_number", "Registration number"),
                PickPart(
                    "registration_kind",
                    "How the number is checked",
                    options=NUMBER_KINDS,
                    ask=CHOOSE,
                ),
            ),
        ),
        Group(
            "Address",
            (
                LinesPart("address_lines", "Postal address, a line each", ask=FILL),
                CountryPart("country", "Country", ask=CHOOSE),
                Part(
                    "place",
                    "Place of issue",
                    hint="Stands on receipts: “Issued in Toronto”.",
                    ask=FILL,
                ),
                ZonePart(
                    "timezone",
                    "Time zone",
                    hint="A gift counts on its day in this zone.",
                    ask=CHOOSE,
                ),
            ),
        ),
        Group(
            "How donors reach you",
            (
                EmailPart("email", "E-mail address", ask=FILL),
                Part("phone", "Telephone"),
                Part("website", "Website", hint="With https://"),
            ),
        ),
        Group(
            "Who signs",
            (
                Part("signatory_name", "Name of who signs", ask=FILL),
                TextsPart("signatory_title", "Title of who signs", ask=FILL),
                PicturePart(
                    "signature",
                    "Picture of the signature",
                    box=(600, 200),
                    hint="Stands on receipts from now on; best as PNG without a background.",
                ),
            ),
        ),
        Group(
            "Official receipts",
            (
                DayPart(
                    "official_receipts_from",
                    "Given out from this day on",
                    hint="Only once you may and all that they must show is right. Empty: none.",
                ),
                Part(
                    "tax_number",
                    "Tax number",
                    hint="Where receipts must show one beside the registration number.",
                ),
                Part(
                    "exemption",
                    "Notice of exemption",
                    hint="The sentence with who gave it, its number and its date.",
                ),
                Part("official_reviewer", "Who held the receipts against the law"),
                DayPart("official_reviewed_on", "And when"),
            ),
        ),
        Group(
            "Look",
            (
                Part(
                    "accent",
                    "Accent colour",
                    hint="Like #1d4f91. It is made darker or lighter where it could not be read.",
                ),
                PicturePart(
                    "logo", "Logo", box=(480, 160), hint="PNG, JPEG or WebP; 10 MB at most."
                ),
            ),
        ),
    ),
    kept=("key",),
)

ADDRESS = TablePart(
    "address",
    (
        TextsPart("line1_label", "First address line is called", ask=FILL),
        TextsPart("line2_label", "Second address line is called"),
        TextsPart("city_label", "Town or city is called", ask=FILL),
        TextsPart("province_label", "Province or state is called"),
        TextsPart("postal_label", "Postal code is called"),
        TicksPart("required", "Required"),
        Part("postal_example", "Example of a postal code"),
        Part(
            "postal_pattern",
            "Pattern of a postal code",
            hint="A regular expression over capitals and figures without spaces. Empty: any text.",
        ),
        Part(
            "postal_canonical", "How a postal code is written", hint="Its groups, such as \\1 \\2"
        ),
        ProvincesPart(
            "provinces",
            "Provinces or states",
            hint="A line each: its code | its name in English | its name in French.",
        ),
    ),
)

RECEIPT = TablePart(
    "receipt",
    (
        TextsPart("title", "Title", ask=FILL),
        StepsPart("statements", "What it says, a paragraph a line"),
        TickPart("needs_address", "Ask donors for their address"),
        TickPart("show_registration", "Show the registration number"),
        TicksPart("donor_numbers"),
        TextsPart("authority_name", "Authority that it names"),
        TextsPart("authority_url", "Authority’s address on the web"),
        PickPart("paper", "Paper", options=PAPERS, default="a4", ask=CHOOSE),
    ),
)

GIFT_AID = GiftAidPart(
    "gift_aid",
    (
        TickPart("offered", "Donors can declare Gift Aid", default=True),
        Part(
            "year_end",
            "The charity’s accounts end on",
            hint="Month and day, like 12-31; 04-05 where it is a trust.",
        ),
    ),
)

REGION = Desk(
    Region,
    (
        Group(
            "Names",
            (
                TextsPart("names", "Name", ask=FILL),
                TextsPart(
                    "place", "Name after “from”", hint="Such as “the United Kingdom”", ask=FILL
                ),
                TextsPart("welcome", "Welcome", ask=FILL),
                IssuerPart("issuer", "Issuer", ask=CHOOSE),
            ),
        ),
        Group(
            "Where and in which languages",
            (
                CodesPart(
                    "countries",
                    "Countries",
                    hint="By their two letters. Empty: the rest of the world.",
                ),
                LocalesPart("locales", "Languages", hint="Such as en_CA, fr_CA; the first opens."),
                ZonePart("timezone", "Time zone", ask=CHOOSE),
                NumberPart("position", "Place in the list of regions"),
            ),
        ),
        Group(
            "Amounts",
            (
                CurrencyRowsPart(
                    "currencies", hint="The first is chosen at first. Empty: the row is left out."
                ),
            ),
        ),
        Group("Address of donors", (ADDRESS,)),
        Group(
            "Receipt",
            (
                PickPart(
                    "receipts",
                    "How many",
                    options={one.value: one.said for one in ReceiptRule},
                    default=ReceiptRule.EACH,
                    hint="One a year: each gift is thanked for, and one receipt has all.",
                    ask=CHOOSE,
                ),
                Part(
                    "tax_year_end",
                    "The tax year ends on",
                    hint="Month and day, like 12-31; yearly receipts are for it.",
                ),
                RECEIPT,
            ),
        ),
        Group("Gift Aid", (GIFT_AID,)),
        Group(
            "Transfers",
            (
                TablePart(
                    "transfers",
                    (
                        DaysPart("remind_after_days", "Remind after (days)", hint="Such as 3, 10."),
                        NumberPart("expire_after_days", "Expire after (days)", ask=FILL),
                    ),
                ),
            ),
        ),
    ),
    kept=("code", "slug", "modes", "funds", "sample"),
)

FUND = Desk(
    Fund,
    (
        Group(
            "On the form",
            (
                TextsPart("names", "Name", ask=FILL),
                TextsPart("heading", "Heading over the form", hint="Such as “Give your tithe”"),
                TextsPart("descriptions", "One sentence", ask=FILL),
                PicturePart(
                    "image", "Picture", box=(1280, 640), hint="PNG, JPEG or WebP; 10 MB at most."
                ),
            ),
        ),
        Group("Only by these modes of payment; none ticked: by all", (TicksPart("modes"),)),
        Group("State", (TickPart("offered", "Open for new gifts", default=True),)),
    ),
    kept=("key",),
)
NEW_REGION = Desk(
    Region,
    (
        Group(
            "Where it stands",
            (
                Part(
                    "slug",
                    "Address on the web",
                    hint="Stands in /give/… and can’t be changed later.",
                    ask=FILL,
                ),
            ),
        ),
        *REGION.groups,
    ),
    kept=("code", "modes", "funds", "sample"),
)
DESKS = (ISSUER, NEW_REGION, FUND)
