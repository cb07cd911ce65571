-- Which repositories still carry a rejected pattern?
select
    repository,
    name,
    kind,
    language,
    n_places,
    places[1] as first_place,
    reason,
    decided_at
from rejected_patterns_in_repositories
order by repository, n_places desc, name, pattern_id
