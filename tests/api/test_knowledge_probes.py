"""What a base says of its embedding model, and that a model which reads nothing never makes hybrid search worse than words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.knowing import Base, embedding, ok
from tests.cli.terminal import run
from tests.live import Live, live

TOPICS = ["otter", "beaver", "heron", "falcon", "badger", "lizard", "salmon", "weasel", "magpie", "hamster"]
ENGLISH = {
    f"{name}.txt": f"The {name} eats at the old mill. Nobody feeds the {name} in winter. A {name} sleeps long.".encode()
    for name in TOPICS
}
ANIMALS = ["水獭", "河狸", "苍鹭", "猎鹰", "狗獾", "蜥蜴", "鲑鱼", "鼬鼠", "喜鹊", "仓鼠"]
CHINESE = {
    f"{name}.txt": f"{name}在旧磨坊旁边觅食，很少离开那里。冬天没有人给{name}喂食物。每只{name}都睡得很久。".encode()
    for name in ANIMALS
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server whose embedding models give vectors that depend on the text alone, so they read no language."""
    with live(tmp_path_factory.mktemp("probes") / "home") as running:
        embedding(running, "blind")
        embedding(running, "other", dimensions=16)
        yield running


@pytest.fixture(scope="module")
def base(server: Live) -> Base:
    base = Base.made(server, "animals", embedding_model="blind")
    base.add({**ENGLISH, **CHINESE})
    return base


def test_a_new_base_says_what_its_model_does_not_read(server: Live) -> None:
    made = ok(server.http.post("/v1/knowledge_bases", json={"name": "fresh", "embedding_model": "blind"}))
    assert made["probe"]["chunks"] == 0 and set(made["probe"]["scripts"]) == {"latin", "han"}
    assert [each for each in made["warnings"] if "'blind' does not read Chinese well" in each and "bge-m3" in each]
    body = {"name": "english", "embedding_model": "blind", "language": "en-GB"}
    assert not any("Chinese" in each for each in ok(server.http.post("/v1/knowledge_bases", json=body))["warnings"])


def test_a_base_without_vectors_has_no_probe(server: Live) -> None:
    base = Base.made(server, "words")
    base.add(ENGLISH)
    assert base.info()["probe"] is None and base.info()["warnings"] == []


def test_the_probe_counts_sentences_of_both_scripts(base: Base) -> None:
    probe = base.info()["probe"]
    assert (probe["model"], probe["generation"], probe["chunks"]) == ("blind", 1, 20)
    for script in ("latin", "han"):
        each = probe["scripts"][script]
        assert each["sentences"] == 10 and each["by_words"] == 1 and each["by_vectors"] < 1 and each["weight"] < 0.3


@pytest.mark.parametrize("query", ["Where does the heron eat?", "badger", "苍鹭在哪里觅食", "喜鹊"])
def test_hybrid_search_is_as_good_as_words(base: Base, query: str) -> None:
    words = base.search(query, mode="lexical", top_k=3)["data"]
    both = base.search(query, mode="hybrid", top_k=3)["data"]
    assert both[0]["document"] == words[0]["document"]
    assert all(0 <= hit["score"] <= 1 for hit in words + both)


def test_scores_do_not_depend_on_how_many_hits_are_wanted(base: Base) -> None:
    scores = [base.search("Where does the heron eat?", top_k=k)["data"][0]["score"] for k in (1, 5, 20)]
    assert scores[0] == scores[1] == scores[2]


def test_a_weak_match_scores_below_a_strong_one(base: Base) -> None:
    strong = base.search("the heron eats at the old mill", mode="lexical")["data"][0]["score"]
    weak = base.search("Which engineer repaired the old ferry across the wide river?", mode="lexical")["data"][0][
        "score"
    ]
    assert weak < 0.5 < strong


def test_another_model_is_measured_when_the_base_is_indexed_with_it(base: Base) -> None:
    base.wait(base.reindex(embedding_model="other"))
    base.add({"one more.txt": b"The stoat sleeps."})
    probe = base.info()["probe"]
    assert (probe["model"], probe["generation"]) == ("other", 2)


def test_people_see_the_warnings(server: Live, base: Base) -> None:
    shown = run("kb", "show", "animals", "-e", server.url)
    assert "weight of vectors" in shown.stdout and "does not read Chinese well" in shown.stdout + shown.stderr
    checked = run("doctor", "-e", server.url, MODELYARD_HOME=str(server.home))
    assert "base animals" in checked.stdout and "does not read Chinese well" in checked.stdout
