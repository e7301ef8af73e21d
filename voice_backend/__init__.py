"""The voice service of the incident as a program: five faults, five fixes, and the truth about each."""
