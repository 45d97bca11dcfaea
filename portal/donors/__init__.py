"""Who gives: what a gift's form says of its donor, donors by e-mail address, and consent."""
