"""Events of coding agents: their spool, their forms, and the secrets taken out of them."""
