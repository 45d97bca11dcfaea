"""`portal donor` and `portal bounces`, as a person gives them."""

from tests.commands.test_code_commands import acts, database, run
from tests.receipts.gift_aid_samples import give

__all__ = ["database", "run"]
ADA, MORE = "ada@example.org", "ada+more@example.org"


def test_two_are_found_merged_and_parted(run, database):
    with database.write() as session:
        for email in (ADA, MORE):
            give(session, email=email)
    assert run("donor doubles").output == f"{ADA}  {MORE}  same address\n"
    done = run(f"donor merge {ADA} {MORE} --reason asked")
    assert done.output == "Merge 1 is done; `portal donor undo 1` undoes it.\n"
    assert "1  ada+more@example.org into ada@example.org  gift 1" in run("donor merges").output
    for command, says in (
        (f"donor merge {ADA} {MORE} --reason again", "merged already"),
        (f"donor merge {ADA} x@y.example --reason x", "No donor has the address x@y.example."),
        ("donor undo 7", "There is no such donor or merge"),
    ):
        refused = run(command)
        assert (refused.exit_code, says in refused.output) == (1, True), refused.output
    assert "gift 1, plan 0, declaration 1" in run("donor undo 1").output
    assert run("donor undo 1").exit_code == 1
    assert run("donor merges").output == ""
    assert [one for one in acts(database) if "merge" in str(one)]


def test_bounces_need_a_mailbox_that_can_be_reached(run, monkeypatch):
    refused = run("bounces")
    assert (refused.exit_code, "set PORTAL_BOUNCES_IMAP_URL" in refused.output) == (1, True)
    monkeypatch.setenv("PORTAL_BOUNCES_IMAP_URL", "imaps://a:b@localhost:9/INBOX")
    refused = run("bounces")
    assert (refused.exit_code, "can’t be reached safely" in refused.output) == (1, True)
