"""Whether a study's purpose may be analysed: the closed list, and the sentence that helps."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from include.contracts import purposes
from include.contracts.errors import PermanentInputError
from include.contracts.reasons import QuarantineCode

if TYPE_CHECKING:
    from include.settings import DiscoverySettings

_LAW = "EU AI Act, Article 5(1)(f)"


def require_allowed(study: str, purpose: str, settings: DiscoverySettings) -> None:
    """Hold a purpose to the closed list.

    Args:
        study: Name of the study, for sentences.
        purpose: As it is written in the study file, or the default.
        settings: Purposes that are denied and allowed beside the built-in ones.

    Raises:
        PermanentInputError: It is denied, or not on the list.
    """
    allowed = (*purposes.ALLOWED, *settings.added_purpose_names)
    context = purposes.denied_context(purpose, settings.denied_purposes)
    if context is not None:
        raise _denied(study, f"declares the purpose {purpose!r}", context)
    if purposes.is_allowed(purpose, settings.added_purpose_names):
        return
    near = difflib.get_close_matches(purposes.folded(purpose), allowed, n=1, cutoff=0.75)
    meant = f" (nearest: {near[0]})" if near else ""
    raise PermanentInputError(
        QuarantineCode.PURPOSE_DENIED,
        f"Study {study!r} declares the purpose {purpose!r}, which is not among those allowed"
        f"{meant}: {', '.join(allowed)}.",
        "State one of these in study.yaml and the recordings are taken up by themselves. Another "
        "purpose is allowed by data operations, with the name of the person who answers for it: "
        f'FEX_DISCOVERY__ADDED_PURPOSES=["{purposes.folded(purpose) or "purpose"}=Name of the '
        'person"].',
    )


def require_harmless(study: str, where: str, text: str) -> None:
    """Refuse free text of a study that plainly states a denied context.

    Args:
        study: Name of the study, for sentences.
        where: What the text is, as a clause: "its title says".
        text: The text.

    Raises:
        PermanentInputError: It states one, whatever the stated purpose is.
    """
    context = purposes.denied_in_prose(text)
    if context is not None:
        raise _denied(study, f"{where} {text[:120]!r}", context)


def _denied(study: str, statement: str, context: str) -> PermanentInputError:
    return PermanentInputError(
        QuarantineCode.PURPOSE_DENIED,
        f"Study {study!r} {statement}; analysing displayed expressions of people for {context!r} "
        f"is not permitted here ({_LAW}, or a rule of this platform).",
        "If it is stated wrongly, correct study.yaml and the recordings are taken up by "
        "themselves; else remove them.",
    )
