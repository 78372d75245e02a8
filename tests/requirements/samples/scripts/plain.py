"""A script from before PEP 723: nothing says what it needs."""

import requests

print(requests.get("https://files.example/", timeout=10).status_code)
