"""An attack of TextAttack made from a recipe, with its goal, its budget and its checkpoints."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from auditkit.attacks.checkpoints import load_encoder, load_masked_lm
from auditkit.attacks.library import quietly
from auditkit.attacks.pieces import encoder_similarity, masked_lm_parts
from auditkit.attacks.recipes import Recipe
from auditkit.attacks.victim import Victim
from auditkit.errors import AuditkitError, CheckError

__all__ = ["COLUMNS", "Checkpoints", "build_attack", "replaced_parts"]

COLUMNS = ("text", "pair")
"""What the two texts of a pair are called, so that no recipe takes them for premise and
hypothesis and leaves one of them alone."""

# A step's candidates are one question: the engine batches them.
_AT_ONCE = 2**20


@dataclass(frozen=True)
class Checkpoints:
    """Folders of models that recipes use besides the one under attack."""

    masked_lm: Path | None = None
    encoder: Path | None = None
    language_model: Path | None = None


def replaced_parts(recipe: Recipe) -> list[str]:
    """Return what of a recipe is not as TextAttack has it, each as a sentence without a stop."""
    said = []
    if recipe.encoder:
        said.append(
            "texts are compared by the suite's sentence encoder in place of the Universal "
            "Sentence Encoder, with the recipe's threshold"
        )
    if recipe.name == "clare":
        said.append("parts of speech are NLTK's in place of flair's")
    if recipe.name == "bert_attack":
        said.append("words of more than four pieces are left alone")
    if recipe.name == "kuleshov":
        said.append("it ends where the prediction changes, not at a probability below 0.7")
    return said


def build_attack(
    recipe: Recipe | type,
    victim: Victim,
    *,
    target: int | None,
    side: str | None,
    max_queries: int | None,
    unknown_token: str,
    checkpoints: Checkpoints,
) -> Any:
    """Build the attack of a recipe, to be used by one thread.

    Parameters
    ----------
    recipe
        A recipe of TextAttack, or a class with a static ``build(model_wrapper)``.
    victim
        Answers it.
    target
        The place of the label to aim at; None for any that is not the true one. A recipe's own
        untargeted goal becomes a changed prediction, whatever probability it asks for.
    side
        Of pairs, the one of :data:`COLUMNS` that may be changed; None for both.
    max_queries
        Questions a text may cost, as TextAttack counts them, repeated ones too; None for no end.
    unknown_token
        What a word is replaced by to see how much it matters.
    checkpoints
        Models that the recipe uses.

    Raises
    ------
    CheckError
        If a recipe of one's own cannot be built, or has a goal or a need that an audit cannot
        meet.
    """
    import textattack

    name = recipe.name if isinstance(recipe, Recipe) else recipe.__name__
    with quietly():
        if isinstance(recipe, Recipe):
            module, _, attribute = recipe.target.partition(":")
            place = importlib.import_module(f"textattack.attack_recipes.{module}")
            with _replaced(place, _parts(recipe, checkpoints)):
                built = getattr(place, attribute).build(victim)
        else:
            built = _built_by(recipe, victim)
        if not built.is_black_box:
            raise CheckError(f"the recipe '{name}' needs the model's gradients")
        goal = _goal(built.goal_function, victim, target, max_queries, name)
        constraints = [*built.pre_transformation_constraints, *built.constraints]
        if side is not None:
            other = {one for one in COLUMNS if one != side}
            constraints.append(
                textattack.constraints.pre_transformation.InputColumnModification(
                    list(COLUMNS), other
                )
            )
        attack = textattack.Attack(goal, constraints, built.transformation, built.search_method)
    if hasattr(attack.search_method, "unk_token"):
        attack.search_method.unk_token = unknown_token
    _hold_time(attack, victim)
    return attack


def _built_by(recipe: type, victim: Victim) -> Any:
    import textattack

    try:
        built = recipe.build(victim)  # type: ignore[attr-defined]
    except AuditkitError:
        raise
    except Exception as error:
        raise CheckError(
            f"build() of the recipe '{recipe.__name__}' raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(built, textattack.Attack):
        raise CheckError(
            f"build() of the recipe '{recipe.__name__}' returned a {type(built).__name__}",
            hint="Return a textattack.Attack",
        )
    return built


def _goal(goal: Any, victim: Victim, target: int | None, budget: int | None, name: str) -> Any:
    from textattack.goal_functions import (
        InputReduction,
        TargetedClassification,
        UntargetedClassification,
    )

    options: dict[str, Any] = {
        # The engine remembers answers; what is kept here would be another example's.
        "use_cache": False,
        "model_batch_size": _AT_ONCE,
        "query_budget": float("inf") if budget is None else budget,
    }
    if isinstance(goal, InputReduction):
        if target is not None:
            raise CheckError(f"the recipe '{name}' cannot be aimed at a label")
        return InputReduction(
            victim,
            maximizable=goal.maximizable,
            target_num_words=goal.target_num_words,
            **options,
        )
    if target is not None:
        return TargetedClassification(victim, target_class=target, **options)
    if isinstance(goal, UntargetedClassification):
        return UntargetedClassification(victim, **options)
    if isinstance(goal, TargetedClassification):
        return TargetedClassification(victim, target_class=goal.target_class, **options)
    raise CheckError(
        f"the goal of the recipe '{name}' is {type(goal).__name__}",
        hint="An audit knows UntargetedClassification, TargetedClassification and InputReduction",
    )


def _hold_time(attack: Any, victim: Victim) -> None:
    """Look at the clock before texts are transformed too: some recipes do little else."""
    transform = attack.search_method.get_transformations

    def transform_in_time(*arguments: Any, **options: Any) -> Any:
        victim.hold_time()
        return transform(*arguments, **options)

    attack.search_method.get_transformations = transform_in_time


@contextmanager
def _replaced(place: Any, parts: Mapping[str, Any]) -> Iterator[None]:
    """Let names in a recipe's module stand for other parts while it is built."""
    before = {name: getattr(place, name) for name in parts}
    for name, part in parts.items():
        setattr(place, name, part)
    try:
        yield
    finally:
        for name, part in before.items():
            setattr(place, name, part)


