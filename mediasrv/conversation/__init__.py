"""From words heard to words spoken: sentences, history, and what of it the caller in fact heard."""
