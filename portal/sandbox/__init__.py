"""A local server that speaks Stripe's wire protocol: its own process, loopback only, no real money.

The portal differs only in key, webhook secret and base address when it talks to this
instead of Stripe. API version spoken: 2026-10-28.endive.
"""
