"""`client.evaluations`: evaluation sets of knowledge bases, their questions, and the runs that measure searches with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from modelyard.client.calls import CallGroup, S, call
from modelyard.client.request import Request, an_object, at, data_of, given
from modelyard.client.resources.knowledge import BASES

if TYPE_CHECKING:
    from modelyard.client.evaluation_types import (
        EvaluationSetDict,
        QuestionDict,
        QuestionPageDict,
        QuestionsImportedDict,
        RunDetailDict,
        RunDict,
    )
    from modelyard.client.knowledge_types import DeletedDict

QuestionFormat = Literal["jsonl", "csv"]
SetDicts = list["EvaluationSetDict"]
QuestionDicts = list["QuestionDict"]
RunDicts = list["RunDict"]


class EvaluationCalls(CallGroup[S]):
    """Evaluation sets of knowledge bases: questions with what answers them, and the runs that measure searches with them."""

    @call
    def create(self, base: str, name: str, questions: Sequence[Mapping[str, Any]] = ()) -> Request[EvaluationSetDict]:
        """Make a set. A question has `question` and `relevant`: objects with `document`, `page`, `text`, `chunk_id`, `grade`."""
        body = {"name": name, "questions": [dict(each) for each in questions]}
        return Request("POST", _path(base), an_object, body=body)

    @call
    def get(self, base: str, set: str) -> Request[EvaluationSetDict]:
        """A set by its id."""
        return Request("GET", _path(base, set), an_object)

    @call
    def rename(self, base: str, set: str, name: str) -> Request[EvaluationSetDict]:
        """Rename a set."""
        return Request("PATCH", _path(base, set), an_object, body={"name": name})

    @call
    def delete(self, base: str, set: str) -> Request[DeletedDict]:
        """Delete a set with its questions and runs."""
        return Request("DELETE", _path(base, set), an_object)

    @call
    def questions(self, base: str, set: str, limit: int = 2000, after: str | None = None) -> Request[QuestionPageDict]:
        """The questions of a set, in `data`; `after` is the `next` of the page before."""
        return Request("GET", _path(base, set, "questions"), an_object, given(limit=str(limit), after=after))

    @call
    def add_questions(self, base: str, set: str, questions: Sequence[Mapping[str, Any]]) -> Request[QuestionDicts]:
        """Add questions to a set, at most 1,000."""
        body = {"questions": [dict(each) for each in questions]}
        return Request("POST", _path(base, set, "questions"), data_of, body=body)

    @call
    def change_question(
        self, base: str, set: str, number: int, question: str, relevant: Sequence[Mapping[str, Any]]
    ) -> Request[QuestionDict]:
        """Change a question, and what answers it."""
        body = {"question": question, "relevant": [dict(each) for each in relevant]}
        return Request("PATCH", _path(base, set, "questions", number), an_object, body=body)

    @call
    def delete_questions(self, base: str, set: str, ids: Sequence[int]) -> Request[DeletedDict]:
        """Delete questions by their ids."""
        return Request("POST", _path(base, set, "questions", "delete"), an_object, body={"ids": list(ids)})

    @call
    def import_questions(
        self, base: str, set: str, text: str, format: QuestionFormat = "jsonl"
    ) -> Request[QuestionsImportedDict]:
        """Add the questions of a file of JSON lines or CSV; if a line is wrong, nothing is added and `wrong` says why."""
        return Request("POST", _path(base, set, "import"), an_object, body={"text": text, "format": format})

    @call
    def export(self, base: str, set: str, format: QuestionFormat = "jsonl") -> Request[str]:
        """The questions of a set as JSON lines or CSV."""
        return Request("GET", _path(base, set, "export"), bytes.decode, {"format": format}, raw=True)

    @call
    def run(self, base: str, set: str, settings: Sequence[Mapping[str, Any]] = ()) -> Request[str]:
        """Measure search settings in the background; returns the id of the job, which becomes that of the run.

        A setting has `mode`, `rerank`, `rerank_model` and `min_score`; without any, every mode of the base is measured.
        """
        body = {"settings": [dict(each) for each in settings]}
        return Request("POST", _path(base, set, "runs"), lambda answer: str(answer["job"]), body=body)

    @call
    def runs(self, base: str, set: str) -> Request[RunDicts]:
        """The finished runs of a set, newest first."""
        return Request("GET", _path(base, set, "runs"), data_of)

    @call
    def get_run(
        self,
        base: str,
        set: str,
        run: str,
        against: str | None = None,
        setting: int | None = None,
        against_setting: int | None = None,
    ) -> Request[RunDetailDict]:
        """A run with what it found for each question; with `against`, also the differences from another run, or from itself.

        `setting` and `against_setting` are numbers of settings, from 0.
        """
        query = given(
            against=against,
            setting=None if setting is None else str(setting),
            against_setting=None if against_setting is None else str(against_setting),
        )
        return Request("GET", _path(base, set, "runs", run), an_object, query)

    @call
    def delete_run(self, base: str, set: str, run: str) -> Request[DeletedDict]:
        """Delete the results of a run."""
        return Request("DELETE", _path(base, set, "runs", run), an_object)

    @call
    def list(self, base: str) -> Request[SetDicts]:
        """The evaluation sets of a base, by name."""
        return Request("GET", _path(base), data_of)


def _path(base: str, *more: str | int) -> str:
    return at(BASES, base, "evaluations", *more)
