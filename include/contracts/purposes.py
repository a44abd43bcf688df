"""What displayed expressions may be analysed for: a closed list, and what is always denied.

The denied contexts are those of the EU AI Act, Regulation (EU) 2024/1689, Article 5(1)(f):
inferring emotions of people "in the areas of workplace and education institutions". Settings
may deny more and allow more, the latter with the name of a person who answers for it; nothing
takes a denied context away.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

CONSENTED = "academic_research_consented"
ALLOWED = ("market_research", "ux_research", "media_research", CONSENTED)

WORKPLACE, EDUCATION = "the workplace", "education"

# Beginnings and parts of words, of six letters or more, in Latin letters without accents. A
# match costs a study no more than it costs any purpose that is not on the list: it chooses
# the sentence. Languages: English, German, French, Spanish, Italian, Portuguese, Dutch,
# Polish, Swedish.
_PARTS = {
    WORKPLACE: """
        workplace workforce worker employ recruit personnel humanresource jobapplic jobinterview
        jobcandidate coworker workingtime applicant performancereview appraisal
        arbeitsplatz arbeitnehm arbeitgeb arbeitszeit mitarbeit beschaftig beschaeftig bewerb
        personalabteil personalauswahl personalwesen personalgewinn personalentwick personalmanag
        angestellt belegschaft einstellungsgespr vorstellungsgespr betriebsrat
        salarie recrut embauche travailleur candidat
        trabaj contratacion reclut seleccionde oficina
        lavoro lavorat dipendent assunzion
        trabalh funcionari
        werkplek werknemer medewerker sollicit personeel
        pracowni rekrut zatrudn
        arbetsplats anstall medarbetar rekryter
    """,
    EDUCATION: """
        education educat classroom student pupils teacher elearning proctor examinee
        highschool schoolchild kindergart
        schule schuler schueler schulkind unterricht klassenzimmer ausbildung weiterbildung lehrer
        lehrling studierende prufung pruefung horsaal hoersaal azubi
        etudiant enseign eleves salledeclasse
        escuela estudiant alumno ensenanza educacion
        scuola studente studenti istruzione alunni
        escola alunos educacao
        klaslokaal onderwijs leerling
        szkola szkole uczniow edukac
        utbildning elever klassrum
    """,
}
_WORDS = {
    WORKPLACE: """
        hr job jobs work working office staff staffing hire hires hiring onboarding payroll
        arbeit personal buro buero emploi travail bureau rh empleo pracy jobb
    """,
    EDUCATION: """
        school schools teaching learning lesson lessons exam exams lecture pupil bildung klasse
        schul ecole eleve examen aula aulas lezione leccion lekcja skola elev
    """,
}
_ACT = (
    r"(?:monitor|surveil|screen|assess|evaluat|apprais|proctor|profil|ueberwach|uberwach|beurteil|"
    r"bewert|kontroll)"
)
_WHO = {
    WORKPLACE: r"(?:employees?|staff|workers?|workforce|applicants?|job candidates?|personnel|"
    r"mitarbeit\w*|arbeitnehm\w*|beschaftigte\w*|beschaeftigte\w*|bewerber\w*|belegschaft)",
    EDUCATION: r"(?:students?|pupils?|learners?|schoolchildren|schuler\w*|schueler\w*|"
    r"studierende\w*)",
}
_MIXED = r"(?: (?:of|our|the|all|your|der|die|von|unsere\w*)){0,3} "
_PHRASES = {
    WORKPLACE: r"job interviews?|employee (?:engagement|satisfaction|mood|performance)|"
    r"mitarbeiter(?:zufrieden|stimmung|uberwach|ueberwach|beurteil|bewert)\w*|"
    r"(?:bewerbungs|vorstellungs|einstellungs|personal)gesprach\w*|emotions? at work|"
    r"entretiens? d embauche|entrevistas? de trabajo",
    EDUCATION: r"(?:student|pupil|classroom) (?:engagement|attention|mood)|exam supervision|"
    r"emotions? in class|(?:schuler|schueler|unterrichts)(?:uberwach|ueberwach|aufmerksam)\w*",
}
_PLAIN = {
    context: re.compile(rf"\b(?:{_ACT}\w*{_MIXED}{who}|{who} {_ACT}\w*|{_PHRASES[context]})\b")
    for context, who in _WHO.items()
}


def folded(text: str) -> str:
    """Return a purpose in one form: lower case, words joined by underscores, no accents."""
    return "_".join(_words(text))


def is_allowed(purpose: str, added: Iterable[str] = ()) -> bool:
    """Whether a purpose is on the closed list or among the added ones."""
    return folded(purpose) in {*ALLOWED, *map(folded, added)}


def denied_context(text: str, more: Iterable[str] = ()) -> str | None:
    """Return the context that denies a purpose, None where none does.

    Args:
        text: The purpose.
        more: Words that deny as well; one of several words denies where all of them stand.
    """
    words = _words(text)
    for candidate in more:
        wanted = set(_words(candidate))
        if wanted and wanted <= set(words):
            return candidate
    joined = "".join(words)
    for context, parts in _PARTS.items():
        if any(part in joined for part in parts.split()):
            return context
        if not set(words).isdisjoint(_WORDS[context].split()):
            return context
    return None


def denied_in_prose(text: str) -> str | None:
    """Return the denied context that free text plainly states, None where none is.

    A title may name workplaces or schools and state neither: an advertisement for school
    books, respondents who are students. So only phrases count that say of whom it is done:
    "monitoring of employees", "job interviews", "classroom attention".
    """
    words = " ".join(_words(text))
    return next((context for context, plain in _PLAIN.items() if plain.search(words)), None)


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ł", "l")).casefold()
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    return re.findall(r"[^\W_]+", letters)
