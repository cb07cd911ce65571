"""The quorum: who votes (`members`), on what (`votes`), and what it comes to (`rule`, `verdicts`)."""
