"""Judges a run while it goes on, in a process of its own: numerics would cost the sampling process its small size.

Right of the cut like the rest of the analysis: it reads the growing run directory and nothing else.
"""
