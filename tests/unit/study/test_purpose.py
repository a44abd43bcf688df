"""Purposes: a closed list, a denial that nothing takes away, and sentences that help."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from include.contracts.errors import PermanentInputError
from include.contracts.purposes import ALLOWED
from include.settings import DiscoverySettings
from include.study.purpose import require_allowed, require_harmless
from include.study.study_file import parse_study_file


def refusal(purpose: str, **settings: object) -> PermanentInputError | None:
    try:
        require_allowed("spot", purpose, DiscoverySettings.model_validate(settings))
    except PermanentInputError as error:
        return error
    return None


@pytest.mark.parametrize(
    "purpose", [*ALLOWED, "Market Research", " market-research ", "MEDIA_RESEARCH", "UX research"]
)
def test_the_list_is_allowed_however_it_is_written(purpose: str) -> None:
    assert refusal(purpose) is None


@pytest.mark.parametrize(
    "purpose", ["ad_test", "astrology", "research", "market_reserach", "-", "市場"]
)
def test_anything_else_is_refused_with_what_is_allowed_and_how_to_add(purpose: str) -> None:
    error = refusal(purpose)

    assert error is not None
    assert error.code == "purpose_denied"
    assert repr(purpose) in error.sentence
    assert all(name in error.sentence for name in ALLOWED)
    assert "FEX_DISCOVERY__ADDED_PURPOSES=" in error.remedy
    assert ("nearest: market_research" in error.sentence) is (purpose == "market_reserach")


@pytest.mark.parametrize(
    ("purpose", "context"),
    [
        *((word, "the workplace") for word in ("work_place", "workplaces", "employees", "HR")),
        *((word, "the workplace") for word in ("recruitment", "Arbeitsplatz", "Bewerbung")),
        *((word, "the workplace") for word in ("Beschäftigte", "embauche", "trabajo", "lavoro")),
        *((word, "the workplace") for word in ("medewerkers", "pracowników", "human resources")),
        *(
            (word, "education")
            for word in ("classroom", "Schüler", "e-learning", "école", "Ausbildung")
        ),
        *((word, "education") for word in ("education", "students", "exam proctoring", "scuola")),
        ("market_research for employees", "the workplace"),
    ],
)
def test_workplaces_and_education_are_denied_by_name(purpose: str, context: str) -> None:
    error = refusal(purpose)

    assert error is not None
    assert repr(context) in error.sentence
    assert "Article 5(1)(f)" in error.sentence
    assert "ADDED_PURPOSES" not in error.remedy


def test_a_person_adds_a_purpose_and_answers_for_it() -> None:
    added = ["brand_tracking=Anna Muster"]
    assert refusal("Brand tracking", added_purposes=added) is None
    assert refusal("brand", added_purposes=added) is not None


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("brand_tracking", "purpose=Name of the person"),
        ("brand_tracking=", "purpose=Name of the person"),
        ("=Anna Muster", "purpose=Name of the person"),
        ("employee_mood=Anna Muster", "denied by the EU AI Act"),
        ("Schulen=Anna Muster", "denied by the EU AI Act"),
    ],
)
def test_what_cannot_be_added(added: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DiscoverySettings(added_purposes=(added,))


def test_settings_deny_more_and_never_less() -> None:
    assert refusal("employees", denied_purposes=()) is not None
    assert refusal("market_research", denied_purposes=["political"]) is None
    political = refusal("political_media_research", denied_purposes=["political"])
    assert political is not None
    assert "'political'" in political.sentence
    # The house may deny even what the list allows.
    assert refusal("media_research", denied_purposes=["media"]) is not None


@pytest.mark.parametrize(
    "text",
    [
        *("Monitoring of our employees", "Job interviews, spring", "Employee screening"),
        *("Beurteilung der Mitarbeiter", "Mitarbeiterzufriedenheit 2026", "Classroom attention"),
    ],
)
def test_free_text_that_plainly_states_a_denied_context_denies(text: str) -> None:
    file = parse_study_file("s", "study.yaml", f"purpose: ux_research\ntitle: {text}".encode())
    with pytest.raises(PermanentInputError, match="says in its title") as caught:
        file.check("s", DiscoverySettings())
    assert caught.value.code == "purpose_denied"


@pytest.mark.parametrize(
    "text",
    [
        *("Ad for school books", "Spot for HR software", "Students watch an energy drink ad"),
        *("Personal attention to the brand", "Office supplies, evaluation of three spots"),
    ],
)
def test_a_title_may_name_a_school_without_being_about_one(text: str) -> None:
    require_harmless("s", "says in its title", text)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("purpos: market_research", "`purpos` (did you mean `purpose`?)"),
        ("purpose: ux_research\nconsnet: required", "`consnet` (did you mean `consent`?)"),
        ("purpose: ux_research\nconsent: maybe", "write `required` or `not_required`"),
        ("purpose: ux_research\nconsent: yes", "write `required` or `not_required`"),
        ("purpose: ux_research\nconsent:", "write `required` or `not_required`"),
        ("purpose: workplace\npurpose: ux_research", "says `purpose` a second time in line 2"),
        ("Purpose: workplace\npurpose: ux_research", "says `purpose` a second time in line 2"),
        ("purpose: ux_research\nzzz: 1", "`zzz` that nobody reads; the keys are purpose, consent"),
    ],
)
def test_a_rule_is_never_passed_over_for_its_spelling(content: str, said: str) -> None:
    with pytest.raises(PermanentInputError) as caught:
        parse_study_file("Spot", "study.yaml", content.encode())
    assert said in caught.value.sentence
    assert caught.value.code == "bad_study_file"


def test_what_a_study_file_says() -> None:
    read = parse_study_file(
        "s", "study.yaml", b"Purpose: ' UX research '\nConsent: Not required\nTitle: Spring\n"
    )
    assert (read.purpose, read.consent, read.texts) == ("UX research", False, {"title": "Spring"})
    assert parse_study_file("s", "study.yaml", b"purpose: x\nconsent: required").consent is True
    assert parse_study_file("s", "study.yaml", b"purpose: x").consent is None
