"""What a suite says, as frozen pydantic models."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    Strict,
    ValidationError,
    model_validator,
)

from auditkit.errors import SuiteError, UsageError
from auditkit.suite.document import Document, KeyPath, Plain
from auditkit.suite.messages import first_problem

__all__ = [
    "RESERVED_GROUPS",
    "SCHEMA",
    "CardTexts",
    "CheckConfig",
    "DataConfig",
    "Requirement",
    "Suite",
    "content_digest",
]

SCHEMA = 1
"""The newest schema of a suite file that is understood."""

RESERVED_GROUPS = frozenset(
    {
        *("group", "label", "kind", "severity", "side", "recipe", "lexicon", "pair", "explainer"),
        "bias_type",
    }
)
"""Names a group column may not have: keys of a slice with a meaning of their own."""

_Model = TypeVar("_Model", bound=BaseModel)


def _value(scalar: Any) -> Any:
    return scalar.value if isinstance(scalar, Plain) else scalar


def _text(scalar: Any) -> Any:
    """Keep the spelling of what YAML reads as a number or as true; null stays null."""
    if isinstance(scalar, Plain):
        return None if scalar.value is None else scalar.spelling
    return scalar


def _or_empty(value: Any) -> Any:
    return () if _value(value) is None else value


def _or_empty_mapping(value: Any) -> Any:
    return {} if _value(value) is None else value


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("should not be empty")
    return text


def _not_reserved(name: str) -> str:
    if name in RESERVED_GROUPS:
        raise ValueError(f"the name '{name}' is reserved. Rename the column in the data")
    return name


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"names '{twice[0]}' twice")
    return names


def _identifier(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise ValueError(f"should be made of letters, digits, '-' and '_' only, not '{text}'")
    return text


def _check_name(name: str) -> str:
    if name == "predictions":
        raise ValueError("the name 'predictions' is taken by the table of predictions")
    return _identifier(name)


Text = Annotated[str, AfterValidator(_not_blank), BeforeValidator(_text)]
SliceText = Annotated[str, BeforeValidator(_text)]
OptionalText = Annotated[Annotated[str, AfterValidator(_not_blank)] | None, BeforeValidator(_text)]
Identifier = Annotated[str, AfterValidator(_identifier), BeforeValidator(_text)]
CheckName = Annotated[str, AfterValidator(_check_name), BeforeValidator(_text)]
GroupColumn = Annotated[
    str, AfterValidator(_not_reserved), AfterValidator(_not_blank), BeforeValidator(_text)
]
Groups = Annotated[tuple[GroupColumn, ...], AfterValidator(_distinct), BeforeValidator(_or_empty)]
TextByText = Annotated[Mapping[str, SliceText], BeforeValidator(_or_empty_mapping)]
Flag = Annotated[bool, BeforeValidator(_value)]
Positive = Annotated[int, Strict(), Field(ge=1), BeforeValidator(_value)]
Number = Annotated[float, Strict(), AllowInfNan(False)]
OptionalNumber = Annotated[Number | None, BeforeValidator(_value)]
Seconds = Annotated[float, Strict(), AllowInfNan(False), Field(gt=0)]
Confidence = Annotated[float, Strict(), Field(gt=0, lt=1), BeforeValidator(_value)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(_Frozen):
    """Which examples are audited and what their columns mean."""

    path: OptionalText = None
    """A file (CSV, TSV, JSON Lines, Parquet), relative to the current folder, or a hub id.

    Left out by a suite that is for files of predictions only.
    """
    name: OptionalText = None
    """The configuration of a hub data set that has several."""
    split: OptionalText = None
    """The split of a hub data set that has several."""
    revision: OptionalText = None
    """The commit, tag or branch of a hub data set."""
    text: Text = "text"
    """Column of the texts."""
    pair: OptionalText = None
    """Column of the second texts, where the task is about pairs."""
    label: Text = "label"
    """Column of the true labels: names or ids of the model's labels."""
    prediction: OptionalText = None
    """Column of the predicted labels in a file of predictions; ``prediction`` by default."""
    score: OptionalText = None
    """Column of the positive label's probability in a file of predictions, of two labels."""
    scores: TextByText = Field(default_factory=dict)
    """Column of each label's probability in a file of predictions, by label."""
    id: OptionalText = None
    """Column of unique example ids; without one the ids are made from the content."""
    groups: Groups = ()
    """Columns that say which groups an example belongs to."""
    rationale: OptionalText = None
    """Column of the words that people marked as the reason for the label."""
    labels: TextByText = Field(default_factory=dict)
    """The model's label for each value of the label column, where the two differ."""
    quoting: Annotated[Literal["none", "minimal"] | None, BeforeValidator(_text)] = None
    """Whether ``"`` quotes cells; by default ``minimal`` in CSV and ``none`` in TSV."""

    @property
    def location(self) -> str:
        """``path``, empty where the suite has none."""
        return self.path or ""

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        roles = {"text": self.text, "pair": self.pair, "label": self.label}
        # Where no text is read, its column's default name may be the name of anything.
        if self.path is None:
            del roles["text"]
        roles |= {"prediction": self.prediction, "score": self.score}
        roles |= {f"scores.{label}": column for label, column in self.scores.items()}
        if self.score is not None and self.scores:
            raise ValueError("has both 'score', for two labels, and 'scores'")
        taken: dict[str, str] = {}
        for role, column in roles.items():
            if column is None:
                continue
            if column in taken:
                raise ValueError(f"'{taken[column]}' and '{role}' name the same column '{column}'")
            taken[column] = role
        return self


