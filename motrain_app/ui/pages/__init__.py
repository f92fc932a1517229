"""The pages, one file each; a page shows the session's state and turns gestures into changes of its design."""
