"""How the model holds against somebody who wants it to be wrong: TextAttack's recipes."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pyarrow as pa
from pydantic import Field, Strict, model_validator

from auditkit.attacks.building import COLUMNS, Checkpoints, build_attack, replaced_parts
from auditkit.attacks.checkpoints import load_encoder
from auditkit.attacks.driver import Attacker, Outcome
from auditkit.attacks.library import import_textattack, require_textattack
from auditkit.attacks.own_recipes import hold_recipe_file, load_recipe
from auditkit.attacks.recipes import ENCODER, STOP_WORDS, Recipe, find_recipe
from auditkit.attacks.victim import Victim, probabilities
from auditkit.data.sampling import stratified
from auditkit.errors import CheckError, did_you_mean
from auditkit.evaluators.base import Collector, Context, Evaluator, Isolation, Params, Task
from auditkit.evaluators.stated import OrText, stated_digest
from auditkit.metrics import Mean, Metric, Ratio, Statistic
from auditkit.python_files import names_a_file
from auditkit.resources import Resource, Resources

if TYPE_CHECKING:
    from auditkit.data import Examples

__all__ = ["Attack", "AttackParams", "RecipeSetting"]

_COLUMNS = pa.schema(
    [
        ("example_id", pa.string()),
        ("recipe", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("attempted", pa.bool_()),
        ("succeeded", pa.bool_()),
        ("judged", pa.bool_()),
        ("withstood", pa.bool_()),
        ("not_attacked", pa.bool_()),
        ("label", pa.string()),
        ("original_prediction", pa.string()),
        ("adversarial_prediction", pa.string()),
        ("original_probability", pa.float64()),
        ("adversarial_probability", pa.float64()),
        ("original_text", pa.string()),
        ("original_pair", pa.string()),
        ("adversarial_text", pa.string()),
        ("adversarial_pair", pa.string()),
        ("words", pa.int64()),
        ("changed_words", pa.int64()),
        ("perturbed_word_share", pa.float64()),
        ("queries", pa.int64()),
        ("similarity", pa.float64()),
    ]
)

# What differs in the last bits between machines is not evidence.
_DIGITS = 6


class RecipeSetting(Params):
    """A recipe: its name, or ``./file.py:Class`` for one of one's own."""

    name: str = Field(min_length=1)
    """Its name, such as ``deepwordbug``, or ``./file.py:Class``, a class with a static
    ``build(model_wrapper)`` that returns a ``textattack.Attack``."""
    digest: str | None = None
    """SHA-256 of the file of a recipe of one's own; it need not be written."""

    @model_validator(mode="before")
    @classmethod
    def _in_full(cls, stated: Any) -> Any:
        if isinstance(stated, str):
            stated = {"name": stated}
        if not isinstance(stated, Mapping) or not isinstance(name := stated.get("name"), str):
            return stated
        if not names_a_file(name):
            find_recipe(name)
            return stated
        digest = stated_digest(name.rpartition(":")[0], stated.get("digest"))
        hold_recipe_file(name)
        return {**stated, "digest": digest}

    @property
    def recipe(self) -> Recipe | None:
        """The recipe of TextAttack that it names, or None for one of one's own."""
        return None if names_a_file(self.name) else find_recipe(self.name)

    @property
    def shown(self) -> str:
        """What slices call it: the name, or the class's."""
        return self.name.rpartition(":")[2]


