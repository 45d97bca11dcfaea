"""What banks say: statement files and Interac notices, read whole or refused with a reason."""
