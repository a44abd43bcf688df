"""Who is who, and who is the respondent: made recordings of which that is known.

Recordings are made of photographs of faces, posed, lit and moved like people before a
webcam; a build of the platform analyses them by its own command line, and what it
publishes is held against the truth.

What the figures can and cannot say: there is one photograph for each person. The same person's
appearances differ by turn of the head, distance, light, lids, mouth, noise and compression,
never by another day, haircut or pair of glasses, so that keeping one person together is
easier here than in life. Telling people apart is not made easier. Real clips supplement the
first (`benchmarks.identity.real`).
"""
