"""How far the quorum can be believed: what it tells apart, what it costs, and what attacks get past it."""
