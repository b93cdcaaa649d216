"""One run that shows whether a board does the work: engines, deadline, a live session, and a page to send back."""
