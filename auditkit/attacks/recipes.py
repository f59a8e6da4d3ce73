"""TextAttack's recipes by name: what each needs, and why some cannot be run here.

Nothing here imports TextAttack, so that a suite is validated in no time.
"""

from __future__ import annotations

from dataclasses import dataclass

from auditkit.errors import did_you_mean
from auditkit.resources import Resource

__all__ = ["ENCODER", "RECIPES", "STOP_WORDS", "Recipe", "find_recipe"]

ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
"""The sentence encoder of recipes that need one, where the suite names none."""

STOP_WORDS = Resource("nltk", "corpora/stopwords", "words that attacks leave alone")
_WORDNET = Resource("nltk", "corpora/wordnet", "synonyms")
_TAGGER = (
    Resource("nltk", "taggers/averaged_perceptron_tagger_eng", "parts of speech"),
    Resource("nltk", "taggers/universal_tagset", "parts of speech"),
)
_VECTORS = Resource("vectors", "paragramcf", "words of a similar meaning")
_BERT = "google-bert/bert-base-uncased"


@dataclass(frozen=True)
class Recipe:
    """An attack of the literature, as TextAttack builds it."""

    name: str
    """What suites call it."""
    target: str
    """``module:Class`` within ``textattack.attack_recipes``."""
    paper: str
    """Where it is described."""
    needs: tuple[Resource, ...] = ()
    """Files it needs, besides the stop words that all of them need."""
    encoder: bool = False
    """Whether it holds its candidates against a sentence encoder."""
    masked_lm: str | None = None
    """The masked language model it draws words from, unless the suite names another."""
    language_model: str | None = None
    """The language model it holds its candidates against."""
    keeps_prediction: bool = False
    """Whether it succeeds where the prediction stays, and so cannot be aimed at a label."""
    queries: int = 100
    """About how many questions a text costs."""
    refused: str = ""
    """Why it cannot be run here, or nothing."""


_GRADIENTS = "it needs the gradients of the model, and an audit asks for predictions only"
_NO_TABLE = "TextAttack's package lacks a file it needs (intentional_homoglyphs.txt)"
_TRANSLATION = "it attacks models that write text, not classifiers"
_FLAIR = "it needs models of flair that cannot be fetched ahead"
_STORE = "it needs models of TextAttack's own store that auditkit does not fetch"

