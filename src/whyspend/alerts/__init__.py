"""Who is told. One file = `send(alert, **options)`; the options are its keyword-only parameters.

One that can show a digest has `send_digest(digest, **options)`, too. A channel escapes every text for itself, keeps to
the limits of its service, and tries a few times. Delivery is at least once: where an answer got lost, the same alert
may arrive twice.
"""
