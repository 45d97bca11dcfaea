"""Who gives: what a gift's form says of its giver, donors by e-mail address, and consent."""
