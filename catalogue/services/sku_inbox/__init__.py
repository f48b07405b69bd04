"""The SKU inbox (R-PLUS-12): `rows` (what waits, from which source), `suggestions`, `decisions`, `imports` and `recreated` (sources)."""
