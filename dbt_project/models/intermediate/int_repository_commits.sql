{{ config(materialized='view') }}

with commits as (

    select * from {{ ref('stg_commits') }}

),

by_repository as (

    select
        repo_id,
        count(*) as n_commits,
        count(first_parent_index) as n_first_parent_commits,
        min(committed_at) as first_commit_at,
        max(committed_at) as last_commit_at,
        (array_agg(committed_at order by first_parent_index desc nulls last))[1] as head_at
    from commits
    group by repo_id

)

select * from by_repository
