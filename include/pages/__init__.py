"""The design system: what every page for people is made of. `docs/pages.md` shows its parts."""
