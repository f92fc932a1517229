"""The screen: a Panel app over designs and run folders. It shows and asks; it never trains."""
