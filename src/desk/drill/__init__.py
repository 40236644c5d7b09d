"""Drills: what the system promises about its calls, their cost and its kill switch, tried out and counted."""
