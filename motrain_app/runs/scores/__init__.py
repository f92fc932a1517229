"""Scores of a run as a person asks for them: stored or by group, of cells, verdicts, years; as tables and files."""
