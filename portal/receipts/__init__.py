"""Receipts: gapless series, immutable snapshots, PDFs and their delivery."""
