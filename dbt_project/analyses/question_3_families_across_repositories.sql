-- Which families span three or more repositories?
select
    family,
    language,
    clone_type,
    n_repositories,
    n_places,
    array_to_string(repositories, ', ') as repositories
from families
where n_repositories >= 3
order by n_repositories desc, n_places desc, family, family_id
