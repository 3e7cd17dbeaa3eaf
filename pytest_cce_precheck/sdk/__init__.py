"""SDK regression: what a vendor's SDK sends, and what its objects keep of the answers that it gets.

A driver, a small program in the SDK's own language, makes the calls (`protocol`, `driver`). It asks for every case of a
corpus (`cases`, `corpus`); what it reports is compared with what was served (`fidelity`), and what it sent with what it
was asked to send (`request_fidelity`).
"""
