"""SDK regression: what a vendor's SDK sends, and what its objects keep of the answers that it gets.

An SDK is reached through a driver, a small program in its own language (`protocol`, `driver`). The driver asks for
every case of a corpus (`cases`, `corpus`), and what it tells is held against what was served (`fidelity`) and what was
received (`request_fidelity`).
"""
