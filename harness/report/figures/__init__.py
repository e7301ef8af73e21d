"""Charts: plain arrays in, SVG text out; each answers the question in its title.

Drawn with matplotlib's object API (no pyplot, no global state) and byte-identical on every render. They know neither
runs nor verdicts: ``harness.report.pictures`` chooses what to draw.
"""
