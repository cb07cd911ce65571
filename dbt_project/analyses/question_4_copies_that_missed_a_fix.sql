-- Which copies were not fixed when their source was?
-- Where nothing tells which of the two was first (direction undecided), either may be the source.
select
    round(days_behind)::integer as days_behind,
    copy_repository || '/' || copy_path || ':' || copy_name as copy,
    source_repository || '/' || source_path || ':' || source_name as source,
    substr(changed_sha, 1, 10) as fix,
    changed_subject as subject,
    status,
    direction
from drift
where is_fix and status in ('open', 'changed otherwise')
order by days_behind desc, copy, source, changed_sha
