"""What a model card says that no measurement can: purpose, limits, risk.

Each text keeps to the lengths of SageMaker's model-card schema.
"""

from __future__ import annotations

NAME = "Displayed-expression classifier"

PURPOSE = (
    "Answers, for one aligned face crop, how much it looks like each of seven displayed "
    "expressions (anger, disgust, fear, happiness, neutral, sadness, surprise) as people label "
    "pictures of faces. It says nothing about what a person feels, thinks or intends."
)

INTENDED = (
    "Aggregates over many respondents and instants of recordings whose makers know what they are "
    "made for: tests of ads, films and user interfaces."
)

NOT_INTENDED = (
    "Workplaces and education (banned by Article 5(1)(f) of the EU AI Act), decisions about one "
    "person, health, security, deception, hiring, children without a guardian's consent, "
    "real-time use, faces under 40 px or in profile."
)

RISK_RATING = "High"
"""SageMaker's enum: High, Medium, Low, Unknown."""

RISK = (
    "A system that infers expressions from faces is easily read as one that infers feelings, and "
    "in the EU its use in workplaces and education is prohibited and elsewhere high-risk or "
    "subject to transparency duties. Errors differ between expressions and may differ between "
    "groups of people. Results are aggregates with a person's review, never decisions."
)

PROBLEM = (
    "Watching how respondents' faces react to a stimulus takes trained coders many times the "
    "length of the recording; a consistent first reading of displayed expressions saves that."
)

STAKEHOLDERS = (
    "Marketers who read reports, data operations who run the platform, auditors who sign off the "
    "model, respondents whose faces are recorded."
)

LINE_OF_BUSINESS = "Market research"

FACTORS: tuple[tuple[str, str], ...] = (
    (
        "Whose faces",
        (
            "FER2013 was collected by web search in 2013. It is not balanced by age, gender, skin "
            "tone or culture, and carries no such labels. How the system treats groups has to be "
            "audited with labelled panels; no figure here speaks of it."
        ),
    ),
    (
        "Acted and picked",
        (
            "Many pictures are posed or chosen for a strong expression. Respondents watching a "
            "screen show weaker ones; expect more neutral."
        ),
    ),
    (
        "Other conditions",
        (
            "Hands before the face, heavy make-up, masks, sunglasses and strong turns are rare in "
            "the data. Answers there are less sure and may be wrong."
        ),
    ),
    (
        "Labels are votes",
        (
            "Annotators agree on the majority in most pictures, not in all; that caps what any "
            "model can score."
        ),
    ),
)

ETHICS = (
    "An expression is not a feeling: reports speak of displayed expressions only. Respondents "
    "consent to the recording and its purpose. No output, feature or head of the model concerns "
    "age, gender or race."
)

CAVEATS = (
    "Read rare expressions with their intervals. Use the sealed abstention threshold. Do not "
    "compare single persons. Evaluate again on pictures of your own recordings before you rely on "
    "figures from the web's."
)
