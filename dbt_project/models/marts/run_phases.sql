with phases as (

    select * from {{ ref('stg_run_phases') }}

),

runs as (

    select * from {{ ref('stg_runs') }}

),

joined as (

    select
        phases.run_id,
        phases.phase,
        runs.started_at,
        phases.seconds,
        phases.cpu_seconds,
        phases.n_rows,
        case when phases.n_rows is not null then phases.n_rows / nullif(phases.seconds, 0)::double precision end
            as rows_per_second
    from phases
    inner join runs on phases.run_id = runs.run_id

)

select * from joined
