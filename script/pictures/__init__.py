"""Pictures of a running dashboard, for the documentation."""
