"""The partners' area: what a partner's codes brought, for those whom it lets see it."""
