"""Many chats, surely and once: what is asked for, what is kept of it, how it runs, what became of it."""
