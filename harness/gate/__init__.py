"""From facts to an exit code: gates beside the verdict's own, and what CI is told.

``judge_run`` is the judgement of a stored run under every gate.
"""
