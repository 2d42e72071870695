"""Pages for chat, bulk work and review. Nothing is here yet."""
