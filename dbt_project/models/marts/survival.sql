with curves as (

    select * from {{ ref('survival_curves') }}

),

-- a curve falls and never rises, so its value at an age is the lowest it had until then
by_curve as (

    select
        curve_id,
        unit,
        origin,
        is_all_repositories,
        repository,
        is_all_models,
        model,
        sum(n_observed)::bigint as n_units,
        sum(n_ended)::bigint as n_ended,
        max(day) as longest_day,
        min(day) filter (where survival <= 0.5) as median_days,
        coalesce(sum(n_observed) filter (where day >= 30), 0)::bigint as n_at_risk_30,
        coalesce(sum(n_observed) filter (where day >= 90), 0)::bigint as n_at_risk_90,
        case when max(day) >= 30 or min(survival) = 0 then coalesce(min(survival) filter (where day <= 30), 1) end
            as survival_30,
        case when max(day) >= 90 or min(survival) = 0 then coalesce(min(survival) filter (where day <= 90), 1) end
            as survival_90
    from curves
    group by curve_id, unit, origin, is_all_repositories, repository, is_all_models, model

),

explained as (

    select
        *,
        case
            when survival_90 is null then 'none was seen for ' || case when survival_30 is null then 30 else 90 end || ' days'
        end as survival_unknown_reason
    from by_curve

)

select * from explained
