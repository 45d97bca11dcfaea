"""The pages donors see: choosing a region, the giving form, a code's address, one gift's page."""
