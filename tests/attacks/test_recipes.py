"""The table of recipes against TextAttack's package as it lies on disk, which is not imported."""

import ast
import importlib.util
import random
from pathlib import Path

import pytest

from auditkit.attacks.own_recipes import hold_recipe_file
from auditkit.attacks.recipes import RECIPES, find_recipe
from auditkit.attacks.words import word_edits


def _classes(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [one.name for one in tree.body if isinstance(one, ast.ClassDef)]


def _package() -> Path:
    found = importlib.util.find_spec("textattack")
    if found is None or found.origin is None:
        pytest.skip("TextAttack is not installed")
    return Path(found.origin).parent


def test_the_table_has_every_recipe_of_textattack_and_no_other():
    folder = _package() / "attack_recipes"
    there = {
        f"{path.stem}:{name}"
        for path in folder.glob("*.py")
        if path.stem not in ("__init__", "attack_recipe")
        for name in _classes(path)
    }
    assert {one.target for one in RECIPES.values()} == there


def test_recipes_that_name_a_model_of_the_hub_say_so():
    folder = _package() / "attack_recipes"
    for recipe in RECIPES.values():
        if recipe.refused:
            continue
        source = (folder / f"{recipe.target.partition(':')[0]}.py").read_text(encoding="utf-8")
        assert recipe.encoder == ("UniversalSentenceEncoder(" in source), recipe.name
        assert (recipe.masked_lm is not None) == ("MaskedLM(" in source), recipe.name
        assert (recipe.language_model is not None) == ("GPT2(" in source), recipe.name
        needed = {one.name for one in recipe.needs}
        assert ("paragramcf" in needed) == ("Embedding" in source), recipe.name
        assert ("corpora/wordnet" in needed) == ("WordSwapWordNet(" in source), recipe.name
        tagged = "PartOfSpeech(" in source or "WordMergeMaskedLM(" in source
        assert ("taggers/universal_tagset" in needed) == tagged, recipe.name


def test_recipes_are_refused_with_the_reason():
    with pytest.raises(ValueError, match="'hotflip' cannot be run here: it needs the gradients"):
        find_recipe("hotflip")
    with pytest.raises(ValueError, match=r"lacks a file it needs \(intentional_homoglyphs.txt\)"):
        find_recipe("textbugger")


@pytest.mark.parametrize(
    ("before", "after", "edits"),
    [
        ("", "", 0),
        ("", "a b", 2),
        ("a b", "", 2),
        ("a b c d", "a b c d", 0),
        ("a b c d", "b c d", 1),
        ("a b c d", "a x b c d", 1),
        ("a b c d", "d c b a", 4),
        ("the film is very good", "film is vrey goood so", 4),
    ],
)
def test_word_edits_of_hand_worked_cases(before, after, edits):
    assert word_edits(before.split(), after.split()) == edits


def test_word_edits_is_a_distance():
    rng = random.Random(3)
    texts = [rng.choices("abcd", k=rng.randrange(9)) for _ in range(12)]
    for first in texts:
        for second in texts:
            edits = word_edits(first, second)
            assert edits == word_edits(second, first)
            assert (edits == 0) == (first == second)
            assert abs(len(first) - len(second)) <= edits <= max(len(first), len(second))
            assert all(edits <= word_edits(first, x) + word_edits(x, second) for x in texts)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("class Mine:\n    def build(self)\n", r"mine.py:2 is not Python: expected ':'"),
        ("class Mime:\n    pass\n", "has no class 'Mine'. Did you mean 'Mime'"),
        ("x = 1\nclass Mine:\n    pass\n", r"mine.py:2: the class 'Mine' has no build"),
    ],
)
def test_a_recipe_file_that_is_none_is_refused_with_its_line(tmp_path, source, message):
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(ValueError, match=message):
        hold_recipe_file(f"{path}:Mine")
