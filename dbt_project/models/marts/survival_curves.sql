with lives as (

    select
        repo_id,
        unit,
        origin,
        day,
        n_units,
        is_ended,
        -- only what an agent had a hand in has a model
        case when origin in ('agent', 'mixed') then coalesce(model, 'unknown') end as model
    from {{ ref('int_lives') }}

),

repositories as (

    select * from {{ ref('stg_repositories') }}

),

counted as (

    select
        unit,
        origin,
        repo_id,
        model,
        day,
        grouping(repo_id) = 1 as is_all_repositories,
        grouping(model) = 1 as is_all_models,
        sum(n_units)::bigint as n_observed,
        coalesce(sum(n_units) filter (where is_ended), 0)::bigint as n_ended
    from lives
    group by
        grouping sets (
            (unit, origin, day),
            (unit, origin, repo_id, day),
            (unit, origin, model, day),
            (unit, origin, repo_id, model, day)
        )

),

at_risk as (

    select
        *,
        md5(concat_ws('|', unit, origin, coalesce(repo_id, ''), coalesce(model, ''))) as curve_id,
        (sum(n_observed) over curve)::bigint as n_at_risk
    from counted
    where is_all_models or model is not null
    window curve as (partition by unit, origin, is_all_repositories, repo_id, is_all_models, model order by day desc)

),

-- Kaplan and Meier (1958): the product over the days so far of the share of those at risk that did not end
survived as (

    select
        *,
        case
            when bool_or(n_ended = n_at_risk) over so_far then 0
            else
                exp(
                    sum(case when n_ended < n_at_risk then ln(1 - n_ended::double precision / n_at_risk) else 0 end)
                        over so_far
                )
        end as survival
    from at_risk
    window so_far as (partition by curve_id order by day)

),

named as (

    select
        survived.curve_id,
        survived.unit,
        survived.origin,
        survived.is_all_repositories,
        repositories.repository,
        survived.is_all_models,
        survived.model,
        survived.day,
        survived.n_observed,
        survived.n_ended,
        survived.n_at_risk,
        -- logarithms leave noise in the last digits
        round(survived.survival::numeric, 12)::double precision as survival
    from survived
    left join repositories on survived.repo_id = repositories.repo_id

)

select * from named
