"""Records: the one form in which every engine stores a model."""
