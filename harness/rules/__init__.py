"""The rules that turn facts into a verdict. Pure: facts, limits and what is known of the run in; figures, gates and
obstacles out. Outcome, after the run directory's contract: invalid, else fail if any gate fails, else inconclusive if
any is (or anything stands in the way of a pass), else pass.
"""
