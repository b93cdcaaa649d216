from __future__ import annotations

import yaml

from trainer.data import terms
from trainer.recipe import load_recipe


def test_each_source_with_its_terms_and_an_unknown_one_says_so() -> None:
    assert terms.with_terms({"hrf": 45, "STARE": 2, "our-clinic": 3}) == [
        "hrf: 45 photographs; HRF (Budai 2013), CC BY 4.0, commercial use allowed",
        "STARE: 2 photographs; STARE (Hoover 2000), research use",
        "our-clinic: 3 photographs; terms not known here: see who owns them",
    ]


def test_the_open_recipe_learns_only_from_what_a_company_may_use() -> None:
    known = yaml.safe_load(terms.TERMS.read_text())
    only = load_recipe("open").only
    assert only
    assert all("commercial use allowed" in known[name] for name in only)
