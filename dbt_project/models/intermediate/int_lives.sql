{{ config(materialized='view') }}

with lives as (

    select * from {{ ref('stg_lives') }}

),

commits as (

    select * from {{ ref('int_repository_commits') }}

),

aged as (

    select
        lives.life_id,
        lives.repo_id,
        lives.unit,
        lives.origin,
        lives.model,
        lives.n_units,
        lives.is_ended,
        -- an end on the first day is of that day: ages are told in days begun
        greatest(
            ceil(coalesce(lives.days, extract(epoch from commits.head_at - lives.began_at)::double precision / 86400)),
            1
        )::integer as day
    from lives
    inner join commits on lives.repo_id = commits.repo_id

)

select * from aged
