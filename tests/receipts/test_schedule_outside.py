"""A filled Gift Aid schedule, opened by LibreOffice where it is installed."""

import csv
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest

from portal.receipts.gift_aid import Row
from portal.receipts.schedules import Schedule, fill_template
from tests.receipts.schedule_samples import make_template

DAY = date(2026, 11, 23)
PATIENCE = 120
# Commas, double quotes, UTF-8.
FORMAT = "csv:Text - txt - csv (StarCalc):44,34,76"


@pytest.mark.slow
def test_libreoffice_reads_each_cell_as_it_was_meant(tmp_path: Path) -> None:
    program = shutil.which("soffice")
    if program is None:
        pytest.skip("no LibreOffice here")
    home = {"house": "12 Mill Lane", "postcode": "EX1 1AA"}
    names = {"title": "Mr", "first_name": "Ada", "last_name": "House Martin"}
    rows = [
        Row(**names, **home, day=DAY, amount_minor=1),
        Row(first_name="Bén", last_name="Ó Néill", day=date(2025, 1, 2), amount_minor=1_234_56),
        Row(aggregated="Tins", is_sponsored=True, day=DAY, amount_minor=999_00),
    ]
    filled = tmp_path / "claim.ods"
    filled.write_bytes(fill_template(make_template(), Schedule(rows, overclaimed_minor=1_05)))
    own = f"-env:UserInstallation=file://{tmp_path}/profile"
    command = [program, own, "--headless", "--convert-to", FORMAT, "--outdir", str(tmp_path)]
    subprocess.run([*command, str(filled)], check=True, capture_output=True, timeout=PATIENCE)
    with (tmp_path / "claim.csv").open(encoding="utf-8", newline="") as table:
        cells = list(csv.reader(table))
    # An amount is a number, which the template's own cells would show with two decimals.
    assert [line[1:11] for line in cells[24:27]] == [
        ["1", "Mr", "Ada", "House Martin", *home.values(), "", "", "23/11/26", "0.01"],
        ["2", "", "Bén", "Ó Néill", "", "", "", "", "02/01/25", "1234.56"],
        ["3", "", "", "", "", "", "Tins", "Yes", "23/11/26", "999"],
    ]
    assert (cells[12][3], cells[16][3]) == ("02/01/25", "1.05")
