"""Who may come in: passwords, sessions, tries."""
