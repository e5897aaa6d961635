"""The folder in which the hub's own programs keep repositories is found as they find it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from graphflow.checkpoints.hub_cache import cache_folder

VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"XDG_CACHE_HOME": "/xdg"},
        {"HF_HOME": "/home-of-hf"},
        {"HF_HOME": "$MODELS/hf"},
        {"HF_HOME": "~/hf", "XDG_CACHE_HOME": "/xdg"},
        {"HF_HOME": "~nobody-of-this-name/hf"},
        {"HUGGINGFACE_HUB_CACHE": "/old", "HF_HOME": "/home-of-hf"},
        {"HUGGINGFACE_HUB_CACHE": "${MODELS}/old"},
        {"HF_HUB_CACHE": "$MODELS/new", "HUGGINGFACE_HUB_CACHE": "/old"},
    ],
)
def test_cache_folder_is_that_of_huggingface_hub(told: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in {**told, "MODELS": "/models"}.items():
        monkeypatch.setenv(name, value)
    program = "from huggingface_hub.constants import HF_HUB_CACHE; print(HF_HUB_CACHE)"
    found = subprocess.run([sys.executable, "-c", program], env=dict(os.environ), capture_output=True, check=True)
    assert cache_folder() == Path(found.stdout.decode().strip())