_ALL = (
    Recipe(
        "a2t", "a2t_yoo_2021:A2TYoo2021", "https://arxiv.org/abs/2109.00544", refused=_GRADIENTS
    ),
    Recipe(
        "alzantot",
        "genetic_algorithm_alzantot_2018:GeneticAlgorithmAlzantot2018",
        "https://arxiv.org/abs/1804.07998",
        refused=_STORE,
    ),
    Recipe(
        "bad_characters",
        "bad_characters_2021:BadCharacters2021",
        "https://arxiv.org/abs/2106.09898",
        refused=_NO_TABLE,
    ),
    Recipe(
        "bae",
        "bae_garg_2019:BAEGarg2019",
        "https://arxiv.org/abs/2004.01970",
        needs=_TAGGER,
        encoder=True,
        masked_lm=_BERT,
    ),
    Recipe(
        "bert_attack",
        "bert_attack_li_2020:BERTAttackLi2020",
        "https://arxiv.org/abs/2004.09984",
        encoder=True,
        masked_lm=_BERT,
    ),
    Recipe(
        "checklist",
        "checklist_ribeiro_2020:CheckList2020",
        "https://arxiv.org/abs/2005.04118",
        refused=_FLAIR,
    ),
    Recipe(
        "chinese",
        "chinese_recipe:ChineseRecipe",
        "https://github.com/QData/TextAttack",
        refused=_STORE,
    ),
    Recipe(
        "clare",
        "clare_li_2020:CLARE2020",
        "https://arxiv.org/abs/2009.07502",
        needs=_TAGGER,
        encoder=True,
        masked_lm="distilbert/distilroberta-base",
        queries=1000,
    ),
    Recipe(
        "deepwordbug",
        "deepwordbug_gao_2018:DeepWordBugGao2018",
        "https://arxiv.org/abs/1801.04354",
        queries=35,
    ),
    Recipe(
        "faster_genetic_algorithm",
        "faster_genetic_algorithm_jia_2019:FasterGeneticAlgorithmJia2019",
        "https://arxiv.org/abs/1909.00986",
        refused=_STORE,
    ),
    Recipe(
        "french",
        "french_recipe:FrenchRecipe",
        "https://github.com/QData/TextAttack",
        refused=_FLAIR,
    ),
    Recipe(
        "hotflip",
        "hotflip_ebrahimi_2017:HotFlipEbrahimi2017",
        "https://arxiv.org/abs/1712.06751",
        refused=_GRADIENTS,
    ),
    Recipe(
        "iga",
        "iga_wang_2019:IGAWang2019",
        "https://arxiv.org/abs/1909.06723",
        needs=(_VECTORS,),
        queries=1000,
    ),
    Recipe(
        "input_reduction",
        "input_reduction_feng_2018:InputReductionFeng2018",
        "https://arxiv.org/abs/1804.07781",
        keeps_prediction=True,
        queries=30,
    ),
    Recipe(
        "kuleshov",
        "kuleshov_2017:Kuleshov2017",
        "https://openreview.net/forum?id=r1QZ3zbAZ",
        needs=(_VECTORS,),
        language_model="openai-community/gpt2",
        queries=500,
    ),
    Recipe(
        "leap",
        "leap_2023:LEAP2023",
        "https://arxiv.org/abs/2308.11284",
        needs=(_WORDNET,),
        queries=1000,
    ),
    Recipe(
        "morpheus",
        "morpheus_tan_2020:MorpheusTan2020",
        "https://aclanthology.org/2020.acl-main.263",
        refused=_TRANSLATION,
    ),
    Recipe(
        "pruthi",
        "pruthi_2019:Pruthi2019",
        "https://arxiv.org/abs/1905.11268",
        queries=500,
    ),
    Recipe(
        "pso",
        "pso_zang_2020:PSOZang2020",
        "https://aclanthology.org/2020.acl-main.540",
        refused=_STORE,
    ),
    Recipe(
        "pwws",
        "pwws_ren_2019:PWWSRen2019",
        "https://aclanthology.org/P19-1103",
        needs=(_WORDNET,),
        queries=150,
    ),
    Recipe(
        "seq2sick",
        "seq2sick_cheng_2018_blackbox:Seq2SickCheng2018BlackBox",
        "https://arxiv.org/abs/1803.01128",
        refused=_TRANSLATION,
    ),
    Recipe(
        "spanish",
        "spanish_recipe:SpanishRecipe",
        "https://github.com/QData/TextAttack",
        refused=_FLAIR,
    ),
    Recipe(
        "textbugger",
        "textbugger_li_2018:TextBuggerLi2018",
        "https://arxiv.org/abs/1812.05271",
        refused=_NO_TABLE,
    ),
    Recipe(
        "textfooler",
        "textfooler_jin_2019:TextFoolerJin2019",
        "https://arxiv.org/abs/1907.11932",
        needs=(_VECTORS, *_TAGGER),
        encoder=True,
        queries=100,
    ),
)

RECIPES = {recipe.name: recipe for recipe in _ALL}
"""All recipes of TextAttack by name, those that cannot be run here included."""


def find_recipe(name: str) -> Recipe:
    """Return the recipe that suites call ``name``.

    Raises
    ------
    ValueError
        If there is none, or it cannot be run here; says why.

    Examples
    --------
    >>> find_recipe("pwws").needs[0].name
    'corpora/wordnet'
    """
    recipe = RECIPES.get(name)
    if recipe is None:
        hint = did_you_mean(name, [one.name for one in _ALL if not one.refused])
        raise ValueError(f"there is no recipe '{name}'. {hint}, or ./file.py:Class")
    if recipe.refused:
        raise ValueError(f"the recipe '{name}' cannot be run here: {recipe.refused}")
    return recipe
