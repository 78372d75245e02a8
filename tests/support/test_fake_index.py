from __future__ import annotations

import hashlib
import io
import json
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from installer.records import RecordEntry, parse_record_file
from packaging.metadata import Metadata
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from tests.support.fake_index import JSON_TYPE, FakeIndex
from tests.support.wheels import make_sdist, make_wheel

JSON = {"accept": JSON_TYPE}
