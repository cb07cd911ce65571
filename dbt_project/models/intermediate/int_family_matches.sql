{{ config(materialized='view') }}

with matches as (

    select * from {{ ref('stg_matches') }}

),

family_members as (

    select * from {{ ref('stg_family_members') }}

),

by_family as (

    select
        members_a.family_id,
        count(*) filter (where matches.clone_type = 'type-3') as n_type_3_pairs,
        count(*) filter (where matches.clone_type = 'semantic') as n_semantic_pairs,
        min(matches.score) as lowest_score
    from matches
    inner join family_members as members_a on matches.pattern_a = members_a.pattern_id
    inner join family_members as members_b
        on matches.pattern_b = members_b.pattern_id
        and members_a.family_id = members_b.family_id
    group by members_a.family_id

)

select * from by_family