class AttackParams(Params):
    """What attacks the model, and for how long."""

    recipes: Annotated[
        tuple[Annotated[RecipeSetting, OrText()], ...], Strict(False), Field(min_length=1)
    ] = (RecipeSetting(name="deepwordbug"),)
    """Recipes of TextAttack by name, or ``./file.py:Class``."""
    examples: Annotated[int, Field(ge=1)] = 200
    """Examples drawn from the data by the run's seed, in proportion to labels and groups."""
    max_queries: Annotated[int, Field(ge=2)] | None = 1000
    """Questions the attack of one text may cost, as TextAttack counts them; null for no end."""
    max_seconds: Annotated[float, Field(gt=0, strict=False)] | None = None
    """Seconds the attack of one text may compute, waiting for the model not counted. With it,
    two runs may differ."""
    target: str | None = None
    """The label to aim at; by default any but the true one."""
    side: Literal["text", "pair"] | None = None
    """Which text of a pair may be changed; by default both."""
    masked_lm: str | None = None
    """Checkpoint of the masked language model for the recipes that draw words from one."""
    encoder: str | None = None
    """Checkpoint of a sentence encoder that tells how alike two texts are."""

    @model_validator(mode="after")
    def _hold_together(self) -> AttackParams:
        shown = [one.shown for one in self.recipes]
        for name in shown:
            if shown.count(name) > 1:
                raise ValueError(f"the recipe '{name}' is named twice")
        known = [one.recipe for one in self.recipes if one.recipe is not None]
        if self.masked_lm is not None and not any(one.masked_lm for one in known):
            raise ValueError("none of the recipes uses the masked_lm")
        for one in known:
            if self.target is not None and one.keeps_prediction:
                raise ValueError(
                    f"the recipe '{one.name}' cannot be aimed at a label: it succeeds where the "
                    "prediction stays"
                )
        return self

    @property
    def encoder_used(self) -> str | None:
        """The sentence encoder, named or needed by a recipe."""
        needed = any(one.recipe.encoder for one in self.recipes if one.recipe is not None)
        return self.encoder or (ENCODER if needed else None)


class _Attackers(threading.local):
    """Attacks made ready in a thread: none may be used by two."""

    def __init__(self) -> None:
        self.made: dict[str, Attacker] = {}


