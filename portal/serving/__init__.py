"""Serving without a proxy: slow visitors hold no thread, and no address holds the rest.

The server (granian) has no limit for bodies and won't get one, and its threads wait for whoever
sends or reads slowly. So its ASGI side receives whole requests first (`requests`), and only then
the Flask app gets one of our threads (`application`); a long answer is made piece by piece, and
while a visitor reads, no thread waits (`streaming`). What the server keeps to itself, the
connections, is read from the kernel (`connections`).

Own code, since what there is does less: a2wsgi holds a thread for the whole answer and reads a
body from within the thread, asgiref has a thread a request and no limits, waitress buffers
bodies but drops requests in flight when it is stopped, gunicorn's threads wait for bodies too.
"""
