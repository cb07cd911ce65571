with recursive copies as (

    select * from {{ ref('int_copies') }}

),

continuations as (

    select * from {{ ref('int_continuations') }}

),

versions as (

    select * from {{ ref('int_lineage_versions') }}

),

commits as (

    select * from {{ ref('stg_commits') }}

),

ends as (

    select copy_id as start_id from copies
    union
    select source_id as start_id from copies

),

descended as (

    select ends.start_id, ends.start_id as node_id from ends
    union
    select descended.start_id, children.node_id
    from descended
    -- each looked up for itself: a join sorts all continuations again for every generation (237 of them in 65 s)
    cross join lateral (
        select continuations.child_id as node_id
        from {{ ref('int_continuations') }} as continuations
        where continuations.parent_id = descended.node_id
        offset 0
    ) as children

),

-- a version whose normal form is that of one it continues changed no more than words or layout
unchanged as (

    select distinct continuations.child_id
    from continuations
    inner join versions as parents on continuations.parent_id = parents.node_id
    inner join versions as children on continuations.child_id = children.node_id
    where parents.pattern_id = children.pattern_id

),

told as (

    select
        descended.start_id,
        descended.node_id,
        versions.repo_id,
        versions.repository,
        versions.path,
        versions.qualified_name,
        versions.pattern_id,
        versions.sha,
        versions.position,
        versions.occurred_at,
        versions.is_live,
        versions.ended_at,
        commits.subject,
        descended.node_id <> descended.start_id and unchanged.child_id is null as is_change,
        coalesce(commits.is_fix, false) as is_fix
    from descended
    inner join versions on descended.node_id = versions.node_id
    left join commits on versions.repo_id = commits.repo_id and versions.sha = commits.sha
    left join unchanged on descended.node_id = unchanged.child_id

)

select * from told
