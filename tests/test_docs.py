"""The guides' Python examples, run as a reader would: each page from top to bottom in an empty folder."""

import re
from pathlib import Path

import pytest

from siren_sr import init, omega
from siren_sr.superres import STRATEGIES
from siren_sr.training import objectives, recipes

REGISTRIES = (init.INITIALIZERS, objectives.OBJECTIVES, omega.MEASURES, recipes.RECIPES, STRATEGIES)

DOCS = Path(__file__).parents[1] / "docs"
GUIDES = sorted([*DOCS.glob("*.md"), *DOCS.glob("tutorials/*.md")])
PAGES = [page for page in GUIDES if "```python" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = [dict(registry) for registry in REGISTRIES]
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    try:
        for i, block in enumerate(blocks):
            exec(compile(block, f"{page.name}, example {i + 1}", "exec"), names)
    finally:  # a page may register an initializer of its own
        for registry, content in zip(REGISTRIES, before, strict=True):
            registry.clear()
            registry.update(content)
