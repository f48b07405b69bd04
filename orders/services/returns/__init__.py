"""Returns: `requests` starts and decides them, `receipt` receives, grades and closes them. No money is moved."""
