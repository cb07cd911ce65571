with source as (

    select * from {{ source('stemma', 'lineage_events') }}

),

renamed as (

    select
        event_id,
        occurred_at,
        repo_id,
        node_id,
        event_type,
        sha,
        detail ->> 'boundary' as birth_unknown_reason,
        (occurred_at at time zone 'UTC')::date as occurred_on
    from source

)

select * from renamed
