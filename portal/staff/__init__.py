"""The staff's rooms: review gifts, resend receipts, refund, export; every act is on record."""