class CheckConfig(_Frozen):
    """One evaluator with its settings."""

    RESERVED: ClassVar[tuple[str, ...]] = ("evaluator", "data", "minimum_group", "timeout")
    """The settings that mean the same for every evaluator; the others are its parameters."""

    name: CheckName
    evaluator: Text
    """The evaluator's name; the check's own where the suite names none."""
    data: DataConfig | None = None
    """Examples of its own, in place of the suite's."""
    minimum_group: Positive = 30
    """Groups with fewer rows are counted but not measured."""
    timeout: Annotated[Seconds | None, BeforeValidator(_value)] = None
    """Seconds that collecting rows of its own may take; a check that takes longer is in error."""
    params: Mapping[str, Any] = Field(default_factory=dict)
    """The evaluator's parameters as written."""


class Requirement(_Frozen):
    """A bound on a measurement, with the confidence it must hold at."""

    metric: Text
    """``check.metric``."""
    where: TextByText = Field(default_factory=dict)
    """The whole slice; empty means overall."""
    min: OptionalNumber = None
    """The least value allowed."""
    max: OptionalNumber = None
    """The largest value allowed."""
    confidence: Confidence = 0.95
    """Two-sided confidence of the interval it is judged on."""
    bound: Annotated[Literal["interval", "point"], BeforeValidator(_text)] = "interval"
    """Whether the near end of the interval or the value itself is judged."""
    min_n: Positive = 1
    """Fewer rows than this make the verdict inconclusive."""

    _line: int | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("has neither 'min' nor 'max'")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"has a 'min' ({self.min:g}) above its 'max' ({self.max:g})")
        check, dot, metric = self.metric.partition(".")
        if not (check and dot and metric):
            raise ValueError(f"the metric '{self.metric}' should be written check.metric")
        return self

    @property
    def check(self) -> str:
        """The check whose metric is judged."""
        return self.metric.partition(".")[0]

    @property
    def line(self) -> int | None:
        """The line it is on; None where it is inherited or came from no file."""
        return self._line

    @property
    def id(self) -> str:
        """The metric and eight hex digits of a digest over metric, slice, min and max.

        It does not change with the order of the requirements, the confidence or the spelling.

        >>> Requirement(metric="performance.accuracy", min=0.5).id
        'performance.accuracy-8dc479f8'
        """
        said = _canonical([self.metric, dict(self.where), self.min, self.max])
        return f"{self.metric}-{hashlib.sha256(said).hexdigest()[:8]}"

    def describe(self) -> str:
        """Return the requirement in words.

        >>> Requirement(metric="fairness.accuracy", where={"gender": "female"}, min=0.85).describe()
        'fairness.accuracy for gender=female at least 0.85 (95% confidence)'
        """
        where = ", ".join(f"{key}={value}" for key, value in self.where.items())
        if self.min is not None and self.max is not None:
            limit = f"between {self.min!r} and {self.max!r}"
        elif self.min is not None:
            limit = f"at least {self.min!r}"
        else:
            limit = f"at most {self.max!r}"
        how = (
            "the value itself"
            if self.bound == "point"
            else f"{100 * self.confidence:g}% confidence"
        )
        rows = f", at least {self.min_n} rows" if self.min_n > 1 else ""
        return f"{self.metric}{f' for {where}' if where else ''} {limit} ({how}{rows})"


class CardTexts(_Frozen):
    """What only a person can say, and how much of the texts may be shown.

    What nobody said shows as a gap on the card.
    """

    intended_use: OptionalText = None
    """What the model is for, and who is meant to use it."""
    out_of_scope_use: OptionalText = None
    """What it is not to be used for."""
    limitations: OptionalText = None
    """Where it is known to fail."""
    training_data: OptionalText = None
    """What it was trained on."""
    contact: OptionalText = None
    """Whom to ask, or to tell of a defect."""
    license: OptionalText = None
    """Under which terms it may be used."""
    examples: Annotated[Literal["none", "redacted", "full"], BeforeValidator(_text)] = "redacted"
    """How much of people's texts the card may show.

    ``redacted`` shows of a text only changed words, a few at most, and a block for every other
    word, digit, address and handle; a changed word may still be a name. ``full`` shows the texts,
    ``none`` no examples.
    """