def _parts(recipe: Recipe, checkpoints: Checkpoints) -> dict[str, Any]:
    """Return what takes the place of parts that TextAttack loads by name, by their names."""
    parts: dict[str, Any] = {}
    if recipe.encoder:
        assert checkpoints.encoder is not None  # noqa: S101
        parts["UniversalSentenceEncoder"] = partial(
            encoder_similarity(), load_encoder(checkpoints.encoder)
        )
    if recipe.masked_lm is not None:
        assert checkpoints.masked_lm is not None  # noqa: S101
        loaded = load_masked_lm(checkpoints.masked_lm)
        kinds = masked_lm_parts()
        for name in kinds if recipe.name == "clare" else ("WordSwapMaskedLM",):
            parts[name] = partial(
                kinds[name],
                masked_language_model=loaded.model,
                tokenizer=loaded.tokenizer,
                max_length=loaded.max_length,
            )
        if recipe.name == "clare":
            parts["transformers"] = SimpleNamespace(
                AutoModelForCausalLM=_Given(loaded.model), AutoTokenizer=_Given(loaded.tokenizer)
            )
    if recipe.language_model is not None:
        from textattack.constraints.grammaticality.language_models import GPT2

        assert checkpoints.language_model is not None  # noqa: S101
        parts["GPT2"] = partial(GPT2, model_name=str(checkpoints.language_model))
    return parts


class _Given:
    """Loads what it was given."""

    def __init__(self, loaded: object) -> None:
        self._loaded = loaded

    def from_pretrained(self, _: str) -> object:
        return self._loaded
