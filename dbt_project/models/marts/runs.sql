with runs as (

    select * from {{ ref('stg_runs') }}

),

phases as (

    select
        run_id,
        count(*) as n_phases,
        sum(seconds)::double precision as phase_seconds,
        sum(cpu_seconds)::double precision as cpu_seconds,
        (array_agg(phase order by seconds desc, phase))[1] as slowest_phase
    from {{ ref('stg_run_phases') }}
    group by run_id

),

joined as (

    select
        runs.run_id,
        runs.started_at,
        runs.ended_at,
        runs.status,
        extract(epoch from runs.ended_at - runs.started_at)::double precision as seconds,
        phases.phase_seconds,
        phases.cpu_seconds,
        coalesce(phases.n_phases, 0) as n_phases,
        phases.slowest_phase,
        runs.peak_memory_mib,
        runs.error,
        runs.degraded,
        case
            when runs.ended_at is not null then null
            when runs.status = 'running' then 'it had not ended when the marts were built'
            else 'it was ended from outside'
        end as end_unknown_reason
    from runs
    left join phases on runs.run_id = phases.run_id

)

select * from joined