class Suite(_Frozen):
    """A suite file: data, checks, requirements and what the card should say."""

    auditkit: Annotated[int, Strict(), BeforeValidator(_value)]
    """The schema of the file."""
    include: Annotated[OptionalText, Field(exclude=True)] = None
    """Another suite this one begins from: a path relative to this file, or a name."""
    name: Identifier
    """Names the suite and the folder of its runs; the file's own name by default."""
    task: Annotated[Literal["text-classification"], BeforeValidator(_text)]
    """What the model does."""
    multi_label: Flag = False
    """Whether several labels may hold for one text."""
    data: DataConfig
    """Which examples are audited and what their columns mean."""
    positive: OptionalText = None
    """The label that rates are about, where it matters."""
    positive_means: OptionalText = None
    """What the positive label means for the person concerned, such as ``approved``."""
    checks: Annotated[Mapping[str, CheckConfig], Field(min_length=1)]
    """By name, in the order of the file."""
    requirements: Annotated[tuple[Requirement, ...], BeforeValidator(_or_empty)] = ()
    """Bounds on measurements, each with the confidence it must hold at."""
    card: Annotated[CardTexts, BeforeValidator(_or_empty_mapping)] = Field(
        default_factory=CardTexts
    )
    """What only a person can say, and how much of the texts the card may show."""

    _document: Document | None = PrivateAttr(default=None)
    _source: str | None = PrivateAttr(default=None)
    _implied: bool = PrivateAttr(default=False)

    @model_validator(mode="after")
    def _positive_named(self) -> Self:
        if self.positive_means is not None and self.positive is None:
            raise ValueError("'positive_means' needs 'positive', the label it speaks of")
        return self

    @property
    def file(self) -> Path | None:
        """The file it was read from."""
        return self._document.file if self._document else None

    @property
    def included(self) -> tuple[Path, ...]:
        """The files it inherits from, the nearest first."""
        return self._document.included if self._document else ()

    @property
    def source(self) -> str:
        """The path or the name it was asked for by; its own name where it came from no file."""
        return self._source or self.name

    @property
    def implied(self) -> bool:
        """Whether nobody wrote it: it was made for a file of predictions without a suite."""
        return self._implied

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the content; comments, order and defaults written out don't matter."""
        return content_digest(self.model_dump())

    def line(self, path: KeyPath) -> int | None:
        """Return the line of an entry, such as ``("checks", "attack", "recipes", 0)``.

        What is not written in the file gets the line of the nearest entry around it.
        """
        return self._document.line(path) if self._document else None

    def error(self, path: KeyPath, message: str, hint: str | None = None) -> SuiteError:
        """Return an error about an entry that names the entry's file and line."""
        if self._document is None:
            return SuiteError(message, hint=hint)
        return self._document.error(path, message, hint)

    def parse_params(self, check: str, model: type[_Model]) -> _Model:
        """Validate the parameters of a check.

        Raises
        ------
        SuiteError
            Naming the file and the line of the first parameter that does not fit ``model``.
        """
        try:
            return model.model_validate(dict(self.checks[check].params))
        except ValidationError as error:
            base: KeyPath = ("checks", check)
            problem = first_problem(
                error, model, lambda path: self.line((*base, *path)), CheckConfig.RESERVED
            )
            message = f"check '{check}': {problem.message}"
            raise self.error((*base, *problem.path), message, problem.hint) from None

    def replace_data(
        self,
        *,
        path: str | None = None,
        text: str | None = None,
        pair: str | None = None,
        label: str | None = None,
        split: str | None = None,
        prediction: str | None = None,
        score: str | None = None,
        scores: Mapping[str, str] | None = None,
        groups: Sequence[str] | None = None,
        id: str | None = None,  # noqa: A002  (the key in a suite)
        positive: str | None = None,
    ) -> Suite:
        """Return the suite with other data, as the command line's flags ask for.

        A new ``path`` keeps the columns; the name, split and revision of the old data set go.
        A new ``score`` takes the place of ``scores`` too. ``positive`` is the suite's own key.

        Raises
        ------
        UsageError
            If the columns do not make sense together.
        """
        asked = {"path": path, "text": text, "pair": pair, "label": label, "split": split}
        asked |= {"id": id, "prediction": prediction, "score": score}
        changes: dict[str, Any] = {key: one for key, one in asked.items() if one is not None}
        if groups is not None:
            changes["groups"] = tuple(groups)
        if score is not None:
            changes["scores"] = {}
        if scores:
            changes |= {"score": None, "scores": dict(scores)}
        if path is not None:
            changes = {"name": None, "revision": None, "split": None, **changes}
        try:
            data = DataConfig.model_validate({**self.data.model_dump(), **changes})
        except ValidationError as error:
            problem = first_problem(error, DataConfig)
            raise UsageError(f"the data asked for: {problem.message}", hint=problem.hint) from None
        update: dict[str, Any] = {"data": data}
        if positive is not None:
            update["positive"] = positive
        return self.model_copy(update=update)


def content_digest(content: Mapping[str, Any]) -> str:
    """Return the digest of a suite from its content as a record holds it.

    A record's content stays what it was when a later schema knows more keys.
    """
    return hashlib.sha256(_canonical(content)).hexdigest()


def _canonical(content: Any) -> bytes:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()
