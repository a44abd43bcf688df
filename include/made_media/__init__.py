"""Recordings made of photographs, for demonstrations, checks of the stack, audits and tests.

`demo_video`: one face with a cut and a stretch without; `posed_faces`: respondents who display
what they are told to; `pasted_faces`: photographs of an audit set as people before a webcam.
"""
