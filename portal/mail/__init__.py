"""Mail: letters written, sent by SMTP, and noted."""
