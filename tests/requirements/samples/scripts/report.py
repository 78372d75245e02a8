#!/usr/bin/env -S uv run --script
#
# /// script
# requires-python = ">=3.12"
# dependencies = [
#   "rich>=13.9",
#   "polars[calamine]>=1.20 ; python_version < '3.15'",
#   "house-client",
#   # for the old exports
#   "xlrd==2.*",
# ]
#
# [tool.uv]
# constraint-dependencies = ["pyarrow<19"]
#
# [tool.uv.sources]
# house-client = { index = "house" }
# xlrd = { path = "vendor/xlrd-2.0.1-py2.py3-none-any.whl" }
#
# [[tool.uv.index]]
# name = "house"
# url = "https://index.example/house/simple/"
# ///
"""Print last month's report."""

import sys

import polars as pl
from house_client import Client
from rich.table import Table

if __name__ == "__main__":
    frame = pl.read_excel(sys.argv[1])
    print(Table(title=Client().title(frame)))
