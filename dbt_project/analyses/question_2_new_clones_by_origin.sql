-- New clones per 1,000 added lines, by origin?
select
    origin,
    sum(n_new_clones)::bigint as n_new_clones,
    sum(n_added_lines)::bigint as n_added_lines,
    round(1000.0 * sum(n_new_clones) / nullif(sum(n_added_lines), 0), 2) as clones_per_1000_lines
from clone_density
group by origin
order by origin
