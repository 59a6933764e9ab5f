"""What happens in chats, as typed events: from a bot's queue or posted by the portal, each handled at least once."""