class Attack(Collector):
    """Attack success rate and accuracy under attack, by recipe.

    A row an example and recipe. ``status`` is ``succeeded``; ``failed``, the attack came to its
    end without success; ``skipped``, the model was wrong from the start; ``not_attacked``, the
    attack was ended by ``max_queries`` or ``max_seconds`` or by an error of its own, which
    ``reason`` tells. With a ``target`` a success is a prediction of that label, examples labelled
    so are not drawn, and skipped is only what is predicted so already. ``input_reduction``
    succeeds where words can be taken away and the prediction stays.

    - ``attack_success_rate``: succeeded / (succeeded + failed).
    - ``accuracy_under_attack``: the share of examples, without those not attacked, whose
      prediction was right and withstood. What was wrong from the start counts against the model.
    - ``perturbed_word_rate``: mean over successes of words put in, taken out or replaced (the
      shortest way) over the words of the original. TextAttack compares place by place instead.
      It tells of the attack as much as of the model, so neither way is better.
    - ``queries``: mean over succeeded and failed attacks of the distinct inputs they asked.
      TextAttack also counts repeated ones, here only against ``max_queries``.
    - ``not_attacked_rate``: the share of examples whose attack did not come to its end.
    - ``similarity``: mean over successes of the cosine similarity of original and adversarial
      text, where there is an encoder.

    Notes
    -----
    Attacks search with TextAttack (Morris et al. 2020, arXiv:2005.05909); each example and recipe
    has seeded generators of its own. Candidates may be scored in the search dtype; each success is
    confirmed in the run's own, and where that fails the search of the text goes on in it.
    ``max_seconds`` is of computing: waiting for the model, which depends on who else asks, is not
    counted. It is looked at before each question and each transformation; one transformation
    cannot be interrupted.
    """

    name = "attack"
    version = "1"
    tasks = frozenset({Task.TEXT, Task.PAIR})
    refusal = (
        "TextAttack's goals know one label a text, and where several may hold there is no agreed "
        "meaning of success"
    )
    isolation = Isolation.PROCESS
    # So little that all slots of a worker have something to do, and little is lost at the end.
    shard_size = 2
    concurrency = 64
    rests_on = ("attacks/*.py",)
    libraries = ("textattack", "nltk")
    Params = AttackParams
    params: AttackParams

    def __init__(self, params: AttackParams) -> None:
        super().__init__(params)
        self._attackers = _Attackers()

    def for_task(self, task: Task) -> Evaluator:
        """Refuse a side where there are no pairs."""
        if self.params.side is not None and task is not Task.PAIR:
            raise ValueError(f"'side: {self.params.side}' is for pairs of texts")
        return self

    def hold_labels(self, labels: Sequence[str]) -> None:
        """Refuse a target that is no label of the model."""
        if self.params.target is not None and self.params.target not in labels:
            raise ValueError(f"the target '{self.params.target}' is no label of the model")

    def slice_values(self) -> Mapping[str, Collection[str]]:
        """Return the names of the recipes."""
        return {"recipe": [setting.shown for setting in self.params.recipes]}

    def metrics(self) -> Sequence[Metric]:
        """Return the metrics, each by recipe."""

        def metric(
            name: str, statistic: Statistic, better: Literal["higher", "lower", "none"]
        ) -> Metric:
            return Metric(name, statistic, better, slice_by=("recipe",))

        found = [
            metric("attack_success_rate", Ratio("succeeded", "attempted"), "lower"),
            metric("accuracy_under_attack", Ratio("withstood", "judged"), "higher"),
            metric("perturbed_word_rate", Mean("perturbed_word_share"), "none"),
            metric("queries", Mean("queries"), "none"),
            metric("not_attacked_rate", Mean("not_attacked"), "lower"),
        ]
        if self.params.encoder_used is not None:
            found.append(metric("similarity", Mean("similarity"), "none"))
        return found

    def resources(self) -> Sequence[Resource]:
        """Return what the recipes need, each once."""
        found = {STOP_WORDS: None}
        for setting in self.params.recipes:
            recipe = setting.recipe
            if recipe is None:
                continue
            found |= dict.fromkeys(recipe.needs)
            for resource in (self._masked_lm(recipe), _language_model(recipe)):
                if resource is not None:
                    found[resource] = None
        if (encoder := self._encoder()) is not None:
            found[encoder] = None
        return list(found)

    def _masked_lm(self, recipe: Recipe) -> Resource | None:
        if recipe.masked_lm is None:
            return None
        return Resource("hub", self.params.masked_lm or recipe.masked_lm, "words in a context")

    def _encoder(self) -> Resource | None:
        name = self.params.encoder_used
        return None if name is None else Resource("hub", name, "how alike two texts are")

    def select(self, data: Examples, context: Context) -> Examples:
        """Draw examples in proportion to labels and groups; none that has the target label.

        Raises
        ------
        CheckError
            If TextAttack is not installed, or the target is no label of the model.
        """
        require_textattack()
        target = self.params.target
        if target is not None:
            if target not in context.labels:
                raise CheckError(
                    f"the target '{target}' is no label of the model",
                    hint=did_you_mean(target, list(context.labels)),
                )
            labels = data.table.column("label").to_pylist()
            data = data.take([row for row, label in enumerate(labels) if label != target])
        if len(data) == 0:
            return data
        return data.take(stratified(data, self.params.examples, context.rng("sample")))

    def remarks(self, data: Examples, context: Context) -> Sequence[str]:
        """Say how many were drawn, what recipes were changed in, and how was searched."""
        said = []
        if len(data) < data.rows_total:
            said.append(
                f"{len(data):,} of {data.rows_total:,} examples were attacked, drawn in proportion "
                "to labels and groups"
            )
        if self.params.target is not None:
            said.append(
                f"attacks aim at the label '{self.params.target}'; examples labelled so are left "
                "out"
            )
        for setting in self.params.recipes:
            if setting.recipe is None:
                continue
            if setting.recipe.keeps_prediction:
                said.append(
                    f"the recipe {setting.shown} succeeds where the prediction stays with fewer "
                    "words"
                )
            said += [
                f"the recipe {setting.shown}: {part}" for part in replaced_parts(setting.recipe)
            ]
        if _searches(context):
            said.append(
                f"candidates were scored in {context.engine.search_dtype}, and every success was "
                f"confirmed in {context.engine.info.dtype}"
            )
        if self.params.max_seconds is not None:
            said.append("attacks are limited in time, so another run may come to other figures")
        return said

    def preload(self, resources: Resources) -> None:
        """Import TextAttack, which takes many seconds."""
        import_textattack(resources)

    def queries(self, examples: int) -> int:
        """About how many questions the attacks cost: it differs much between models."""
        most = self.params.max_queries
        each = [100 if one.recipe is None else one.recipe.queries for one in self.params.recipes]
        drawn = min(examples, self.params.examples)
        return drawn * sum(one if most is None else min(one, most) for one in each)

    def collect(self, shard: Examples, context: Context) -> pa.Table:
        """Return a row for each recipe of the one example of ``shard``."""
        import_textattack(context.resources)
        (example,) = shard.table.to_pylist()
        (said,) = context.predictions.to_pylist()
        rows = []
        for setting in self.params.recipes:
            attacker = self._attacker(setting, context)
            name = f"{example['example_id']} {setting.shown}"
            outcome = attacker.attack(
                shard.inputs()[0],
                context.labels.index(example["label"]),
                context.engine.predict,
                search=_searches(context),
                seeded=partial(context.seeded, name),
            )
            rows.append(self._row(setting, example, said, outcome, context))
        return pa.Table.from_pylist(rows, schema=_COLUMNS)

    def _attacker(self, setting: RecipeSetting, context: Context) -> Attacker:
        """Return the attack of a recipe, made when this thread asks for it first."""
        made = self._attackers.made.get(setting.shown)
        if made is None:
            recipe = setting.recipe
            victim = Victim()
            target = self.params.target
            with context.seeded(f"building {setting.shown}"):
                attack = build_attack(
                    recipe or load_recipe(setting.name, setting.digest),
                    victim,
                    target=None if target is None else context.labels.index(target),
                    side=self.params.side,
                    max_queries=self.params.max_queries,
                    unknown_token=context.engine.info.unknown_token,
                    checkpoints=self._checkpoints(recipe, context),
                )
            made = Attacker(attack, victim, self.params.max_seconds)
            self._attackers.made[setting.shown] = made
        return made

    def _checkpoints(self, recipe: Recipe | None, context: Context) -> Checkpoints:
        if recipe is None:
            return Checkpoints()
        needed = (
            self._masked_lm(recipe),
            self._encoder() if recipe.encoder else None,
            _language_model(recipe),
        )
        return Checkpoints(
            *(None if one is None else context.resources.require(one) for one in needed)
        )

    def _row(
        self,
        setting: RecipeSetting,
        example: Mapping[str, Any],
        said: Mapping[str, Any],
        outcome: Outcome,
        context: Context,
    ) -> dict[str, Any]:
        prediction = said["prediction"]
        attempted = outcome.status in ("succeeded", "failed")
        judged = outcome.status != "not_attacked"
        row = {
            "example_id": example["example_id"],
            "recipe": setting.shown,
            "status": outcome.status,
            "reason": outcome.reason,
            "attempted": attempted,
            "succeeded": outcome.status == "succeeded" if attempted else None,
            "judged": judged,
            "withstood": (outcome.status == "failed" and bool(said["correct"])) if judged else None,
            "not_attacked": not judged,
            "label": example["label"],
            "original_prediction": prediction,
            "original_probability": said[f"probability:{prediction}"],
            "original_text": example["text"],
            "original_pair": example.get("text_pair"),
            "words": outcome.words,
            "queries": outcome.queries if attempted else None,
        }
        if outcome.adversarial is not None and outcome.logits is not None:
            (shares,) = probabilities(outcome.logits[None])
            found = outcome.adversarial
            row |= dict(
                zip(
                    [f"adversarial_{column}" for column in COLUMNS],
                    (found,) if isinstance(found, str) else found,
                    strict=False,
                )
            )
            row |= {
                "adversarial_prediction": context.labels[int(outcome.logits.argmax())],
                "adversarial_probability": float(shares[context.labels.index(prediction)]),
                "changed_words": outcome.changed_words,
                "similarity": self._similarity(example, found, context),
            }
            if outcome.words and outcome.changed_words is not None:
                row["perturbed_word_share"] = outcome.changed_words / outcome.words
        return row

    def _similarity(
        self, example: Mapping[str, Any], found: str | tuple[str, str], context: Context
    ) -> float | None:
        encoder = self._encoder()
        if encoder is None:
            return None
        before = "\n".join(one for one in (example["text"], example.get("text_pair")) if one)
        after = found if isinstance(found, str) else "\n".join(one for one in found if one)
        alike = load_encoder(context.resources.require(encoder)).similarity(before, after)
        return round(alike, _DIGITS)


def _language_model(recipe: Recipe) -> Resource | None:
    if recipe.language_model is None:
        return None
    return Resource("hub", recipe.language_model, "how likely a word is in its text")


def _searches(context: Context) -> bool:
    """Whether candidates are asked in a dtype of their own."""
    return context.engine.search_dtype != context.engine.info.dtype
